"""Finding the user's repository and the commit a run starts from."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.repo import BaseMissing, NotARepository, Notice, RepoError, RepositoryRefused, discover, resolve
from tests.repo_support import git, line, repository, save, write


def whats(notices: tuple[Notice, ...]) -> list[str]:
    return [each.what for each in notices]


def test_a_repository_is_found_from_any_of_its_directories(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    top, below = discover(root), discover(root / "src")
    assert top == below
    assert (top.root, top.git_dir, top.bare) == (root, root / ".git", False)
    assert len(top.id) == 16


def test_a_linked_worktree_has_its_own_head_and_the_same_id(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    git(root, "worktree", "add", "-q", "-b", "side", str(tmp_path / "linked"))
    tip = save(tmp_path / "linked", "on the side")
    linked = discover(tmp_path / "linked")
    assert linked.id == discover(root).id
    assert linked.git_dir == root / ".git"
    assert (linked.root, resolve(linked).commit, resolve(linked).ref) == (tmp_path / "linked", tip, "side")
    assert resolve(discover(root)).ref == "main"


def test_a_symlinked_path_leads_to_the_same_repository(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    (tmp_path / "link").symlink_to(root)
    assert discover(tmp_path / "link") == discover(root)


def test_a_bare_repository_will_do(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    git(tmp_path, "clone", "-q", "--bare", str(root), "b.git")
    bare = discover(tmp_path / "b.git")
    assert (bare.bare, bare.root) == (True, tmp_path / "b.git")
    assert resolve(bare).commit == line(root, "rev-parse", "HEAD")
    assert resolve(bare).notices == ()


@pytest.mark.parametrize("name", ["nothing", "file", "missing"])
def test_no_repository_is_said_with_the_fix(tmp_path: Path, name: str) -> None:
    (tmp_path / "nothing").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(NotARepository) as caught:
        discover(tmp_path / name)
    assert str(tmp_path / name) in caught.value.what
    assert caught.value.why
    assert caught.value.fix


def test_the_inside_of_dot_git_is_no_place_to_start(tmp_path: Path) -> None:
    with pytest.raises(RepositoryRefused, match="inside a .git directory"):
        discover(repository(tmp_path / "r") / ".git")


def test_sha256_objects_are_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--object-format=sha256", "s")
    with pytest.raises(RepositoryRefused, match="sha256"):
        discover(tmp_path / "s")


def test_a_broken_configuration_is_reported_as_git_says_it(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    (root / ".git" / "config").write_text("[core\n")
    with pytest.raises(RepositoryRefused, match="bad config"):
        discover(root)


def test_variables_of_the_environment_do_not_lead_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, other = repository(tmp_path / "r"), repository(tmp_path / "other", {"o": b"o"})
    for name, value in {
        "GIT_DIR": other / ".git",
        "GIT_WORK_TREE": other,
        "GIT_OBJECT_DIRECTORY": other / ".git" / "objects",
        "GIT_INDEX_FILE": other / ".git" / "index",
        "GIT_CEILING_DIRECTORIES": root,
        "GIT_NAMESPACE": "odd",
    }.items():
        monkeypatch.setenv(name, str(value))
    found = discover(root / "src")
    assert found.root == root
    assert resolve(found).commit == line(root, "rev-parse", "HEAD")
    assert resolve(found).notices == ()


# The base


def test_a_ref_of_any_kind_names_a_base(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    first = line(root, "rev-parse", "HEAD")
    git(root, "tag", "-a", "-m", "one", "v1")
    second = save(root)
    repo = discover(root)
    for ref in ("v1", first, first[:8], "HEAD~1", "refs/tags/v1", "main^", ":/first"):
        base = resolve(repo, ref)
        assert (base.commit, base.ref) == (first, ref)
        assert base.tree == line(root, "rev-parse", f"{first}^{{tree}}")
    assert (resolve(repo).commit, resolve(repo).ref) == (second, "main")


def test_an_unborn_branch_is_no_base(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "trunk", "r")
    with pytest.raises(BaseMissing, match="trunk has no commit yet") as caught:
        resolve(discover(tmp_path / "r"))
    assert "commit" in caught.value.fix


def test_an_unborn_head_beside_other_branches_names_them(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    git(root, "symbolic-ref", "HEAD", "refs/heads/unborn")
    with pytest.raises(BaseMissing, match="unborn has no commit") as caught:
        resolve(discover(root))
    assert "--base main" in caught.value.fix


def test_an_unknown_ref_names_near_ones(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    git(root, "branch", "feature/parser")
    with pytest.raises(BaseMissing) as caught:
        resolve(discover(root), "feature/parsr")
    assert caught.value.near == ("feature/parser",)
    assert "feature/parser" in caught.value.fix


@pytest.mark.parametrize(
    "ref", ["--all", "-n1", "^main", "main..main", "", " ", "a\0b", "main\n", "HEAD:src", "\udcff", "@{99}"]
)
def test_what_is_no_single_commit_is_no_base(tmp_path: Path, ref: str) -> None:
    repo = discover(repository(tmp_path / "r"))
    with pytest.raises(BaseMissing):
        resolve(repo, ref)


def test_a_replaced_commit_is_seen_as_it_is(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    true, other = line(root, "rev-parse", "HEAD"), save(root, "other")
    git(root, "replace", "-f", other, true)
    assert resolve(discover(root)).commit == other
    assert resolve(discover(root)).tree == line(root, "--no-replace-objects", "rev-parse", f"{other}^{{tree}}")


# Notices


def test_a_clean_checkout_has_no_notices(tmp_path: Path) -> None:
    assert resolve(discover(repository(tmp_path / "r"))).notices == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("printf 2 >src/app.py", "1 changed file"),
        ("printf 'x = 2\\n' >src/app.py", "1 changed file"),  # the size of before
        ("rm src/app.py", "1 changed file"),
        ("rm src/app.py && ln -s x src/app.py", "1 changed file"),
        ("rm src/app.py && mkdir src/app.py", "1 changed file"),
        ("rm src/app.py && mkfifo src/app.py", "1 changed file"),
        ("rm -r src && ln -s /etc src", "1 changed file and 1 untracked file"),
        ("chmod +x src/app.py", "1 changed file"),
        ("touch new && git add new && git rm -q --cached README.md", "2 changed files and 1 untracked file"),
        ("mkdir d && touch d/a d/b e", "2 untracked files"),
        ("mkdir n && git init -q n && touch n/a", "1 untracked file"),
        ("git update-index --add --cacheinfo 100644,e69de29bb2d1d6434b8b29ae775ad8c2e48c5391,z", "1 changed file"),
    ],
)
def test_what_no_commit_holds_is_counted(tmp_path: Path, change: str, said: str) -> None:
    root = repository(tmp_path / "r")
    subprocess.run(["/bin/sh", "-c", change], cwd=root, check=True)
    (notice,) = resolve(discover(root)).notices
    assert notice.what == f"the checkout has {said}"
    assert "not part of it" in notice.why


def test_a_checkout_that_only_looks_changed_counts_as_clean(tmp_path: Path) -> None:
    root = repository(tmp_path / "r", {"a": b"a\n", "crlf": b"1\n2\n", "ignored/x": b"", ".gitignore": b"junk\n"})
    (root / "junk").write_text("ignored")
    (root / "crlf").write_bytes(b"1\r\n2\r\n")  # as core.autocrlf lays it out
    os.utime(root / "a", (1, 1))
    assert resolve(discover(root)).notices == ()


def test_git_status_agrees_on_odd_checkouts(tmp_path: Path) -> None:
    root = repository(tmp_path / "r", {b"\xff\n name": b"1", "sparse": b"2", "kept": b"3", "bits": b"4"})
    git(root, "config", "core.fileMode", "false")
    git(root, "update-index", "--skip-worktree", "sparse")
    (root / "sparse").unlink()
    (root / "bits").chmod(0o755)
    assert git(root, "status", "--porcelain") == b""
    assert resolve(discover(root)).notices == ()
    write(root, {b"\xff\n name": b"2"})
    assert "1 changed file" in resolve(discover(root)).notices[0].what


def test_a_detached_head_is_noticed(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    git(root, "checkout", "-q", "--detach")
    base = resolve(discover(root))
    assert (whats(base.notices), base.ref) == (["HEAD is detached"], "HEAD")
    assert resolve(discover(root), "main").notices == ()


def test_a_shallow_clone_is_noticed(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    save(root)
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{root}", "s")
    assert whats(resolve(discover(tmp_path / "s")).notices) == ["the clone is shallow"]


def test_submodules_are_named(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    git(root, "submodule", "--quiet", "add", str(repository(tmp_path / "lib")), "vendor/lib")
    save(root)
    (notice,) = resolve(discover(root)).notices
    assert "1 submodule" in notice.what
    assert "vendor/lib" in notice.why


def test_lfs_is_noticed_where_attributes_say_so(tmp_path: Path) -> None:
    attributes = b"# *.txt filter=lfs\n*.bin filter=lfs diff=lfs merge=lfs -text\n"
    root = repository(tmp_path / "r", {"data/.gitattributes": attributes, "data/a.bin": b"version"})
    assert whats(resolve(discover(root)).notices) == ["the repository keeps files in Git LFS"]
    write(root, {"data/.gitattributes": b"# *.txt filter=lfs\n"})
    save(root)
    assert resolve(discover(root)).notices == ()


def test_a_tag_and_a_branch_of_one_name_are_noticed(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    git(root, "tag", "both")
    save(root)
    git(root, "branch", "both")
    (notice,) = resolve(discover(root), "both").notices
    assert "refs/heads/both" in notice.fix
    assert resolve(discover(root), "both").commit == line(root, "rev-parse", "refs/tags/both")


def test_resolving_leaves_the_checkout_as_it_was(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    (root / "src" / "app.py").write_text("x = 2\n")
    before = {path: path.lstat() for path in root.rglob("*")}
    resolve(discover(root))
    # atime is not ours to keep: the file system counts reading
    assert {p: (s.st_mtime_ns, s.st_size, s.st_ino) for p, s in before.items()} == {
        p: (s.st_mtime_ns, s.st_size, s.st_ino) for p, s in ((p, p.lstat()) for p in root.rglob("*"))
    }


def test_the_room_is_cheap_to_import() -> None:
    code = "import sys, harness.repo; print('git' in sys.modules, 'gitdb' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_a_repository_that_vanishes_is_said_to_have(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    repo = discover(root)
    shutil.rmtree(root)
    with pytest.raises(RepoError, match=str(root)):
        resolve(repo)


def test_without_git_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.repo import GitMissing

    assert shutil.which("git")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitMissing) as caught:
        discover(tmp_path)
    assert "install git" in caught.value.fix
