"""The one effect on the user's repository: a new branch. Never a force, never a second one."""

import re
import tempfile
import time
from pathlib import Path

from harness.repo.errors import BranchExists, BranchRefused, GitFailed, PublishFailed, RepoError
from harness.repo.git import ID, name, raw, run, text
from harness.repo.source import Repository
from harness.repo.store import Store

_LOCK_SECONDS = 5.0
"""A lock on our own branch that is older belongs to a git that was killed with the harness that started it."""

_WHO = {f"GIT_COMMITTER_{field}": value for field, value in (("NAME", "Loopwright"), ("EMAIL", "loopwright@localhost"))}


def check_branch(branch: str) -> None:
    """Raises `BranchRefused` unless `branch` can be the name of a branch everywhere git runs."""
    why = ""
    try:
        if branch.startswith("-"):
            why = "it begins with a dash"
        elif branch in ("", "HEAD", "@"):
            why = "it means something else to git" if branch else "it is empty"
        elif branch.startswith("refs/"):
            why = "give the name without refs/heads/"
        elif "\0" in branch or len(raw(branch)) > 200:
            why = "it is longer than 200 bytes or holds a NUL"
        else:
            run(None, "check-ref-format", raw(f"refs/heads/{branch}"), cwd=Path("/"))
    except GitFailed:
        why = "git's rules for refs forbid it (git help check-ref-format)"
    except UnicodeEncodeError:
        why = "it is no text"
    if why:
        raise BranchRefused(f"{branch[:80]!r} cannot be the name of a branch", why, "use letters, digits, - and /")


def free_branch(repo: Repository, wanted: str) -> str:
    """`wanted`, or the first of `wanted-2`, `wanted-3`, ... that can be created now.

    When an existing branch is named like a directory of it (`a` for `a/b`), slashes give way to dashes. Names
    that differ in case only count as equal, since they are on some file systems. Raises `BranchRefused`.
    """
    check_branch(wanted)
    taken = {each.lower() for each in _branches(repo)}
    parts = wanted.lower().split("/")
    if any("/".join(parts[:end]) in taken for end in range(1, len(parts))):
        wanted = wanted.replace("/", "-")
    number = 1
    candidate = wanted
    while _is_taken(candidate.lower(), taken):
        number += 1
        candidate = f"{wanted}-{number}"
    return candidate


def publish(repo: Repository, store: Store, commit: str, branch: str) -> None:
    """Create the branch `branch` at `commit` in the user's repository, and change nothing else there.

    Done already, it does nothing; after a crash at any moment it can simply be called again. No hook runs; no
    index, work tree, HEAD, configuration, reflog or other ref is touched. Raises `BranchRefused`, `BranchExists`
    when the branch is at another commit (or the name collides with another branch), and `PublishFailed`.
    """
    check_branch(branch)
    if not ID.fullmatch(commit):
        raise RepoError(f"{commit[:80]!r} is not an object id")
    found = _tip(repo, branch)
    if found == commit:
        return
    if found or free_branch(repo, branch) != branch:
        raise BranchExists(branch, found, free_branch(repo, branch))
    try:
        _send(repo, store, commit)
        _create(repo, branch, commit)
    except GitFailed as error:
        found = _tip(repo, branch)
        if found == commit:
            return
        if found:
            raise BranchExists(branch, found, free_branch(repo, branch)) from None
        fix = "see that the repository is writable and no other git holds a lock there, then resume"
        raise PublishFailed(f"the branch {branch} could not be created", error.why, fix) from None


def _branches(repo: Repository) -> list[str]:
    """Every branch there is, and every one that a checkout is about to create with its first commit."""
    listed = run(repo.place, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads")
    names = [name(line) for line in listed.splitlines()]
    for head in (repo.git_dir / "HEAD", *repo.git_dir.glob("worktrees/*/HEAD")):
        try:
            found = re.fullmatch(rb"ref: refs/heads/([^\n]+)\n?", head.read_bytes())
        except OSError:
            continue
        if found:
            names.append(name(found[1]))
    return names


def _is_taken(candidate: str, taken: set[str]) -> bool:
    return candidate in taken or any(each.startswith(f"{candidate}/") for each in taken)


def _tip(repo: Repository, branch: str) -> str:
    """The commit a branch is at, `` without the branch."""
    try:
        return text(run(repo.place, "rev-parse", "--verify", "--quiet", raw(f"refs/heads/{branch}")))
    except GitFailed:
        return ""


def _send(repo: Repository, store: Store, commit: str) -> None:
    """Bring the objects over that the user's repository lacks, and make sure that none is missing then."""
    bases = run(store.place, "for-each-ref", "--format=%(objectname)", "refs/bases")
    known = run(repo.place, "cat-file", "--batch-check=%(objectname)", stdin=bases)
    theirs = b"".join(b"^" + line + b"\n" for line in known.splitlines() if not line.endswith(b" missing"))
    wanted = f"{commit}\n".encode() + theirs
    flags = ("--revs", "--thin", "--stdout", "-q", "--delta-base-offset")
    with tempfile.TemporaryFile(dir=store.path) as spool:
        run(store.place, "pack-objects", *flags, stdin=wanted, out=spool, seconds=600)
        spool.seek(0)
        run(repo.place, "index-pack", "--stdin", "--fix-thin", "--strict", stdin=spool, seconds=600)
    run(repo.place, "rev-list", "--objects", "--quiet", "--stdin", stdin=wanted, seconds=600)


def _create(repo: Repository, branch: str, commit: str) -> None:
    _drop_own_lock(repo, branch, commit)
    command = b"create refs/heads/%s\0%s\0" % (raw(branch), commit.encode())
    run(repo.place, "update-ref", "--no-deref", "-z", "--stdin", stdin=command, env=_WHO)


def _drop_own_lock(repo: Repository, branch: str, commit: str) -> None:
    """Remove the lock of an `update-ref` that was killed while it created this very branch at this commit.

    Only a lock that can be nobody else's: on a branch that does not exist, holding nothing or our commit, and
    untouched for longer than creating a ref takes.
    """
    lock = repo.git_dir / "refs" / "heads" / f"{branch}.lock"
    deadline = time.monotonic() + 2 * _LOCK_SECONDS
    while time.monotonic() < deadline:
        try:
            content, age = lock.read_bytes(), time.time() - lock.stat().st_mtime
        except OSError:
            return
        if not f"{commit}\n".encode().startswith(content):
            return
        if age > _LOCK_SECONDS:
            lock.unlink(missing_ok=True)
            return
        time.sleep(0.1)
