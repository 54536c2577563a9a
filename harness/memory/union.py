"""Two histories of a repository's notes become one: every note of both is kept, and of one changed twice the newer."""

from collections.abc import Mapping

import msgspec

from harness.memory.note import Note

Notes = Mapping[str, Note]


def union(ours: Notes, theirs: Notes, base: Notes) -> dict[str, Note]:
    """The notes of both by id. `base` are those that both began with. Commutative; nothing is ever lost."""
    merged = {}
    for id in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(id), theirs.get(id)
        if one is None or other is None or one == other:
            merged[id] = one or other
        else:
            merged[id] = _both(one, other, base.get(id))
    return {id: note for id, note in merged.items() if note is not None}


def _both(one: Note, other: Note, base: Note | None) -> Note:
    """One note of two: the words of the side that changed them; where both did, a person's before the harness's,
    else the ones confirmed last. All counts are added up."""
    was, rest = (_words(base), _rest(base)) if base else (None, None)
    first, second = sorted(
        (one, other), key=lambda note: (_words(note) != was, _rest(note) != rest, _weight(note)), reverse=True
    )
    return msgspec.structs.replace(
        first,
        created=min(one.created, other.created) or max(one.created, other.created),
        verified=max(one.verified, other.verified),
        used=_sum(one.used, other.used, base.used if base else 0),
        helped=_sum(one.helped, other.helped, base.helped if base else 0),
        expires=0 if not one.expires or not other.expires else max(one.expires, other.expires),
        **_status(first, second, base),
    )


def _words(note: Note) -> tuple[object, ...]:
    """What the note says, and who says it."""
    return note.text, note.paths, note.command, note.failures, note.by


def _rest(note: Note) -> Note:
    """The note without what is put together from both sides."""
    return msgspec.structs.replace(note, used=0, helped=0, created=0, verified=0, expires=0, status="active")


def _weight(note: Note) -> tuple[bool, int, str, bytes]:
    """The whole note at its end: which of two comes first may not depend on whose they are."""
    return bool(note.by), note.verified, note.text, msgspec.json.encode(note)


def _sum(one: int, other: int, base: int) -> int:
    return max(one + other - base, one, other, 0)


def _status(first: Note, second: Note, base: Note | None) -> dict[str, str]:
    """What changed since the base holds; of two that were both changed the one that is told no more."""
    changed = [note for note in (first, second) if base is None or note.status != base.status]
    quiet = [note for note in changed if note.status != "active"]
    chosen = (quiet or changed or [first])[0]
    return {"status": chosen.status, "why": chosen.why}
