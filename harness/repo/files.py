"""A directory of small files on a ref of its own in the harness's store: read whole, written as one commit."""

from collections.abc import Mapping

from harness.repo.errors import GitFailed, RepoError
from harness.repo.git import ID, MEBI, Place, name, raw, run, text

CAP = 64 * MEBI


def tip(place: Place, ref: str) -> str:
    """The commit that `ref` is at, `` when there is none."""
    try:
        return text(run(place, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"))
    except GitFailed:
        return ""


def read(place: Place, commit: str) -> dict[str, bytes]:
    """The regular files of a commit's top directory by name; whatever else its tree holds is left out.

    Raises `RepoError` when it is no commit here, or larger than 64 MB.
    """
    try:
        listed = run(place, "ls-tree", "-z", _id(commit), cap=CAP)
        entries: dict[str, bytes] = {}
        for line in listed.split(b"\0")[:-1]:
            meta, _, path = line.partition(b"\t")
            mode, kind, oid = meta.split(b" ")
            if kind == b"blob" and mode.startswith(b"100"):
                entries[name(path)] = oid
        answers = run(place, "cat-file", "--batch", stdin=b"".join(oid + b"\n" for oid in entries.values()), cap=CAP)
    except GitFailed as error:
        raise RepoError(f"the files of {commit[:12]} cannot be read", error.why) from None
    found: dict[str, bytes] = {}
    at = 0
    for file in entries:
        end = answers.index(b"\n", at)
        size = int(answers[at:end].rsplit(b" ", 1)[1])
        found[file] = answers[end + 1 : end + 1 + size]
        at = end + size + 2
    return found


def write(place: Place, ref: str, files: Mapping[str, bytes | None], message: str, date: int, merge: str = "") -> str:
    """Commit `files` (None removes one) on top of `ref`, moving it, and return the commit. `date` is in seconds.

    With `merge` the commit has that one as its second parent. Callers hold a lock: `ref` moves forward only.
    Raises `RepoError`.
    """
    before = tip(place, ref)
    said = message.encode()
    parts = [f"commit {ref}\ncommitter Loopwright <loopwright@localhost> {date:d} +0000\ndata {len(said)}\n".encode()]
    parts += [said, b"\n"]
    parts += [f"from {before}\n".encode()] if before else []
    parts += [f"merge {_id(merge)}\n".encode()] if merge else []
    for path, data in files.items():
        if not path or "/" in path or "\n" in path or '"' in path or path in (".", "..", ".git"):
            raise RepoError(f"{path!r} is not fit for a file's name")
        if data is None:
            parts.append(b"D %s\n" % raw(path))
        else:
            parts.append(b"M 100644 inline %s\ndata %d\n%s\n" % (raw(path), len(data), data))
    try:
        run(place, "fast-import", "--quiet", stdin=b"".join(parts))
    except GitFailed as error:
        raise RepoError(f"{ref} cannot be written", error.why, "see that the disk has room") from None
    return tip(place, ref)


def ancestor(place: Place, one: str, other: str) -> str:
    """The commit both come from, `` when they have nothing in common."""
    try:
        return text(run(place, "merge-base", _id(one), _id(other)))
    except GitFailed:
        return ""


def history(place: Place, ref: str, limit: int = 50) -> tuple[tuple[int, str], ...]:
    """Seconds since 1970 and subject of the ref's commits, newest first."""
    if not tip(place, ref):
        return ()
    lines = run(place, "log", f"--max-count={limit:d}", "--format=%ct %s", ref).splitlines()
    pairs = (line.decode("utf-8", "replace").partition(" ") for line in lines)
    return tuple((int(when), subject) for when, _, subject in pairs)


def _id(oid: str) -> str:
    if not ID.fullmatch(oid):
        raise RepoError(f"{oid[:80]!r} is not an object id")
    return oid
