"""The lines a candidate adds, told from the two contents themselves and not from the text of a diff."""

from collections import Counter

from gates.base import Change, Room

LARGEST = 2_000_000
"""Bytes of a file that is still looked into; what is larger is named, never silently passed."""


def added_lines(change: Change, room: Room) -> list[tuple[int, str]] | None:
    """(number, text) of each line that the candidate has more often than base had it; None when the file is too
    large to look into. A line that only moved is not added. Lines end at line feeds alone, as git counts them."""
    new = room.file(room.head, change.path)
    if new is None:
        return []
    if len(new) > LARGEST:
        return None
    left = Counter((room.file(room.base, change.path) or b"").split(b"\n"))
    added = []
    for number, line in enumerate(new.split(b"\n"), start=1):
        if left[line] > 0:
            left[line] -= 1
        elif line.strip():
            added.append((number, line.decode(errors="replace")))
    return added
