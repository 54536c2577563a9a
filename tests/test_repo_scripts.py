"""Work trees on their way out of a sandbox and into one, whatever the agent did to its clone.

The scripts run here as they do there: in a copy of the seed, with nothing but git and a POSIX shell.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.repo import (
    Base,
    Rejected,
    Store,
    export_script,
    fresh_script,
    import_script,
    script_failed,
    split_export,
)
from tests.repo_support import (
    ENV,
    TRAPPED_ATTRIBUTES,
    adopted,
    clone_of,
    git,
    line,
    repository,
    save,
    set_traps,
    shell,
    snapshot,
)


class House(msgspec.Struct, frozen=True):
    store: Store
    base: Base
    seed: Path

    def out(self, work: Path) -> str:
        """The tree that comes out of `work`, all the way into the store."""
        done = shell(export_script(self.base.commit), work)
        assert done.returncode == 0, done.stderr.decode()
        tip, pack = split_export(done.stdout)
        return self.store.receive(pack, tip, self.base.commit).tree

    def into(self, work: Path, tree: str) -> None:
        done = shell(import_script(tree), work, self.store.pack(tree, self.base.commit))
        assert (done.returncode, done.stdout) == (0, b""), done.stderr.decode()

    def changed(self, tree: str) -> dict[str, str]:
        return {each.path: each.status for each in self.store.changes(self.base.tree, tree)}


FILES = {
    "README.md": b"# A sample\n",
    "src/app.py": b"x = 1\n",
    "src/deep/er.py": b"y = 1\n",
    "build/tracked": b"tracked although ignored\n",
    ".gitignore": b"build/\n*.log\n",
    "crlf.bat": b"a\r\nb\r\n",
    ".gitattributes": b"*.bat text eol=crlf\n",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    where = tmp_path_factory.mktemp("scripts")
    root = repository(where / "r", FILES)
    git(root, "add", "-f", "build/tracked")
    (root / "link").symlink_to("src/app.py")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    save(root)
    _, base, store = adopted(where / "home", root)
    return House(store=store, base=base, seed=store.seed(base, os.getuid()))


@pytest.fixture
def work(house: House, tmp_path: Path) -> Iterator[Path]:
    """A workspace, and afterwards no temporary file of a script beside it."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    yield clone_of(house.seed, tmp_path / "w")
    assert list(temporary.iterdir()) == []


# Out


def test_an_untouched_tree_comes_out_as_base(house: House, work: Path) -> None:
    assert house.out(work) == house.base.tree


def test_every_kind_of_change_comes_out(house: House, work: Path) -> None:
    (work / "README.md").unlink()
    (work / "src/app.py").write_text("x = 2\n")
    (work / "src/new näme\n.py".replace("\n", " ")).write_bytes(b"\0binary")
    (work / "run.sh").chmod(0o644)
    (work / "link").unlink()
    (work / "link").symlink_to("README.md")
    shutil.rmtree(work / "src/deep")
    (work / "src/deep").write_text("a file now")
    (work / "build/tracked").write_text("changed")
    (work / "build/untracked").write_text("ignored")
    (work / "x.log").write_text("ignored")
    tree = house.out(work)
    assert house.changed(tree) == {
        "README.md": "deleted",
        "src/app.py": "modified",
        "src/new näme .py": "added",
        "run.sh": "modified",
        "link": "modified",
        "src/deep": "added",
        "src/deep/er.py": "deleted",
        "build/tracked": "modified",
    }
    assert house.store.file(tree, "src/app.py") == b"x = 2\n"
    assert {each.path: each.new_mode for each in house.store.changes(house.base.tree, tree)}["run.sh"] == "100644"


def test_an_edit_of_the_same_size_and_second_comes_out(house: House, work: Path) -> None:
    assert house.out(work) == house.base.tree
    for n in range(2, 6):
        (work / "src/app.py").write_text(f"x = {n}\n")
        assert house.store.file(house.out(work), "src/app.py") == b"x = %d\n" % n


def test_what_tools_leave_behind_stays_behind(house: House, work: Path) -> None:
    for path in ("src/__pycache__/app.pyc", ".pytest_cache/x", ".venv/bin/python", "node_modules/a/b", ".coverage"):
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_text("junk")
    assert house.out(work) == house.base.tree
    assert git(work, "status", "--porcelain") == b""


def test_the_same_tree_gives_the_same_tip(house: House, work: Path) -> None:
    (work / "new").write_text("x")
    outputs = [shell(export_script(house.base.commit), work).stdout for _ in range(2)]
    assert outputs[0].splitlines()[0] == outputs[1].splitlines()[0]


@pytest.mark.parametrize(
    "deed",
    [
        "git commit -qam done",
        "git checkout -q -b other && git commit -qam done && git branch -D main",
        "git checkout -q --detach && git commit -qam done",
        "git commit -qam done && git reset -q --hard && git update-ref -d HEAD",
        "git checkout -q --orphan fresh && git rm -rq --cached .",
        "git add -A && git stash -q && git stash pop -q",
        "rm -f .git/index .git/HEAD .git/config",
        "echo junk >.git/index; echo junk >.git/HEAD; echo junk >.git/config",
        "touch .git/index.lock .git/HEAD.lock .git/refs/heads/main.lock",
        "git update-index --assume-unchanged src/app.py && git update-index --skip-worktree README.md",
        "echo '*' >.git/info/exclude; echo '* -text filter=x' >.git/info/attributes",
        "git config core.worktree /etc; git config core.bare true; git config core.excludesFile src/app.py",
        "git config core.fileMode false; git config core.symlinks false; git config core.autocrlf true",
        "git config core.ignoreCase true; git config core.sparseCheckout true; echo nothing >.git/info/sparse-checkout",
        "git config extensions.unknown true; git config core.repositoryFormatVersion 9",
        "git gc -q --prune=now --aggressive; git pack-refs --all",
        "rm -rf .git/refs .git/logs .git/info .git/loopwright",
        "echo junk >.git/loopwright/index",
        "git worktree add -q /tmp/$$ 2>/dev/null; git worktree remove /tmp/$$",
        "git config alias.add '!touch alias'; git config alias.read-tree '!touch alias'",
        "git replace HEAD $(git commit-tree -m x HEAD^{tree}); git notes add -m x",
        "GIT_DIR=$PWD/.git git config user.name ''",
    ],
)
def test_what_the_agent_does_to_its_clone_makes_no_difference(house: House, work: Path, deed: str) -> None:
    (work / "src/app.py").write_text("x = 2\n")
    (work / "README.md").write_text("edited\n")
    subprocess.run(["/bin/sh", "-c", deed], cwd=work, check=False, env=ENV)
    (work / "src/app.py").write_text("x = 3\n")
    tree = house.out(work)
    assert house.changed(tree) == {"src/app.py": "modified", "README.md": "modified"}
    assert house.store.file(tree, "src/app.py") == b"x = 3\n"
    # and the way back in is as indifferent
    house.into(work, house.base.tree)
    assert house.out(work) == house.base.tree
    assert (work / "src/app.py").read_text() == "x = 1\n"


def test_nothing_the_clone_names_is_run_on_the_way(house: House, work: Path, tmp_path: Path) -> None:
    marker = tmp_path / "traps" / "marker"
    set_traps(work / ".git", marker)
    (work / ".gitattributes").write_bytes(TRAPPED_ATTRIBUTES)
    (work / "src/app.py").write_text("x = 2\n")
    (work / "a.txt").write_text("text")
    tree = house.out(work)
    house.into(work, house.base.tree)
    house.into(work, tree)
    assert not marker.exists()
    assert house.store.file(tree, "src/app.py") == b"x = 2\n"
    git(work, "status", check=False)  # the traps are armed
    assert marker.exists()


def test_variables_of_the_sandbox_make_no_difference(house: House, work: Path, tmp_path: Path) -> None:
    (work / "src/app.py").write_text("x = 2\n")
    odd = {
        "GIT_DIR": "/nonexistent",
        "GIT_INDEX_FILE": "/nonexistent/index",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": f"touch {tmp_path / 'marker'}",
        "GIT_EXTERNAL_DIFF": "false",
        "GIT_OBJECT_DIRECTORY": "/nonexistent",
        "GIT_TRACE": "1",
    }
    done = shell(export_script(house.base.commit), work, **odd)
    assert done.returncode == 0
    tip, pack = split_export(done.stdout)
    assert house.changed(house.store.receive(pack, tip, house.base.commit).tree) == {"src/app.py": "modified"}
    assert not (tmp_path / "marker").exists()


def test_a_repository_in_the_repository_is_rejected_with_its_path(house: House, work: Path, tmp_path: Path) -> None:
    repository(work / "nested")
    set_traps(work / "nested" / ".git", tmp_path / "traps" / "marker")
    done = shell(export_script(house.base.commit), work)
    tip, pack = split_export(done.stdout)
    with pytest.raises(Rejected) as caught:
        house.store.receive(pack, tip, house.base.commit)
    assert (caught.value.rule, caught.value.path) == ("submodule", "nested")
    shell(export_script(house.base.commit), work)
    assert not (tmp_path / "traps" / "marker").exists()


def test_an_empty_repository_in_the_repository_is_said_to_be_one(house: House, work: Path) -> None:
    (work / "nested").mkdir()
    git(work / "nested", "init", "-q")
    (work / "nested" / "f").write_text("f")
    done = shell(export_script(house.base.commit), work)
    error = script_failed(done.returncode, done.stderr)
    assert "nested" in error.why
    assert error.fix


@pytest.mark.parametrize(
    "deed",
    [
        "rm -rf .git",
        "rm -rf .git/objects",
        "rm -rf .git/objects/pack",
        "mv .git elsewhere; ln -s elsewhere .git",
        "mv .git elsewhere; echo 'gitdir: elsewhere' >.git",
        "for p in .git/objects/pack/*.pack; do rm -f $p; echo junk >$p; done",
    ],
)
def test_a_clone_without_its_objects_fails_with_its_own_code(house: House, work: Path, deed: str) -> None:
    subprocess.run(["/bin/sh", "-c", deed], cwd=work, check=True)
    done = shell(export_script(house.base.commit), work)
    assert done.returncode == 91
    assert ".git" in script_failed(done.returncode, done.stderr).why


def test_no_room_is_told_apart(house: House, work: Path) -> None:
    done = shell(export_script(house.base.commit), work, TMPDIR=str(work / "missing"))
    assert done.returncode == 92
    assert "room" in script_failed(92, done.stderr).why
    assert "status 17" in script_failed(17, b"\xff").why


@pytest.mark.parametrize("output", [b"", b"\n", b"HEAD\nPACK", b"a" * 40, b"A" * 40 + b"\n", b"\xff" * 40 + b"\nPACK"])
def test_an_export_that_is_none_is_rejected(output: bytes) -> None:
    with pytest.raises(Rejected):
        split_export(output)


@pytest.mark.parametrize("bad", ["", "HEAD", "x; touch /tmp/x", "$(touch x)" + "a" * 30, "a" * 40 + "\n"])
def test_only_ids_get_into_a_script(bad: str) -> None:
    for script in (export_script, import_script):
        with pytest.raises(Rejected):
            script(bad)


def test_a_file_nobody_may_read_is_named(house: House, work: Path) -> None:
    (work / "fifo").mkdir()
    subprocess.run(["mkfifo", str(work / "pipe")], check=True)
    assert house.out(work) == house.base.tree  # git knows no pipes


def test_a_submodule_passes_through_unchanged(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    git(root, "submodule", "--quiet", "add", str(repository(tmp_path / "lib")), "vendor/lib")
    save(root)
    _, base, store = adopted(tmp_path / "home", root)
    house = House(store=store, base=base, seed=store.seed(base, os.getuid()))
    work = clone_of(house.seed, tmp_path / "w")
    assert house.out(work) == base.tree
    (work / "src/app.py").write_text("x = 2\n")
    tree = house.out(work)
    house.into(work, base.tree)
    house.into(work, tree)
    assert house.out(work) == tree


def test_a_shallow_base_passes_through(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    save(root)
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{root}", "s")
    _, base, store = adopted(tmp_path / "home", tmp_path / "s")
    house = House(store=store, base=base, seed=store.seed(base, os.getuid()))
    work = clone_of(house.seed, tmp_path / "w")
    (work / "src/app.py").write_text("x = 2\n")
    tree = house.out(work)
    assert house.changed(tree) == {"src/app.py": "modified"}
    house.into(clone_of(house.seed, tmp_path / "w2"), tree)


# In


def plain(root: Path) -> dict[str, tuple[int, bytes]]:
    return {path: found for path, found in snapshot(root).items() if path.split("/")[0] != ".git"}


def test_a_tree_goes_in_exactly(house: House, work: Path, tmp_path: Path) -> None:
    (work / "README.md").unlink()
    (work / "src/app.py").write_text("x = 2\n")
    shutil.rmtree(work / "src/deep")
    (work / "src/deep").symlink_to("app.py")
    (work / "new").mkdir()
    (work / "new/file").write_text("new")
    (work / "run.sh").chmod(0o644)
    tree = house.out(work)
    other = clone_of(house.seed, tmp_path / "other")
    house.into(other, tree)
    assert plain(other) == plain(work)
    assert line(other, "write-tree") == tree
    assert git(other, "diff", "--stat") == b""
    assert git(other, "ls-files", "--others") == b""
    assert line(other, "rev-parse", "HEAD") == house.base.commit
    house.into(other, house.base.tree)
    assert plain(other) == plain(house.seed)
    assert git(other, "status", "--porcelain") == b""


@pytest.mark.parametrize(
    "mess",
    [
        "touch junk; mkdir -p a/b; touch a/b/c build/x y.log",
        "rm -rf src README.md; echo file >src",
        "rm -rf src; ln -s /tmp src",
        "rm README.md; mkdir -p README.md/x; touch README.md/x/y",
        "rm -rf *; rm -f .gitignore .gitattributes",
        "git init -q nested; cd nested; git -c user.name=x -c user.email=x commit -q --allow-empty -m x",
        "mkdir -p locked/in; touch locked/in/x; chmod 500 locked/in",
        "mkdir .git/objects/junk; echo junk >src/app.py; git add -A; git commit -qm x; git rm -rqf src",
        "mkfifo pipe; echo '*' >.gitignore; touch unseen",
        "chmod 755 README.md; chmod 644 run.sh",
    ],
)
def test_any_mess_is_cleared(house: House, work: Path, mess: str) -> None:
    subprocess.run(["/bin/sh", "-c", mess], cwd=work, check=True, env=ENV)
    house.into(work, house.base.tree)
    assert plain(work) == plain(house.seed)
    assert house.out(work) == house.base.tree


def test_into_a_fresh_clone_the_short_way_leads_to_the_same(house: House, work: Path, tmp_path: Path) -> None:
    (work / "src/app.py").write_text("x = 2\n")
    (work / "src/deep/er.py").unlink()
    (work / "new").mkdir()
    (work / "new/crlf.bat").write_bytes(b"a\r\n")
    (work / "link").unlink()
    (work / "link").symlink_to("README.md")
    (work / "run.sh").chmod(0o644)
    tree = house.out(work)
    short, long = clone_of(house.seed, tmp_path / "short"), clone_of(house.seed, tmp_path / "long")
    house.into(long, tree)
    done = shell(fresh_script(tree), short, house.store.pack(tree, house.base.commit))
    assert (done.returncode, done.stdout) == (0, b""), done.stderr.decode()
    for look in (("status", "--porcelain"), ("ls-files", "-s"), ("diff", tree)):
        assert git(short, *look) == git(long, *look)
    found, other = ({p: f for p, f in snapshot(at).items() if ".git" not in p.split("/")} for at in (short, long))
    assert found == other
    broken = shell(fresh_script(tree), short, b"no pack")
    assert script_failed(broken.returncode, broken.stderr).why.startswith("the objects could not be packed")


def test_a_commit_does_as_well_as_a_tree(house: House, work: Path) -> None:
    (work / "src/app.py").write_text("x = 2\n")
    tree = house.out(work)
    commit = house.store.commit(tree, house.base.commit, "m")
    house.into(work, commit)
    assert house.out(work) == tree


def test_a_pack_that_is_none_fails_and_changes_nothing(house: House, work: Path) -> None:
    before = plain(work)
    done = shell(import_script(house.base.tree), work, b"junk")
    assert done.returncode == 93
    assert plain(work) == before


names = st.sampled_from(["a", "b", "src", "README.md", "run.sh", "link", "src/app.py", "a/b", "b/a/c", "x.log"])
deeds = st.lists(
    st.tuples(st.sampled_from(["write", "write other", "remove", "link", "chmod", "mkdir"]), names), max_size=6
)


def _do(work: Path, deed: str, where: str) -> None:
    path = work / where
    try:
        match deed:
            case "remove":
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            case "link":
                path.symlink_to("a")
            case "chmod":
                path.chmod(0o755)
            case "mkdir":
                path.mkdir()
            case _:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(deed)
    except OSError:
        pass  # not possible here: another deed then


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=deeds, second=deeds)
def test_out_and_in_again_is_the_same(
    house: House, tmp_path_factory: pytest.TempPathFactory, first: list[tuple[str, str]], second: list[tuple[str, str]]
) -> None:
    where = tmp_path_factory.mktemp("round")
    one, two = clone_of(house.seed, where / "one"), clone_of(house.seed, where / "two")
    for deed, path in first:
        _do(one, deed, path)
    for deed, path in second:
        _do(two, deed, path)
    tree = house.out(one)
    house.into(two, tree)
    assert house.out(two) == tree
    assert line(two, "write-tree") == tree
