"""The record of flaky tests: what a run learned is known to the next."""

from pathlib import Path

from harness.memory import Shelf, flaky_tests
from harness.memory.note import make


def test_what_was_learned_is_known_until_it_is_retired(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, "repo")
    long = "tests/test_a.py::test_" + "x" * 500
    shelf.keep([make("flaky", "one is flaky", "tests/test_a.py::test_b[1]"), make("flaky", "another", long)])
    shelf.keep([make("quirk", "tests/test_a.py::test_c fails here", "tests/test_a.py::test_c")])
    known = flaky_tests(shelf.load())
    assert known("tests/test_a.py::test_b[1]")
    assert known(long)
    assert not known("tests/test_a.py::test_b[2]")
    assert not known("tests/test_a.py::test_c")
    for note in shelf.load():
        shelf.retire(note.id)
    assert not flaky_tests(shelf.load())("tests/test_a.py::test_b[1]")
