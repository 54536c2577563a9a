"""What files hold, and which lines a candidate adds, told from the contents and not from the text of a diff."""

from collections import Counter

from gates.base import Change, Room

LARGEST = 2_000_000
"""Bytes of a file that is still looked into; what is larger is named, never silently passed."""


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


def added_lines(change: Change, room: Room) -> list[tuple[int, str]]:
    """(number, text) of each line that the candidate has more often than base had it. Raises `Oversized`.

    A line that only moved is not added, nor one whose end alone is another. Lines end at line feeds alone, as git
    counts them.
    """
    new = content(room, room.head, change.path)
    if new is None:
        return []
    left = Counter(line.rstrip(b"\r") for line in (base_content(room, change.path) or b"").split(b"\n"))
    added = []
    for number, line in enumerate(new.split(b"\n"), start=1):
        bare = line.rstrip(b"\r")
        if left[bare] > 0:
            left[bare] -= 1
        elif line.strip():
            added.append((number, line.decode(errors="replace")))
    return added
