"""The repository's record of flaky tests: the notes of kind `flaky` that earlier runs left."""

from collections.abc import Callable, Iterable

from harness.memory.note import Note, make


def flaky_tests(notes: Iterable[Note]) -> Callable[[str], bool]:
    """Whether a test, by its id, is known to be flaky. A retired note no longer says so."""
    known = frozenset(note.fingerprint for note in notes if note.kind == "flaky" and note.status == "active")
    return lambda test: bool(known) and make("flaky", "", test).fingerprint in known
