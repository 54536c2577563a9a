"""How notes come together on the shelf: confirmed, named, bounded. Pure functions."""

from collections.abc import Mapping

import msgspec

from harness.memory.note import Note

NOTES = 500
"""Active notes of one repository; of more, those that are least worth are retired."""
FILES = 2_000
"""Notes in all; of more, the oldest that are told no more leave the tree (the ref's history keeps them)."""


def merged(old: Note, new: Note) -> Note:
    """The old note, confirmed by the new. What a person wrote keeps its words; what one retired stays retired."""
    words = {} if old.by and not new.by else {
        "text": new.text, "paths": new.paths, "by": new.by, "command": new.command or old.command,
        "failures": new.failures or old.failures,
    }  # fmt: skip
    stays = old.status == "retired" and not new.by
    status = {} if stays else {"status": "active", "why": ""}
    return msgspec.structs.replace(old, run=new.run, sha=new.sha, verified=new.verified, **status, **words)


def fresh(note: Note, taken: set[str]) -> Note:
    """The note under an id that is free: a broken file that has the id keeps it."""
    id, n = note.id, 2
    while id in taken:
        id, n = f"{note.id}-{n}", n + 1
    return msgspec.structs.replace(note, id=id)


def bounded(there: Mapping[str, Note], change: dict[str, Note | None]) -> None:
    """Retire the least worthy active notes above `NOTES`, and drop the oldest inactive ones above `FILES`."""
    after = {**there, **{id: note for id, note in change.items() if note}}
    active = sorted((note for note in after.values() if note.status == "active"), key=_worth)
    for note in active[: max(0, len(active) - NOTES)]:
        change[note.id] = after[note.id] = msgspec.structs.replace(note, status="retired", why="there were too many")
    quiet = sorted((note for note in after.values() if note.status != "active"), key=lambda n: (n.verified, n.id))
    for note in quiet[: max(0, len(after) - FILES)]:
        change[note.id] = None


def _worth(note: Note) -> tuple[bool, bool, int, int, str]:
    """Smallest first to go: the impossible, then what never helped, then the oldest; a person's notes last."""
    return bool(note.by), not note.impossible, note.helped, note.verified, note.id


def message(there: Mapping[str, Note], change: Mapping[str, Note | None]) -> str:
    added = sum(1 for id, note in change.items() if note and id not in there)
    gone = sum(1 for note in change.values() if note is None)
    quiet = [n.id for i, n in change.items() if n and i in there and n.status != there[i].status]
    parts = [
        f"{added} new" if added else "",
        f"{len(quiet)} changed status" if quiet else "",
        f"{gone} gone" if gone else "",
    ]
    return f"Notes: {', '.join(filter(None, parts)) or f'{len(change)} confirmed or counted'}"
