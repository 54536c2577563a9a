"""A base and some commits on it as one pack, without the history before them, and a repository made of that."""

from collections.abc import Iterable
from pathlib import Path

from harness.repo.errors import GitFailed, RepoError
from harness.repo.git import ID, MEBI, Place, run, text
from harness.repo.source import Base, Repository, discover
from harness.repo.store import Store, make_bare

PACK_CAP = 2048 * MEBI
AGENT = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in (("NAME", "agent"), ("EMAIL", "agent@loopwright.invalid"), ("DATE", "@0 +0000"))
}
"""Who commits in `export_script`."""


def snapshot(store: Store, base: str, commits: Iterable[str]) -> bytes:
    """A pack of the commit `base` and of `commits` with their trees; those that are not there are left out.

    Raises `RepoError` when the base is not there.
    """
    wanted = "".join(f"{each}\n" for each in dict.fromkeys((base, *commits)) if ID.fullmatch(each)).encode()
    found = run(store.place, "cat-file", "--batch-check=%(objectname)", stdin=wanted)
    there = [line for line in found.splitlines() if not line.endswith(b" missing")]
    if base.encode() not in there:
        raise RepoError(f"the base {base[:12]} is not in Loopwright's store", "it was removed", "restore the store")
    objects = run(store.place, "rev-list", "--objects", "--no-walk=unsorted", "--no-object-names", "--stdin",
                  stdin=b"".join(line + b"\n" for line in there), seconds=600)  # fmt: skip
    return run(store.place, "pack-objects", "--stdout", "-q", "--delta-base-offset", stdin=objects, cap=PACK_CAP,
               seconds=600)  # fmt: skip


def plant(path: Path, pack: bytes, base: Base) -> Repository:
    """A bare repository at `path` of what `snapshot` packed, shallow at the base, which is its HEAD.

    The pack may come from anywhere: git checks each object. Raises `RepoError`.
    """
    make_bare(path)
    place = Place(git_dir=path)
    try:
        run(place, "index-pack", "--stdin", "--fsck-objects", stdin=pack, seconds=600)
        if b"\nparent " in run(place, "cat-file", "commit", base.commit).partition(b"\n\n")[0]:
            (path / "shallow").write_text(f"{base.commit}\n")
        run(place, "update-ref", "refs/heads/none", base.commit)
    except GitFailed as error:
        raise RepoError("the archive's objects cannot be used", error.why, "export the run again") from None
    return discover(path)


def exported(repository: Repository, tree: str, base: str) -> str:
    """The commit that `export_script` makes of a work tree: the same id, whoever makes it."""
    made = run(repository.place, "commit-tree", _id(tree), "-p", _id(base), "-m", "candidate", env=AGENT)
    return text(made)


def export_of(repository: Repository, tip: str, base: str) -> bytes:
    """What `export_script` printed for the commit `tip`: its id, and the pack of what `base` lacks.

    Raises `RepoError` when it is not there.
    """
    wanted = f"{_id(tip)}\n^{_id(base)}\n^{base}^{{tree}}\n".encode()
    flags = ("--revs", "--thin", "--stdout", "-q", "--delta-base-offset")
    try:
        return f"{tip}\n".encode() + run(repository.place, "pack-objects", *flags, stdin=wanted)
    except GitFailed as error:
        raise RepoError(f"the candidate {tip[:12]} is gone", error.why) from None


def _id(oid: str) -> str:
    if not ID.fullmatch(oid):
        raise RepoError(f"{oid[:80]!r} is not an object id")
    return oid
