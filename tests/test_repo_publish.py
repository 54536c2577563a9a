"""The one branch: made once, at exactly the commit, with nothing else of the user's repository touched."""

import os
import random
import signal
import threading
import time
from pathlib import Path

import msgspec
import pytest

from harness.repo import (
    BranchExists,
    BranchRefused,
    PublishFailed,
    RepoError,
    Repository,
    Store,
    check_branch,
    discover,
    free_branch,
    publish,
    resolve,
)
from tests.repo_support import adopted, git, killed_at, line, oid, pack_of, repository, save, set_traps, snapshot

BRANCH = "loopwright/fix-the-range"


class House(msgspec.Struct, frozen=True):
    root: Path
    repo: Repository
    store: Store
    commit: str


def candidate(store: Store, base: str, onto: str, content: bytes = b"x = 2\n") -> str:
    """A commit of the harness's with one file more than its base."""
    blob = ("blob", content)
    tree = git(store.path, "ls-tree", onto) + f"100644 blob {oid(*blob)}\tsolution.py\n".encode()
    git(store.path, "index-pack", "--stdin", stdin=pack_of([blob]))
    made = git(store.path, "mktree", stdin=tree).decode().strip()
    return store.commit(made, base, "The solution", date=1_700_000_000)


@pytest.fixture
def house(tmp_path: Path) -> House:
    root = repository(tmp_path / "r")
    git(root, "branch", "topic")
    (root / "README.md").write_text("edited and not committed\n")
    (root / "new").write_text("untracked")
    (root / "staged").write_text("staged")
    git(root, "add", "staged")
    repo, base, store = adopted(tmp_path / "home", root)
    return House(root=root, repo=repo, store=store, commit=candidate(store, base.commit, base.tree))


def without_objects(root: Path) -> dict[str, tuple[int, bytes]]:
    return {
        path: found
        for path, found in snapshot(root).items()
        if not path.startswith((".git/objects", "objects")) and path not in (".git/refs/heads/loopwright",)
    }


# What it does, and that it does nothing else


def test_only_one_ref_and_its_objects_are_new(house: House, tmp_path: Path) -> None:
    set_traps(house.root / ".git", tmp_path / "traps" / "marker")
    before, times = without_objects(house.root), {p: p.lstat().st_mtime_ns for p in house.root.rglob("*")}
    publish(house.repo, house.store, house.commit, BRANCH)
    after = without_objects(house.root)
    ref = f".git/refs/heads/{BRANCH}"
    assert after.pop(ref)[1] == f"{house.commit}\n".encode()
    assert after == before
    moved = {p for p, t in times.items() if p.exists() and p.lstat().st_mtime_ns != t}
    assert not [p for p in moved if p.is_file()]
    assert not (tmp_path / "traps" / "marker").exists()
    git(house.root, "-c", "core.hooksPath=", "-c", "core.fsmonitor=false", "fsck", "--strict", "--connectivity-only")


def test_the_branch_is_the_commit_the_gates_judged(house: House) -> None:
    publish(house.repo, house.store, house.commit, BRANCH)
    assert line(house.root, "rev-parse", BRANCH) == house.commit
    assert line(house.root, "rev-parse", f"{BRANCH}^{{tree}}") == house.store.tree(house.commit)
    assert git(house.root, "show", f"{BRANCH}:solution.py") == b"x = 2\n"
    assert line(house.root, "log", "--format=%s", BRANCH).splitlines() == ["The solution", "first"]
    assert git(house.root, "fsck", "--strict", "--full", "--no-dangling") == b""


def test_publishing_again_changes_nothing(house: House) -> None:
    publish(house.repo, house.store, house.commit, BRANCH)
    before = snapshot(house.root)
    publish(house.repo, house.store, house.commit, BRANCH)
    assert snapshot(house.root) == before


def test_a_linked_worktree_gets_the_branch_too(house: House, tmp_path: Path) -> None:
    git(house.root, "worktree", "add", "-q", str(tmp_path / "linked"), "topic")
    publish(discover(tmp_path / "linked"), house.store, house.commit, BRANCH)
    assert line(house.root, "rev-parse", BRANCH) == house.commit
    assert line(tmp_path / "linked", "symbolic-ref", "HEAD") == "refs/heads/topic"


def test_a_bare_repository_gets_the_branch(tmp_path: Path) -> None:
    repository(tmp_path / "r")
    git(tmp_path, "clone", "-q", "--bare", "r", "b.git")
    repo, base, store = adopted(tmp_path / "home", tmp_path / "b.git")
    commit = candidate(store, base.commit, base.tree)
    before = without_objects(tmp_path / "b.git")
    publish(repo, store, commit, BRANCH)
    after = without_objects(tmp_path / "b.git")
    assert set(after) - set(before) == {"refs/heads/loopwright", f"refs/heads/{BRANCH}"}


def test_a_shallow_clone_gets_the_branch(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    save(root)
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{root}", "s")
    repo, base, store = adopted(tmp_path / "home", tmp_path / "s")
    publish(repo, store, candidate(store, base.commit, base.tree), BRANCH)
    assert line(tmp_path / "s", "rev-list", "--count", BRANCH) == "2"
    assert git(tmp_path / "s", "fsck") == b""


def test_packed_refs_and_borrowed_objects_are_no_obstacle(house: House, tmp_path: Path) -> None:
    git(house.root, "commit", "-qam", "all")
    git(house.root, "clone", "-q", "--shared", ".", str(tmp_path / "c"))
    git(tmp_path / "c", "pack-refs", "--all")
    repo, base, store = adopted(tmp_path / "home2", tmp_path / "c")
    publish(repo, store, candidate(store, base.commit, base.tree), BRANCH)
    assert git(tmp_path / "c", "fsck") == b""


def test_a_base_the_user_has_lost_comes_along(house: House) -> None:
    git(house.root, "checkout", "-q", "--orphan", "fresh")
    git(house.root, "commit", "-qm", "another root")
    for name in ("main", "topic"):
        git(house.root, "branch", "-qD", name)
    git(house.root, "reflog", "expire", "--expire=now", "--all")
    git(house.root, "gc", "-q", "--prune=now")
    publish(house.repo, house.store, house.commit, BRANCH)
    assert line(house.root, "log", "--format=%s", BRANCH).splitlines() == ["The solution", "first"]
    assert git(house.root, "fsck", "--full", "--no-dangling") == b""


# What it refuses


def test_a_branch_at_another_commit_is_never_moved(house: House) -> None:
    git(house.root, "branch", BRANCH, "main")
    before = snapshot(house.root)
    with pytest.raises(BranchExists) as caught:
        publish(house.repo, house.store, house.commit, BRANCH)
    assert caught.value.suggestion == f"{BRANCH}-2"
    assert caught.value.at == line(house.root, "rev-parse", "main")
    assert BRANCH in caught.value.what
    assert snapshot(house.root) == before
    publish(house.repo, house.store, house.commit, caught.value.suggestion)


def test_the_users_own_branches_are_never_moved(house: House) -> None:
    for branch in ("main", "topic", "MAIN"):
        with pytest.raises(BranchExists):
            publish(house.repo, house.store, house.commit, branch)
    git(house.root, "symbolic-ref", "HEAD", "refs/heads/not-yet-born")
    with pytest.raises(BranchExists):  # it would put a commit under the feet of the checkout
        publish(house.repo, house.store, house.commit, "not-yet-born")


def test_a_name_beside_a_branch_of_its_directory_is_refused(house: House) -> None:
    git(house.root, "branch", "loopwright")
    with pytest.raises(BranchExists) as caught:
        publish(house.repo, house.store, house.commit, BRANCH)
    publish(house.repo, house.store, house.commit, caught.value.suggestion)
    assert caught.value.suggestion == "loopwright-fix-the-range"


def test_a_commit_the_store_lacks_is_not_published(house: House) -> None:
    before = snapshot(house.root)
    for commit in ("1" * 40, "HEAD", ""):
        with pytest.raises(RepoError):
            publish(house.repo, house.store, commit, BRANCH)
    assert snapshot(house.root) == before


def test_a_repository_that_cannot_be_written_is_said_to_be_so(house: House) -> None:
    objects = house.root / ".git" / "objects"
    objects.rename(objects.with_name("gone"))
    objects.write_text("")
    with pytest.raises((PublishFailed, RepoError)) as caught:
        publish(house.repo, house.store, house.commit, BRANCH)
    assert caught.value.why
    assert not (house.root / ".git/refs/heads/loopwright").exists()


def test_a_lock_of_somebody_else_is_left_alone(house: House) -> None:
    lock = house.root / ".git/refs/heads" / f"{BRANCH}.lock"
    lock.parent.mkdir()
    lock.write_text("1" * 40 + "\n")
    os.utime(lock, (1, 1))
    with pytest.raises(PublishFailed) as caught:
        publish(house.repo, house.store, house.commit, BRANCH)
    assert "lock" in caught.value.why
    assert lock.exists()


@pytest.mark.parametrize("written", [0, 17, 41])
def test_the_lock_of_our_own_dead_git_is_removed(house: House, written: int) -> None:
    lock = house.root / ".git/refs/heads" / f"{BRANCH}.lock"
    lock.parent.mkdir()
    lock.write_text(f"{house.commit}\n"[:written])
    os.utime(lock, (1, 1))
    publish(house.repo, house.store, house.commit, BRANCH)
    assert line(house.root, "rev-parse", BRANCH) == house.commit


def test_of_two_runs_that_want_one_name_one_gets_it(house: House) -> None:
    base = resolve(house.repo)
    commits = [candidate(house.store, base.commit, base.tree, b"%d" % n) for n in range(6)]
    refused: list[str] = []

    def run(commit: str) -> None:
        try:
            publish(house.repo, house.store, commit, BRANCH)
        except BranchExists:
            refused.append(commit)

    threads = [threading.Thread(target=run, args=(commit,)) for commit in commits]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(refused) == 5
    assert {line(house.root, "rev-parse", BRANCH)} == set(commits) - set(refused)


# Kill -9


@pytest.mark.parametrize("rounds", [8, pytest.param(200, marks=pytest.mark.soak)])
def test_killed_at_any_moment_there_is_one_branch_in_the_end(house: House, rounds: int) -> None:
    base = resolve(house.repo)
    before = without_objects(house.root)
    chance, longest, killed = random.Random(20240501), 0.0, 0
    for n in range(rounds):
        commit = candidate(house.store, base.commit, base.tree, b"attempt %d\n" % n)
        branch = f"loopwright/killed-{n}"

        def work(commit: str = commit, branch: str = branch) -> None:
            publish(house.repo, house.store, commit, branch)

        started = time.monotonic()
        if n == 0:  # how long it takes here and now
            assert killed_at(work, None) == 0
            longest = time.monotonic() - started
        else:
            killed += killed_at(work, chance.uniform(0, longest)) == -signal.SIGKILL
        publish(house.repo, house.store, commit, branch)
        assert line(house.root, "rev-parse", branch) == commit
    assert killed
    listed = line(house.root, "for-each-ref", "--format=%(refname:short)", "refs/heads/loopwright").splitlines()
    assert sorted(listed) == sorted(f"loopwright/killed-{n}" for n in range(rounds))
    after = {path: found for path, found in without_objects(house.root).items() if "refs/heads/loopwright" not in path}
    assert after == before
    assert not list(house.root.rglob("*.lock"))


# Names


@pytest.mark.parametrize(
    "branch",
    [
        "", "-x", "--force", "HEAD", "a..b", "a.lock", "a/.b", "/a", "a/", "a//b", "a b", "a~1", "a^", "a:b", "a?",
        "a*", "a[b", "a\\b", "@{1}", "a@{b", "a.", "a\nb", "a\0b", "\x7f", "x" * 201, "refs/heads/x", "\ud800",
        "x.lock/y", "@",
    ],
)  # fmt: skip
def test_names_no_branch_can_have(tmp_path: Path, branch: str) -> None:
    repo = discover(repository(tmp_path / "r"))
    for question in (lambda: check_branch(branch), lambda: free_branch(repo, branch)):
        with pytest.raises(BranchRefused) as caught:
            question()
        assert caught.value.why
        assert caught.value.fix


@pytest.mark.parametrize("branch", ["x", "loopwright/a-b", "näme", "a/b/c", "x@y", "a.b", "~x"[1:], "A_1"])
def test_names_a_branch_can_have(branch: str) -> None:
    check_branch(branch)


def test_the_next_free_name(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    repo = discover(root)
    assert free_branch(repo, "a/b") == "a/b"
    for taken in ("a/b", "a/b-2", "Topic", "d/e/f"):
        git(root, "branch", taken)
    assert free_branch(repo, "a/b") == "a/b-3"
    assert free_branch(repo, "topic") == "topic-2"
    assert free_branch(repo, "d/e") == "d/e-2"
    assert free_branch(repo, "d") == "d-2"
    assert free_branch(repo, "main/x") == "main-x"
    assert free_branch(repo, "a/b/c") == "a-b-c"
    git(root, "pack-refs", "--all")
    assert free_branch(repo, "a/b") == "a/b-3"


def test_the_unborn_branch_of_any_worktree_is_taken(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    git(root, "worktree", "add", "-q", "--detach", str(tmp_path / "w"))
    git(tmp_path / "w", "checkout", "-q", "--orphan", "unborn")
    assert free_branch(discover(root), "unborn") == "unborn-2"
