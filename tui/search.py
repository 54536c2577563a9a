"""Finding words in a run: in the journal itself, so that what was never on the screen is found, too."""

from collections.abc import Callable
from functools import cache

import msgspec

from harness.journal import Journal, Record

HIDDEN = frozenset(("conversation", "call", "model", "wire", "tree", "commit", "parent", "hash", "key", "request_id"))
"""Fields that no transcript shows."""


@cache
def _fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The fields of a type that a reader sees: texts, and those that may hold texts."""
    seen = [field for field in msgspec.structs.fields(kind) if field.name not in HIDDEN]
    plain = tuple(field.name for field in seen if field.type in (str, str | None))
    flat = (int, bool, int | None, bool | None, *(field.type for field in seen if field.name in plain))
    return plain, tuple(field.name for field in seen if field.type not in flat)


def has(value: object, words: str) -> bool:
    """Whether `words`, which are case-folded, stand in an event where a reader can see them."""
    match value:
        case str():
            return words in value.casefold()
        case tuple():
            return any(has(inner, words) for inner in value)
        case msgspec.Struct():
            plain, deeper = _fields(type(value))
            for name in plain:
                text = getattr(value, name)
                if text and words in text.casefold():
                    return True
            return any(has(getattr(value, name), words) for name in deeper)
        case _:
            return False


def find(
    journal: Journal, run: str, words: str, at: int, *, back: bool, shown: Callable[[Record], bool], end: int | None
) -> int | None:
    """The nearest event before (or behind) the event `at` that has `words` and is shown at all; None if there is none.

    Of a run that is seen as it stood at the event `end`, nothing behind that is found.
    """
    words = words.casefold()
    for record in journal.read_back(run, at) if back else journal.read(run, at):
        if end is not None and record.seq > end:
            if back:
                continue
            return None
        if has(record.event, words) and shown(record):
            return record.seq
    return None
