"""The harness's own store: bases that outlive the user's repository, seeds, commits and candidates."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from harness.repo import BaseRefused, RepoError, Store, discover, resolve
from tests.repo_support import (
    Object,
    adopted,
    clone_of,
    commit_data,
    git,
    killed_at,
    line,
    oid,
    pack_of,
    repository,
    save,
    tree_data,
    write,
)

UID = 1000


def objects_of(where: Path) -> set[str]:
    return set(git(where, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").decode().split())


def reachable(where: Path, commit: str) -> set[str]:
    return {each.split()[0] for each in git(where, "rev-list", "--objects", commit).decode().splitlines()}


def status(where: Path) -> bytes:
    return git(where, "status", "--porcelain", "--untracked-files=all")


# Adopting a base


def test_the_store_outlives_the_repository(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    save(root, "two")
    _, base, store = adopted(tmp_path / "home", root)
    expected = reachable(root, base.commit)
    shutil.rmtree(root)
    assert objects_of(store.path) == expected
    assert not (store.path / "objects" / "info" / "alternates").exists()
    assert git(store.path, "fsck", "--full", "--strict") == b""
    assert store.file(base.tree, "README.md") == b"# A sample\n"


def test_adopting_again_brings_only_what_is_new(tmp_path: Path) -> None:
    root = repository(tmp_path / "r", {str(n): os.urandom(3000) for n in range(20)})
    repo, base, store = adopted(tmp_path / "home", root)
    store.adopt(base)
    packs = list(store.path.glob("objects/pack/*.pack"))
    assert len(packs) == 1
    write(root, {"0": b"new"})
    save(root)
    later = resolve(repo)
    store.adopt(later)
    (new,) = set(store.path.glob("objects/pack/*.pack")) - set(packs)
    assert new.stat().st_size < 2000
    assert reachable(root, later.commit) <= objects_of(store.path)


def test_two_histories_without_a_common_root_fit_into_one_store(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    repo, _, store = adopted(tmp_path / "home", root)
    git(root, "checkout", "-q", "--orphan", "other")
    save(root, "other root")
    store.adopt(resolve(repo))
    assert len(git(store.path, "for-each-ref", "refs/bases").splitlines()) == 2


def test_a_base_with_odd_but_legal_history_is_adopted(tmp_path: Path) -> None:
    """Old repositories hold objects that git's strict checks refuse; they are the user's, not the agent's."""
    root = repository(tmp_path / "r", {"a": b"a"})
    blob = line(root, "rev-parse", "HEAD:a")
    tree = git(root, "hash-object", "-t", "tree", "-w", "--stdin", "--literally",
               stdin=tree_data([("0100664", b"a", blob)])).decode().strip()  # fmt: skip
    commit = git(root, "hash-object", "-t", "commit", "-w", "--stdin", stdin=commit_data(tree)).decode().strip()
    repo = discover(root)
    base, store = resolve(repo, commit), Store(tmp_path / "home", repo)
    store.adopt(base)
    seed = store.seed(base, UID)
    assert (seed / "a").read_bytes() == b"a"


def test_a_shallow_clone_is_adopted_as_far_as_it_goes(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    for n in range(4):
        write(root, {"n": b"%d" % n})
        save(root)
    git(tmp_path, "clone", "-q", "--depth=2", f"file://{root}", "s")
    repo, base, store = adopted(tmp_path / "home", tmp_path / "s")
    seed = store.seed(base, UID)
    assert line(seed, "rev-list", "--count", "--all") == "2"
    assert (status(seed), git(store.path, "fsck")) == (b"", b"")
    # and goes on after the user brought the rest, or some other part of it
    git(tmp_path / "s", "fetch", "-q", "--unshallow")
    write(tmp_path / "s", {"n": b"later"})
    save(tmp_path / "s")
    later = resolve(repo)
    store.adopt(later)
    assert line(store.seed(later, UID), "rev-list", "--count", "--all") == "3"
    assert git(store.path, "fsck") == b""


def test_a_partial_clone_is_refused_with_the_fix_and_fetches_nothing(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    git(root, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{root}", "p")
    repo = discover(tmp_path / "p")
    before = objects_of(tmp_path / "p")
    base, store = resolve(repo), Store(tmp_path / "home", repo)
    with pytest.raises(BaseRefused) as caught:
        store.adopt(base)
    assert "partial clone" in caught.value.fix
    assert objects_of(tmp_path / "p") == before
    assert git(store.path, "for-each-ref") == b""


def test_a_repository_that_lies_about_an_object_is_refused(tmp_path: Path) -> None:
    root = repository(tmp_path / "r", {"a": b"honest"})
    blob = line(root, "rev-parse", "HEAD:a")
    other = git(root, "hash-object", "-w", "--stdin", stdin=b"another").decode().strip()
    loose = root / ".git" / "objects"
    target = loose / blob[:2] / blob[2:]
    target.unlink()
    target.write_bytes((loose / other[:2] / other[2:]).read_bytes())
    repo = discover(root)
    with pytest.raises(BaseRefused):
        Store(tmp_path / "home", repo).adopt(resolve(repo))


def test_a_tree_the_repository_did_not_have_is_refused(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    repo = discover(root)
    with pytest.raises(BaseRefused, match="another tree"):
        Store(tmp_path / "home", repo).adopt(msgspec.structs.replace(resolve(repo), tree="0" * 40))


def test_a_base_of_a_billion_paths_is_refused(tmp_path: Path) -> None:
    root = repository(tmp_path / "r", {"f": b""})
    data = tree_data([("100644", b"f" * 200, line(root, "rev-parse", "HEAD:f"))])
    objects: list[Object] = [("tree", data)]
    for _ in range(9):
        data = tree_data([("40000", b"%d" % n, oid("tree", data)) for n in range(10)])
        objects.append(("tree", data))
    objects.append(("commit", commit_data(oid("tree", data))))
    git(root, "index-pack", "--stdin", stdin=pack_of(objects))
    with pytest.raises(BaseRefused, match="too large"):
        adopted(tmp_path / "home", root, oid(*objects[-1]))


def test_objects_borrowed_by_the_user_come_along(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    git(tmp_path, "clone", "-q", "--shared", str(root), 'odd:"name')
    _, base, store = adopted(tmp_path / "home", tmp_path / 'odd:"name')
    assert objects_of(store.path) == reachable(root, base.commit)


def test_many_small_packs_are_put_together(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    repo, base, store = adopted(tmp_path / "home", root)
    floating = None
    for n in range(51):
        blob = git(root, "hash-object", "-w", "--stdin", stdin=b"%d" % n)
        git(store.path, "pack-objects", "-q", str(store.path / "objects/pack/pack"), stdin=blob,
            GIT_ALTERNATE_OBJECT_DIRECTORIES=str(root / ".git/objects"))  # fmt: skip
        floating = blob.decode().strip()
    save(root)
    assert store.file(base.tree, "README.md")
    store.adopt(resolve(repo))
    assert len(list(store.path.glob("objects/pack/*.pack"))) <= 3
    assert floating in objects_of(store.path)  # nothing refers to it yet
    assert store.file(base.tree, "src/app.py")  # the reader of the old packs goes on


def test_a_lock_left_by_a_killed_git_is_in_nobodys_way(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    repo = discover(root)
    base, store = resolve(repo), Store(tmp_path / "home", repo)
    for name in (f"refs/bases/{base.commit}.lock", "refs/loopwright/run1/1.lock", "shallow.lock", "HEAD.lock"):
        (store.path / name).parent.mkdir(parents=True, exist_ok=True)
        (store.path / name).write_text("")
    store.adopt(base)
    store.keep("run1", 1, base.commit)
    assert store.candidates("run1") == {1: base.commit}


def test_many_processes_may_adopt_at_once(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    code = (
        "import sys; from pathlib import Path; from harness.repo import *\n"
        "repo = discover(Path(sys.argv[2])); base = resolve(repo); store = Store(Path(sys.argv[1]), repo)\n"
        "store.adopt(base); print(store.seed(base, 1000))\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "home"), str(root)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(5)]
    seeds = {each.communicate()[0].strip() for each in running}
    assert {each.returncode for each in running} == {0}
    (seed,) = seeds
    assert status(Path(seed)) == b""


@pytest.mark.parametrize("rounds", [6, pytest.param(100, marks=pytest.mark.soak)])
def test_killed_at_any_moment_the_work_is_done_the_next_time(tmp_path: Path, rounds: int) -> None:
    root = repository(tmp_path / "r", {str(n): os.urandom(500) for n in range(300)})
    home, chance, longest, killed = tmp_path / "home", random.Random(20240502), 0.0, 0
    for n in range(rounds):
        base_commit = save(root, f"base {n}")
        tree = git(root, "cat-file", "tree", "HEAD^{tree}")
        commit = commit_data(oid("tree", tree), base_commit)
        pack, tip = pack_of([("tree", tree), ("commit", commit)]), oid("commit", commit)

        def work(pack: bytes = pack, tip: str = tip) -> None:
            repo = discover(root)
            base, store = resolve(repo), Store(home, repo)
            store.adopt(base)
            store.seed(base, 1000)
            kept = store.receive(pack, tip, base.commit).tree
            store.keep("run", 1, store.commit(kept, base.commit, "m", date=1))

        if n:
            killed += killed_at(work, chance.uniform(0, longest)) == -signal.SIGKILL
        started = time.monotonic()
        assert killed_at(work, None) == 0
        longest = time.monotonic() - started if n == 0 else longest
        repo = discover(root)
        base, store = resolve(repo), Store(home, repo)
        assert status(store.seed(base, UID)) == b""
        assert store.tree(store.candidates("run")[1]) == base.tree
    assert killed
    assert git(store.path, "fsck", "--full", "--no-dangling") == b""
    assert not list((store.path / "quarantine").iterdir())
    assert not [each for each in (tmp_path / "home/seeds").iterdir() if each.name.endswith(".building")]


# Seeds


def test_a_seed_holds_base_and_nothing_else(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    base_commit = save(root, "base")
    future = save(root, "the solution")
    git(root, "tag", "v9")
    git(root, "branch", "topic")
    write(root, {".git/hooks/post-checkout": b"#!/bin/sh\n"})
    git(root, "remote", "add", "origin", "https://example.org/x.git")
    _, base, store = adopted(tmp_path / "home", root, base_commit)
    store.adopt(resolve(discover(root), future))  # the store knows more than this seed may
    seed = store.seed(base, UID)
    assert line(seed, "for-each-ref") == f"{base_commit} commit\trefs/heads/main"
    assert line(seed, "log", "--all", "--format=%H").split() == line(root, "rev-list", base_commit).split()
    assert objects_of(seed) == reachable(root, base_commit)
    assert not list((seed / ".git").glob("hooks/*"))
    assert line(seed, "remote") == ""
    assert not (seed / ".git/objects/info/alternates").exists()
    assert line(seed, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert git(seed, "fsck", "--full") == b""
    assert line(seed, "config", "user.name")
    assert line(seed, "config", "gc.auto") == "0"


ODD = {
    "crlf.txt": b"a\r\nb\r\n",
    "mixed": b"a\nb\r\n",
    "bin": bytes(range(256)) * 4,
    "empty": b"",
    "dir with space/näme\n\t\x01": b"odd",
    b"latin1-\xe9\xff": b"bytes",
    "-n": b"dash",
    "*?[x]": b"glob",
    ":(top)x": b"magic",
    "deep/" + "d/" * 60 + "f": b"deep",
    ".gitignore": b"ignored*\n",
    "un/.gitattributes": b"*.bat text eol=crlf\n*.txt text\n*.sh text=auto\n*.id ident\n",
    "un/a.bat": b"echo\r\necho\r\n",
    "un/b.txt": b"x\r\ny\r\n",
    "un/c.sh": b"x\ny\n",
    "un/d.id": b"$Id$\n",
}  # fmt: skip


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    root = repository(tmp_path / "r", ODD)
    (root / "bits.sh").write_text("#!/bin/sh\n")
    (root / "bits.sh").chmod(0o755)
    (root / "ignored-but-tracked").write_text("kept")
    for name, target in {"link": "bits.sh", "dangling": "no/where", "absolute": "/etc/passwd", "up": "../.."}.items():
        (root / name).symlink_to(target)
    git(root, "add", "-A")
    git(root, "add", "-f", "ignored-but-tracked")
    # Line ends that were never normalised: the blobs have CR LF although attributes say text.
    for path in ("un/a.bat", "un/b.txt"):
        blob = git(root, "hash-object", "-w", "--no-filters", path).decode().strip()
        git(root, "update-index", "--cacheinfo", f"100644,{blob},{path}")
    git(root, "commit", "-q", "-m", "odd")
    return root


def test_a_seed_reproduces_odd_trees_exactly_and_is_clean(tmp_path: Path, odd: Path) -> None:
    _, base, store = adopted(tmp_path / "home", odd)
    seed = store.seed(base, UID)
    work = clone_of(seed, tmp_path / "w")
    for where in (seed, work):
        assert status(where) == b""
        assert git(where, "diff", "--stat", "HEAD") == b""
    assert line(work, "write-tree") == base.tree
    for path, content in ODD.items():
        if path not in ("un/d.id", "un/b.txt"):
            assert (work / os.fsdecode(path)).read_bytes() == content
    assert b"$Id: " in (work / "un/d.id").read_bytes()
    assert (work / "bits.sh").stat().st_mode & 0o777 == 0o755
    assert (work / "empty").stat().st_mode & 0o777 == 0o644
    assert (work / "absolute").readlink() == Path("/etc/passwd")
    assert (work / "ignored-but-tracked").read_text() == "kept"


def test_the_index_knows_every_file_by_a_time_no_edit_has(tmp_path: Path) -> None:
    root = repository(tmp_path / "r", {str(n): b"content %d" % n for n in range(50)})
    _, base, store = adopted(tmp_path / "home", root)
    work = clone_of(store.seed(base, UID), tmp_path / "w")
    entries = git(work, "ls-files", "--debug").decode()
    assert len({each for each in entries.splitlines() if "mtime" in each}) == 1
    assert "mtime: 1700000000:0" in entries
    # The same size and a new time is a change, however quickly it comes.
    (work / "7").write_bytes(b"content X")
    assert status(work) == b" M 7\n"


def test_every_file_belongs_to_the_sandbox_user_if_it_can_be_given_away(tmp_path: Path, odd: Path) -> None:
    _, base, store = adopted(tmp_path / "home", odd)
    seed = store.seed(base, UID)
    owners = {(each.lstat().st_uid, each.lstat().st_gid) for each in (seed, *seed.rglob("*"))}
    assert owners == {(UID, UID) if os.geteuid() == 0 else (os.getuid(), os.getgid())}
    assert store.seed(base, 1234) != seed


def test_the_seed_is_made_once(tmp_path: Path) -> None:
    _, base, store = adopted(tmp_path / "home", repository(tmp_path / "r"))
    first = store.seed(base, UID)
    before = first.stat()
    assert store.seed(base, UID) == first
    assert first.stat() == before
    assert first.parent == tmp_path / "home" / "seeds"


def test_a_half_made_seed_is_made_again(tmp_path: Path) -> None:
    _, base, store = adopted(tmp_path / "home", repository(tmp_path / "r"))
    seed = store.seed(base, UID)
    half = seed.with_name(f".{seed.name}.building")
    seed.rename(half)
    (half / "README.md").unlink()
    assert (store.seed(base, UID) / "README.md").is_file()
    assert not half.exists()


def test_threads_share_one_seed(tmp_path: Path) -> None:
    _, base, store = adopted(tmp_path / "home", repository(tmp_path / "r"))
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: store.seed(base, UID), range(8)))) == 1


def test_an_empty_tree_is_a_base_like_any_other(tmp_path: Path) -> None:
    root = repository(tmp_path / "r", {})
    _, base, store = adopted(tmp_path / "home", root)
    seed = store.seed(base, UID)
    assert status(seed) == b""
    assert sorted(each.name for each in seed.iterdir()) == [".git"]
    assert store.paths(base.tree) == ()


def test_submodules_are_empty_directories(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    git(root, "submodule", "--quiet", "add", str(repository(tmp_path / "lib")), "vendor/lib")
    save(root)
    _, base, store = adopted(tmp_path / "home", root)
    seed = store.seed(base, UID)
    assert list((seed / "vendor/lib").iterdir()) == []
    assert status(seed) == b""


@pytest.mark.parametrize("name", [b".git", b".GIT", b"git~1", ".g\u200cit".encode(), b".."])
def test_a_base_that_git_will_not_lay_out_is_refused_by_name(tmp_path: Path, name: bytes) -> None:
    root = repository(tmp_path / "r")
    blob = line(root, "rev-parse", "HEAD:README.md")
    inner = tree_data([("100644", b"config", blob)])
    outer = tree_data([("40000", name, oid("tree", inner))])
    for kind, data in (("tree", inner), ("tree", outer), ("commit", commit_data(oid("tree", outer)))):
        git(root, "hash-object", "-t", kind, "-w", "--stdin", "--literally", stdin=data)
    commit = oid("commit", commit_data(oid("tree", outer)))
    _, base, store = adopted(tmp_path / "home", root, commit)
    with pytest.raises(BaseRefused) as caught:
        store.seed(base, UID)
    assert repr(name.decode())[1:-1] in caught.value.why
    assert [each for each in (tmp_path / "home" / "seeds").iterdir() if not each.name.endswith(".lock")] == []


@pytest.mark.parametrize("when", ["@0 +0000", "@99999999999 +0000"])
def test_times_are_ones_that_archives_can_hold(tmp_path: Path, when: str) -> None:
    root = repository(tmp_path / "r", {"a": b"a"})
    git(root, "commit", "-q", "--allow-empty", "-m", "odd date", GIT_COMMITTER_DATE=when)
    _, base, store = adopted(tmp_path / "home", root)
    mtime = (store.seed(base, UID) / "a").stat().st_mtime
    assert 315532800 < mtime < time.time()


def test_a_seed_tells_when_it_was_last_asked_for(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    _, base, store = adopted(tmp_path / "home", root)
    before = store.seed(base, UID).stat()
    time.sleep(0.02)
    after = store.seed(base, UID).stat()
    assert (after.st_ctime_ns > before.st_ctime_ns, after.st_mtime_ns) == (True, before.st_mtime_ns)


def test_what_is_forgotten_is_gone_and_what_is_young_or_held_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = repository(tmp_path / "r")
    _, base, store = adopted(tmp_path / "home", root)

    def candidate(text: bytes) -> str:
        blob = git(store.path, "hash-object", "-w", "--stdin", stdin=text).decode().strip()
        tree = git(store.path, "mktree", stdin=b"100644 blob %s\tf\n" % blob.encode()).decode().strip()
        return store.commit(tree, base.commit, "m")

    kept, dropped, young = candidate(b"kept"), candidate(b"dropped"), candidate(b"young")
    store.keep("one", 1, kept)
    store.keep("two", 1, dropped)
    point = store.checkpoint("two", store.tree(dropped), base.commit)
    store.compact()
    store.forget("two")
    store.compact()
    assert (store.runs(), store.tree(young) != "") == ({"one"}, True)
    monkeypatch.setattr("harness.repo.store._FRESH", "now")
    store.compact()
    assert store.tree(kept)
    assert store.tree(base.commit) == base.tree
    for gone in (dropped, point, young):
        with pytest.raises(RepoError):
            store.tree(gone)


# Commits and candidates


def test_the_harness_makes_the_commit(tmp_path: Path) -> None:
    _, base, store = adopted(tmp_path / "home", repository(tmp_path / "r"))
    made = store.commit(
        base.tree, base.commit, "Fix the range\n\nMore.\n", author=("Ada <x>", "ada@example.org"), date=1_700_000_000,
        trailers=[("Loopwright-Run", "ab12"), ("Loopwright-Audit", "7:ff\nEvil: yes")],
    )  # fmt: skip
    content = git(store.path, "cat-file", "commit", made).decode()
    assert content == (
        f"tree {base.tree}\nparent {base.commit}\n"
        "author Ada x <ada@example.org> 1700000000 +0000\ncommitter Ada x <ada@example.org> 1700000000 +0000\n\n"
        "Fix the range\n\nMore.\n\nLoopwright-Run: ab12\nLoopwright-Audit: 7:ff Evil: yes\n"
    )
    assert store.tree(made) == base.tree


def test_the_same_commit_twice_is_one(tmp_path: Path) -> None:
    _, base, store = adopted(tmp_path / "home", repository(tmp_path / "r"))
    assert len({store.commit(base.tree, base.commit, "m", date=5) for _ in range(3)}) == 1
    assert store.commit(base.tree, base.commit, "m", date=6) != store.commit(base.tree, base.commit, "m", date=5)


def test_a_message_is_never_empty_nor_fails(tmp_path: Path) -> None:
    _, base, store = adopted(tmp_path / "home", repository(tmp_path / "r"))
    for message in ("", "\n\n", "\0", "\udcff \ud800", "--all", "# comment", "é"):
        assert store.commit(base.tree, base.commit, message)
    assert store.commit(base.tree, base.commit, "m", author=("", "<>"))


def test_candidates_are_kept_by_number(tmp_path: Path) -> None:
    repo, base, store = adopted(tmp_path / "home", repository(tmp_path / "r"))
    commits = {n: store.commit(base.tree, base.commit, f"candidate {n}") for n in (1, 2, 10)}
    for n, commit in reversed(commits.items()):
        store.keep("ab12", n, commit)
        store.keep("ab12", n, commit)
    store.keep("other", 1, base.commit)
    assert list(Store(tmp_path / "home", repo).candidates("ab12").items()) == list(commits.items())
    store.forget("ab12")
    assert (store.candidates("ab12"), store.candidates("other")) == ({}, {1: base.commit})


@pytest.mark.parametrize("run", ["", "../x", "a/b", "-x", "A", "x" * 65, "a.lock", "x\n"])
def test_the_name_of_a_run_is_no_path(tmp_path: Path, run: str) -> None:
    _, base, store = adopted(tmp_path / "home", repository(tmp_path / "r"))
    with pytest.raises(RepoError):
        store.keep(run, 1, base.commit)
    with pytest.raises(RepoError):
        store.candidates(run)


@pytest.mark.parametrize("bad", ["", "HEAD", "--all", "a" * 39, "A" * 40, "a" * 40 + "\n"])
def test_only_object_ids_name_objects(tmp_path: Path, bad: str) -> None:
    _, base, store = adopted(tmp_path / "home", repository(tmp_path / "r"))
    for question in (
        lambda: store.commit(bad, base.commit, "m"),
        lambda: store.commit(base.tree, bad, "m"),
        lambda: store.keep("run", 1, bad),
        lambda: store.paths(bad),
        lambda: store.file(bad, "x"),
        lambda: store.diff(bad, base.tree),
        lambda: store.pack(bad, base.commit),
        lambda: store.compose(bad, {}),
        lambda: store.tree(bad),
    ):
        with pytest.raises(RepoError, match="not an object id"):
            question()
