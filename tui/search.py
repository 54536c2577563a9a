"""Finding words in a run: in the journal itself, so that what was never on the screen is found, too."""

from collections.abc import Callable, Iterator

import msgspec

from harness.events import Event
from harness.journal import Journal, Record

HIDDEN = frozenset(("conversation", "call", "model", "wire", "tree", "commit", "parent", "hash", "key", "request_id"))
"""Fields that no transcript shows."""


def texts(value: object) -> Iterator[str]:
    """Every text in an event that a reader can see."""
    match value:
        case str():
            yield value
        case tuple():
            for inner in value:
                yield from texts(inner)
        case msgspec.Struct():
            for name in value.__struct_fields__:
                if name not in HIDDEN:
                    yield from texts(getattr(value, name))


def has(event: Event, words: str) -> bool:
    """Whether `words`, which are case-folded, stand in the event."""
    return any(words in text.casefold() for text in texts(event))


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
