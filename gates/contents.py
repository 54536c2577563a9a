"""What files hold, and which lines a candidate adds, told from the contents and not from the text of a diff."""

from collections import Counter
from pathlib import PurePosixPath

from gates.base import Change, Room

LARGEST = 2_000_000
"""Bytes of a file that is still looked into; what is larger is named, never silently passed."""


MOVES = 50
"""Removed files that an added one is compared with."""


class Oversized(Exception):
    """A file is larger than what a gate looks into, or than the store gives out."""


def content(room: Room, tree: str, path: str) -> bytes | None:
    """The regular file at `path`, None when there is none. Raises `Oversized`."""
    try:
        data = room.file(tree, path)
    except Exception as error:
        # The store has a limit and an exception of its own; whatever keeps a file from us, the file is not judged.
        raise Oversized(f"it cannot be read ({error})"[:200]) from None
    if data is not None and len(data) > LARGEST:
        raise Oversized(f"it has more than {LARGEST} bytes")
    return data


def base_content(room: Room, path: str) -> bytes | None:
    """The file as base has it; one that cannot be looked into counts as none."""
    try:
        return content(room, room.base, path)
    except Oversized:
        return None


def moved_from(change: Change, room: Room) -> str | None:
    """The file of base that an added one is, by most of its lines, under another name; None when there is none."""
    suffix = PurePosixPath(change.path).suffix
    gone = [c.path for c in room.diff.changes if c.status == "deleted" and PurePosixPath(c.path).suffix == suffix]
    if change.status != "added" or not gone:
        return None
    now, best = _lines(content(room, room.head, change.path) or b""), (0.5, "")
    for path in gone[:MOVES]:
        was = _lines(base_content(room, path) or b"")
        most = max(now.total(), was.total())
        best = max(best, ((now & was).total() / most if most else 0.0, path))
    return best[1] or None


def _lines(data: bytes) -> Counter[bytes]:
    return Counter(line.rstrip(b"\r") for line in data.split(b"\n") if line.strip())


def added_lines(change: Change, room: Room) -> list[tuple[int, str]]:
    """(number, text) of each line that the candidate has more often than base had it. Raises `Oversized`.

    A line that only moved is not added, with its file or within it, nor one whose end alone is another. Lines end at
    line feeds alone, as git counts them.
    """
    new = content(room, room.head, change.path)
    if new is None:
        return []
    left = _lines(base_content(room, moved_from(change, room) or change.path) or b"")
    added = []
    for number, line in enumerate(new.split(b"\n"), start=1):
        bare = line.rstrip(b"\r")
        if left[bare] > 0:
            left[bare] -= 1
        elif line.strip():
            added.append((number, line.decode(errors="replace")))
    return added
