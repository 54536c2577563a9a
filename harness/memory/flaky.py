"""The repository's record of flaky tests: the notes of kind `flaky` that earlier runs left."""

from collections.abc import Callable, Iterable

from harness.memory.note import Note, make


def flaky_tests(notes: Iterable[Note]) -> Callable[[str], bool]:
    """Whether a test, by its id, is known to be flaky. A retired note no longer says so."""
    return among(fingerprints(notes))


def fingerprints(notes: Iterable[Note]) -> tuple[str, ...]:
    """What a run takes along of the record, so that it judges the same from its first gate to its last."""
    return tuple(sorted(note.fingerprint for note in notes if note.kind == "flaky" and note.status == "active"))


def among(known: Iterable[str]) -> Callable[[str], bool]:
    """Whether a test, by its id, has one of these fingerprints."""
    wanted = frozenset(known)
    return lambda test: bool(wanted) and make("flaky", "", test).fingerprint in wanted
