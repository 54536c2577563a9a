"""The shelf: one fact a file, safe against hands, crashes, other runs and hostile content."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.clean import Cleaner, clean
from harness.memory import MemoryFailed, Note, Shelf
from harness.memory.note import PATHS, TEXT_CHARS, Kind, Status, decode, encode, make
from harness.memory.store import NOTES

CLEAN = st.text(st.characters(exclude_categories=["Cs"]), max_size=60).map(clean).map(str.strip)
COUNT = st.integers(0, 2**40)
TIME = st.integers(0, 4_000_000_000).map(lambda seconds: seconds * 1_000_000)
notes = st.builds(
    Note,
    id=st.just("note-1"),
    kind=st.sampled_from(get_args(Kind)),
    text=CLEAN.filter(bool),
    paths=st.lists(CLEAN, max_size=4).map(tuple),
    fingerprint=st.text("0123456789abcdef", min_size=16, max_size=16),
    run=CLEAN,
    sha=CLEAN,
    by=CLEAN,
    created=TIME,
    verified=TIME,
    used=COUNT,
    helped=COUNT,
    status=st.sampled_from(get_args(Status)),
    supersedes=CLEAN,
)


def shelf(tmp_path: Path, **fields: Any) -> Shelf:
    return Shelf(tmp_path, "repo-1", **fields)


def fail(call: Any, *args: Any) -> MemoryFailed:
    with pytest.raises(MemoryFailed) as caught:
        call(*args)
    return caught.value


@given(notes)
def test_a_note_survives_its_file(note: Note) -> None:
    assert decode(encode(note).encode(), note.id) == note


@given(notes)
def test_a_file_that_an_editor_has_changed_the_endings_of_reads_the_same(note: Note) -> None:
    assert decode(b"\xef\xbb\xbf" + encode(note).replace("\n", "\r\n").encode(), note.id) == note


@given(
    st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"+++\n{text}\n+++\nx".encode("utf-8", "replace"))
)
def test_no_content_does_more_than_be_refused(content: bytes) -> None:
    try:
        note = decode(content, "x")
    except ValueError:
        return
    assert note.text


def test_a_note_is_added_shown_edited_and_retired(tmp_path: Path) -> None:
    kept = shelf(tmp_path)
    assert kept.load() == kept.broken() == ()
    note = kept.add("quirk", " tests need LANG=C ", ["tests/conftest.py"], by="ada")
    assert (note.text, note.paths, note.by, note.status) == (
        "tests need LANG=C",
        ("tests/conftest.py",),
        "ada",
        "active",
    )
    assert kept.load() == (note,)
    assert kept.get(note.id) == note
    assert "tests need LANG=C" in kept.show(note.id)
    assert kept.edit(note.id, "tests need LANG=C.UTF-8").text == kept.get(note.id).text == "tests need LANG=C.UTF-8"
    assert kept.retire(note.id).status == kept.get(note.id).status == "retired"
    assert kept.path(note.id).parent == tmp_path / "memory" / "repo-1"


def test_what_cannot_be_a_note_is_refused(tmp_path: Path) -> None:
    kept = shelf(tmp_path)
    for error in (
        fail(kept.add, "rumour", "x"),
        fail(kept.add, "quirk", " \n\u200b "),
        fail(kept.add, "quirk", "x" * (TEXT_CHARS + 1)),
        fail(kept.get, "ghost"),
        fail(kept.edit, "ghost", "x"),
        fail(kept.retire, "../../../etc/passwd"),
        fail(kept.path, ""),
        fail(Shelf, tmp_path, "../escape"),
        fail(Shelf, tmp_path, ""),
    ):
        assert error.what
    assert not (tmp_path / "memory" / "escape").exists()


def test_what_comes_in_is_cleaned_and_redacted_also_from_a_file(tmp_path: Path) -> None:
    kept = shelf(tmp_path, clean=Cleaner(["hunter2-hunter2"]))
    note = kept.add("fix", "use\x1b[31m hunter2-hunter2 and ghp_" + "a" * 36, ["a\u202eb.py"], by="m\x07e")
    assert note.text == "use [redacted:secret] and [redacted:github]"
    assert (note.paths, note.by) == (("ab.py",), "me")
    path = kept.path(note.id)
    path.write_text(path.read_text().replace("use ", "by hand: hunter2-hunter2 \x1b]0;x\x07"))
    shown = "by hand: [redacted:secret] [redacted:secret] and [redacted:github]"
    assert kept.get(note.id).text == kept.load()[0].text == shown
    assert "\x1b" not in kept.show(note.id)


def test_the_same_fact_is_kept_once_and_confirmed(tmp_path: Path) -> None:
    kept = shelf(tmp_path)
    first = make(
        "quirk", "3 tests fail", "baseline", run="r1", sha="aa", created=10**6, verified=10**6, paths=("a.py",)
    )
    later = make("quirk", "2 tests fail", "baseline", run="r2", sha="bb", created=9 * 10**6, verified=9 * 10**6)
    kept.keep([first])
    kept.credit([first.id, "ghost"], helped=True)
    kept.credit([first.id], helped=False)
    [stored] = kept.keep([later])
    assert kept.load() == (stored,)
    assert stored == msgspec.structs.replace(later, id=first.id, created=10**6, used=2, helped=1)
    other = make("fix", "2 tests fail", "baseline")
    kept.keep([other])
    assert len(kept.load()) == 2


def test_a_persons_words_and_will_stand_against_what_is_learned(tmp_path: Path) -> None:
    kept = shelf(tmp_path)
    [learned] = kept.keep([make("quirk", "it fails", "baseline", run="r1")])
    kept.edit(learned.id, "it fails unless LANG=C")
    [again] = kept.keep([make("quirk", "it fails", "baseline", run="r2", verified=5 * 10**6)])
    assert (again.text, again.run, again.verified) == ("it fails unless LANG=C", "r2", 5 * 10**6)
    kept.retire(learned.id)
    [again] = kept.keep([make("quirk", "it fails", "baseline", run="r3")])
    assert again.status == "retired"
    kept.add("quirk", "said by hand", by="ada")
    by_hand = kept.add("quirk", "Said  by hand", by="bob")
    assert (by_hand.by, len(kept.load())) == ("bob", 2)


HOSTILE = {
    "no fence": b"just words",
    "one fence": b'+++\nkind = "fix"\n',
    "no text": b'+++\nkind = "fix"\n+++\n \n',
    "no kind": b"+++\nused = 1\n+++\nx",
    "unknown kind": b'+++\nkind = "rumour"\n+++\nx',
    "unknown key": b'+++\nkind = "fix"\nkidn = "x"\n+++\nx',
    "wrong type": b'+++\nkind = "fix"\nused = "many"\n+++\nx',
    "no date": b'+++\nkind = "fix"\ncreated = 5\n+++\nx',
    "bad toml": b'+++\nkind = "fix\n+++\nx',
    "not utf-8": b'+++\nkind = "fix"\n+++\n\xff\xfe',
    "deep": b"+++\nkind = " + b"[" * 20_000 + b"\n+++\nx",
    "long": b'+++\nkind = "fix"\n+++\n' + b"x" * (TEXT_CHARS + 1),
    "huge": b'+++\nkind = "fix"\n+++\n' + b"x" * 100_000,
    "empty": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_broken_file_is_named_never_touched_and_hides_no_other(tmp_path: Path, name: str) -> None:
    kept = shelf(tmp_path)
    good = kept.add("fix", "a good one")
    path = kept.directory / "mine.md"
    path.write_bytes(HOSTILE[name])
    assert kept.load() == (good,)
    [broken] = kept.broken()
    assert (broken.path, bool(broken.why)) == (path, True)
    for error in (fail(kept.get, "mine"), fail(kept.edit, "mine", "x"), fail(kept.retire, "mine")):
        assert str(path) in error.what
        assert error.fix
    kept.keep([make("fix", "another")])
    kept.credit(["mine", good.id], helped=True)
    assert path.read_bytes() == HOSTILE[name]


def test_a_broken_file_keeps_its_name_when_the_note_is_learned_again(tmp_path: Path) -> None:
    kept = shelf(tmp_path)
    note = kept.add("fix", "one fact")
    path = kept.path(note.id)
    path.write_text("half a thought of somebody who edits it just now")
    again = kept.add("fix", "one fact")
    assert again.id != note.id
    assert path.read_text().startswith("half a thought")
    assert [n.id for n in kept.load()] == [again.id]


def test_what_is_no_regular_file_is_never_opened(tmp_path: Path) -> None:
    """A pipe would hang every run, a link would show any file of the user to the model."""
    kept = shelf(tmp_path)
    kept.add("fix", "a good one")
    (tmp_path / "secret").write_text('+++\nkind = "fix"\n+++\nthe password')
    (kept.directory / "link.md").symlink_to(tmp_path / "secret")
    (kept.directory / "dangling.md").symlink_to(tmp_path / "nowhere")
    (kept.directory / "dir.md").mkdir()
    os.mkfifo(kept.directory / "pipe.md")
    assert [note.text for note in kept.load()] == ["a good one"]
    assert {broken.path.name for broken in kept.broken()} == {"link.md", "dangling.md", "dir.md", "pipe.md"}
    assert "link.md" in fail(kept.get, "link").what
    fail(kept.show, "link")


def test_other_files_are_not_notes(tmp_path: Path) -> None:
    kept = shelf(tmp_path)
    kept.add("fix", "x")
    (kept.directory / "README.txt").write_text("hello")
    (kept.directory / ".hidden.md").write_text("hello")
    assert len(kept.load()) == 1
    assert kept.broken() == ()


def test_a_directory_that_cannot_be_made_is_an_error_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "memory").write_text("a file in its place")
    error = fail(shelf(tmp_path).add, "fix", "x")
    assert (error.why, bool(error.fix)) == ("Not a directory", True)
    fail(shelf(tmp_path).load)


def test_a_full_shelf_takes_no_new_note_and_still_confirms(tmp_path: Path) -> None:
    kept = shelf(tmp_path)
    stored = kept.keep(make("fix", f"fact {n}") for n in range(NOTES + 5))
    assert len(stored) == len(kept.load()) == NOTES
    assert len(kept.keep([make("fix", "fact 0", verified=7 * 10**6), make("fix", "fact 9999")])) == 1


def test_a_note_never_grows_beyond_its_bounds(tmp_path: Path) -> None:
    [note] = shelf(tmp_path).keep([make("fix", "x" * 5_000, paths=tuple(f"{n}.py" for n in range(99)))])
    assert (len(note.text), len(note.paths)) == (TEXT_CHARS, PATHS)
    assert shelf(tmp_path).load() == (note,)


def test_no_count_is_lost_between_threads_and_processes(tmp_path: Path) -> None:
    note = shelf(tmp_path).add("fix", "x")
    code = (
        "import sys; from pathlib import Path; from harness.memory import Shelf\n"
        "for _ in range(15): Shelf(Path(sys.argv[1]), 'repo-1').credit([sys.argv[2]], helped=True)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), note.id])

    def credit() -> None:
        for _ in range(15):
            shelf(tmp_path).credit([note.id], helped=False)

    threads = [threading.Thread(target=credit) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert process.wait() == 0
    stored = shelf(tmp_path).get(note.id)
    assert (stored.used, stored.helped) == (60, 15)
    assert [path.name for path in shelf(tmp_path).directory.iterdir() if path.suffix != ".md"] == [".lock"]


def test_the_files_are_private(tmp_path: Path) -> None:
    kept = shelf(tmp_path)
    kept.add("fix", "x")
    for path in (kept.directory, *kept.directory.iterdir()):
        assert path.stat().st_mode & 0o077 == 0


@given(st.lists(notes, max_size=6))
@settings(max_examples=25, deadline=None)
def test_whatever_is_kept_loads_again(tmp_path_factory: pytest.TempPathFactory, many: list[Note]) -> None:
    kept = Shelf(tmp_path_factory.mktemp("m"), "repo-1")
    kept.keep(many)
    again = Shelf(kept.directory.parents[1], "repo-1")
    assert again.broken() == ()
    assert {(n.kind, n.fingerprint) for n in again.load()} == {(n.kind, n.fingerprint) for n in many}
