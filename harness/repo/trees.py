"""Trees against trees: what changed, as data and as text, and trees made of others. Plumbing only."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from harness.repo.errors import GitFailed, PathMissing, TooLarge
from harness.repo.git import EMPTY_TREE, MEBI, Bounds, Place, name, raw, run, text
from harness.repo.objects import Entry, Listing

Status = Literal["added", "modified", "deleted"]
_STATUS: Mapping[str, Status] = {"A": "added", "D": "deleted", "M": "modified", "T": "modified"}
_NO_MODE = "000000"
_TREES_ONLY = {"GIT_ATTR_SOURCE": EMPTY_TREE}
"""Attributes are the candidate's own words: `*.py -diff` would hide its text."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One changed path between two trees. Modes are octal strings, `` for none. A rename is two changes."""

    path: str
    status: Status
    old_mode: str = ""
    new_mode: str = ""


class RawChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change with the ids of its contents, for the rules a candidate has to keep."""

    change: Change
    old: str
    new: str


class Stat(NamedTuple):
    """The size of a change: files, and lines added and removed (none counted for binary files)."""

    files: int
    insertions: int
    deletions: int


def raw_changes(
    place: Place, old: str, new: str, cap: int = 64 * MEBI, bounds: Bounds | None = None
) -> tuple[RawChange, ...]:
    """The changed paths from tree `old` to tree `new`. Raises `TooLarge` when their list exceeds `cap` bytes."""
    output = _compare(place, cap, "--raw", "-z", old, new, bounds=bounds).split(b"\0")
    found = []
    for meta, path in zip(output[0::2], output[1::2], strict=False):
        old_mode, new_mode, old_id, new_id, status = meta.decode().lstrip(":").split(" ")
        change = Change(
            path=name(path),
            status=_STATUS[status[0]],
            old_mode="" if old_mode == _NO_MODE else old_mode,
            new_mode="" if new_mode == _NO_MODE else new_mode,
        )
        found.append(RawChange(change=change, old=old_id, new=new_id))
    return tuple(found)


def diff(place: Place, old: str, new: str, context: int = 3, cap: int = 64 * MEBI) -> str:
    """The unified text of the change, bytes that are no UTF-8 replaced. Raises `TooLarge` rather than cut it:
    who judges a change must see all of it."""
    flags = ("-p", "--full-index", "--no-color", "--no-ext-diff", "--no-textconv", "--submodule=short")
    prefixes = ("--src-prefix=a/", "--dst-prefix=b/", f"--unified={context}")
    return _compare(place, cap, *flags, *prefixes, old, new).decode("utf-8", "replace")


def stat(place: Place, old: str, new: str) -> Stat:
    """How large the change is."""
    files = insertions = deletions = 0
    for line in _compare(place, 64 * MEBI, "--numstat", "-z", old, new).split(b"\0")[:-1]:
        added, removed, _ = line.split(b"\t", 2)
        files += 1
        insertions += int(added) if added != b"-" else 0
        deletions += int(removed) if removed != b"-" else 0
    return Stat(files, insertions, deletions)


def _compare(place: Place, cap: int, *args: str, bounds: Bounds | None = None) -> bytes:
    command = ("diff-tree", "-r", "--no-renames", *args)
    try:
        return run(place, *command, env=_TREES_ONLY, cap=cap, seconds=60, bounds=bounds)
    except GitFailed as error:
        if error.code == 0:
            raise TooLarge("the change is too large to be compared", error.why) from None
        raise


def compose(place: Place, listing: Callable[[str], Listing], onto: str, take: Mapping[str, str | None]) -> str:
    """The tree `onto` with each path of `take` as it is in the tree named for it, or without it for None.

    A path may name a directory: all of it is taken or removed. Removals come first; then later paths win over
    earlier ones, and a file that stands where a directory has to be gives way, as a directory does to a file.
    Raises `PathMissing` when a tree lacks the path.
    """
    before = listing(onto)
    after = dict(before)
    for path, source in sorted(take.items(), key=lambda item: item[1] is not None):
        for gone in _at_or_below(after, path):
            del after[gone]
        if source is None:
            continue
        entries = listing(source)
        found = _at_or_below(entries, path)
        if not found:
            raise PathMissing(f"{path} cannot be taken", f"the tree {source} has no such path")
        for above in _parents(path):
            after.pop(above, None)
        after.update({each: entries[each] for each in found})
    return _write(place, onto, before, after)


def edit(place: Place, listing: Callable[[str], Listing], onto: str, files: Mapping[str, bytes | None]) -> str:
    """The tree `onto` with these contents written, or removed for None. A file keeps the mode it has."""
    before = listing(onto)
    after = dict(before)
    for path, data in files.items():
        for gone in _at_or_below(after, path):
            del after[gone]
        if data is not None:
            for above in _parents(path):
                after.pop(above, None)
            old = before.get(path)
            blob = text(run(place, "hash-object", "-w", "--stdin", stdin=data))
            after[path] = Entry(old.mode if old and old.mode.startswith("100") else "100644", blob)
    return _write(place, onto, before, after)


def _at_or_below(entries: Listing, path: str) -> list[str]:
    if path in entries:
        return [path]
    prefix = f"{path}/"
    return [each for each in entries if each.startswith(prefix)]


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def _write(place: Place, onto: str, before: Listing, after: Mapping[str, Entry]) -> str:
    removed = [b"0 %s\t%s\0" % (b"0" * 40, raw(path)) for path in before if path not in after]
    put = [
        b"%s %s\t%s\0" % (entry.mode.encode(), entry.id.encode(), raw(path))
        for path, entry in after.items()
        if before.get(path) != entry
    ]
    if not removed and not put:
        return onto
    with tempfile.TemporaryDirectory(dir=place.git_dir, prefix="tmp-index-") as directory:
        there = msgspec.structs.replace(place, index=Path(directory, "index"))
        run(there, "read-tree", onto)
        run(there, "update-index", "-z", "--index-info", stdin=b"".join([*removed, *put]))
        return text(run(there, "write-tree"))
