"""The shelf: one fact a file, safe against hands, crashes, other runs and hostile content."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.clean import Cleaner, clean
from harness.goal import Goal
from harness.memory import MemoryFailed, Note, Shelf, select
from harness.memory.keeping import NOTES
from harness.memory.note import (
    DAY,
    IMPOSSIBLE_DAYS,
    LEARNED_DAYS,
    PATHS,
    TEXT_CHARS,
    Kind,
    Status,
    decode,
    encode,
    make,
)
from harness.memory.store import REF
from harness.memory.union import union
from harness.repo import Repository, Store, discover, files, git
from harness.repo.git import Place
from tests.conftest import fingerprint

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
    command=CLEAN,
    failures=st.lists(CLEAN, max_size=3).map(tuple),
    impossible=st.booleans(),
    expires=TIME,
)


def shelf(tmp_path: Path, **fields: Any) -> Shelf:
    return Shelf(tmp_path, "repo-1", **fields)


def put(kept: Shelf, name: str, data: bytes) -> None:
    """Write a file into the notes' tree past the shelf."""
    files.write(Place(git_dir=kept.path), REF, {name: data}, "by hand", 0)


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
    assert [what for _, what in kept.history()] == [
        "Notes: 1 changed status",
        "Notes: 1 confirmed or counted",
        "Notes: 1 new",
    ]


def test_what_cannot_be_a_note_is_refused(tmp_path: Path) -> None:
    kept = shelf(tmp_path)
    for error in (
        fail(kept.add, "rumour", "x"),
        fail(kept.add, "quirk", " \n\u200b "),
        fail(kept.add, "quirk", "x" * (TEXT_CHARS + 1)),
        fail(kept.get, "ghost"),
        fail(kept.edit, "ghost", "x"),
        fail(kept.retire, "../../../etc/passwd"),
        fail(kept.get, ""),
        fail(Shelf, tmp_path, "../escape"),
        fail(Shelf, tmp_path, ""),
    ):
        assert error.what
    assert not (tmp_path / "store" / "escape.git").exists()


def test_what_comes_in_is_cleaned_and_redacted_also_from_a_file(tmp_path: Path) -> None:
    kept = shelf(tmp_path, clean=Cleaner(["hunter2-hunter2"]))
    note = kept.add("fix", "use\x1b[31m hunter2-hunter2 and ghp_" + "a" * 36, ["a\u202eb.py"], by="m\x07e")
    assert note.text == "use [redacted:secret] and [redacted:github]"
    assert (note.paths, note.by) == (("ab.py",), "me")
    put(kept, f"{note.id}.md", kept.show(note.id).replace("use ", "by hand: hunter2-hunter2 \x1b]0;x\x07").encode())
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
    lapses = 9 * 10**6 + LEARNED_DAYS * DAY
    assert stored == msgspec.structs.replace(later, id=first.id, created=10**6, used=2, helped=1, expires=lapses)
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
    put(kept, "mine.md", HOSTILE[name])
    assert kept.load() == (good,)
    [broken] = kept.broken()
    assert (broken.path.name, bool(broken.why)) == ("mine.md", True)
    for error in (fail(kept.get, "mine"), fail(kept.edit, "mine", "x"), fail(kept.retire, "mine")):
        assert "mine.md" in error.what
        assert error.fix
    kept.keep([make("fix", "another")])
    kept.credit(["mine", good.id], helped=True)
    place = Place(git_dir=kept.path)
    assert files.read(place, files.tip(place, REF))["mine.md"] == HOSTILE[name]


def test_a_broken_file_keeps_its_name_when_the_note_is_learned_again(tmp_path: Path) -> None:
    kept = shelf(tmp_path)
    note = kept.add("fix", "one fact")
    put(kept, f"{note.id}.md", b"half a thought")
    again = kept.add("fix", "one fact")
    assert again.id != note.id
    assert [n.id for n in kept.load()] == [again.id]


def test_what_is_no_file_of_a_note_is_never_read(tmp_path: Path) -> None:
    """Whoever can push to the remote can put anything into the tree: links, directories, odd names."""
    kept = shelf(tmp_path)
    kept.add("fix", "a good one")
    raw = "M 120000 inline link.md\ndata 11\n/etc/passwd\nM 100644 inline dir.md/x.md\ndata 1\nx\n"
    raw += "M 100644 inline README.txt\ndata 5\nhello\nM 100644 inline .hidden.md\ndata 1\nx\n"
    head = f"commit {REF}\ncommitter x <x@x> 0 +0000\ndata 1\nx\nfrom {files.tip(Place(git_dir=kept.path), REF)}\n"
    git.run(Place(git_dir=kept.path), "fast-import", "--quiet", stdin=(head + raw).encode())
    assert [note.text for note in kept.load()] == ["a good one"]
    assert {broken.path.name for broken in kept.broken()} == {"README.txt", ".hidden.md"}
    fail(kept.show, "link")


def test_a_store_that_cannot_be_made_is_an_error_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file in its place")
    error = fail(shelf(tmp_path).add, "fix", "x")
    assert (error.why, bool(error.fix)) == ("File exists", True)


def test_of_too_many_notes_the_least_worthy_are_retired_the_impossible_first(tmp_path: Path) -> None:
    kept = shelf(tmp_path)
    kept.keep([make("fix", "this cannot be done", verified=9 * 10**12), make("fix", "old", "old", verified=1)])
    mine = kept.add("decision", "mine")
    kept.keep(make("fix", f"fact {n}", verified=5 * 10**12) for n in range(NOTES))
    status = {note.text: note for note in kept.load()}
    assert sum(note.status == "active" for note in status.values()) == NOTES
    assert (status["this cannot be done"].status, status["old"].status) == ("retired", "retired")
    assert status["old"].why
    assert kept.get(mine.id).status == "active"


def test_notes_that_nobody_confirms_lapse_the_impossible_soonest(tmp_path: Path) -> None:
    kept = shelf(tmp_path)
    [fact] = kept.keep([make("quirk", "tests need LANG=C", verified=10**6)])
    [never] = kept.keep([make("quirk", "the proxy can't be mocked", verified=10**6)])
    mine = kept.add("quirk", "it is impossible to mock")
    assert (never.impossible, fact.impossible) == (True, False)
    assert never.expires == 10**6 + IMPOSSIBLE_DAYS * DAY < fact.expires == 10**6 + LEARNED_DAYS * DAY
    assert mine.expires == 0
    told = select(kept.load(), Goal(text="mock it"), now=never.expires)
    assert {note.id for note in told} == {fact.id, mine.id}


def test_notes_of_the_time_when_they_were_files_are_taken_in(tmp_path: Path) -> None:
    old = tmp_path / "memory" / "repo-1"
    old.mkdir(parents=True)
    note = make("fix", "from long ago")
    (old / f"{note.id}.md").write_text(encode(note))
    assert [n.text for n in shelf(tmp_path).load()] == ["from long ago"]
    assert not old.exists()
    assert [n.text for n in shelf(tmp_path).load()] == ["from long ago"]


def test_collecting_garbage_takes_no_notes(tmp_path: Path) -> None:
    kept = shelf(tmp_path)
    note = kept.add("fix", "x")
    place = Repository(root=tmp_path, git_dir=tmp_path, head_dir=tmp_path, bare=True, id="repo-1")
    store = Store(tmp_path, place)
    assert store.runs() == frozenset()
    store.compact()
    assert kept.load() == (note,)


def test_two_machines_exchange_their_notes_through_a_remote(tmp_path: Path) -> None:
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", str(remote)], check=True)
    checkout = tmp_path / "checkout"
    subprocess.run(["git", "init", "-q", str(checkout)], check=True)
    subprocess.run(["git", "-C", str(checkout), "remote", "add", "origin", str(remote)], check=True)
    repository = discover(checkout)
    before = fingerprint(checkout)
    ada, bob = Shelf(tmp_path / "ada", "repo-1"), Shelf(tmp_path / "bob", "other")
    one = ada.add("quirk", "from ada", by="ada")
    assert ada.sync(repository, "origin").went == 1
    two = bob.add("fix", "from bob", by="bob")
    assert bob.sync(repository, str(remote)).came == 1
    ada.credit([one.id], helped=True)
    bob.credit([one.id], helped=False)
    bob.retire(two.id)
    bob.sync(repository, "origin")
    ada.sync(repository, "origin")
    bob.sync(repository, "origin")
    assert ada.load() == bob.load()
    assert (ada.get(one.id).used, ada.get(one.id).helped, ada.get(two.id).status) == (2, 1, "retired")
    assert fingerprint(checkout) == before
    for where in ("ext::sh -c true", "--upload-pack=x", "nowhere"):
        assert fail(ada.sync, repository, where).why


TWICE = make("command", "0", used=500_000_000)
"""Told so often that the sum of both counts sorts before each: which side is first may not hang on its digits."""


@example({"a": msgspec.structs.replace(TWICE, supersedes="0")}, {"a": TWICE})
@given(st.dictionaries(st.sampled_from("abc"), notes), st.dictionaries(st.sampled_from("abc"), notes))
@settings(max_examples=50, deadline=None)
def test_a_union_loses_nothing_and_is_the_same_from_both_sides(ours: dict[str, Note], theirs: dict[str, Note]) -> None:
    merged = union(ours, theirs, {})
    assert merged.keys() == ours.keys() | theirs.keys()
    assert union(theirs, ours, {}) == merged
    assert union(merged, theirs, theirs) == merged
    for id, note in merged.items():
        sides = [side[id] for side in (ours, theirs) if id in side]
        assert note.used >= max(side.used for side in sides)
        if len(sides) == 2 and any(side.status != "active" for side in sides):
            assert note.status != "active"


def test_a_persons_second_thought_reaches_the_others_whatever_the_words(tmp_path: Path) -> None:
    remote, checkout = tmp_path / "remote.git", tmp_path / "checkout"
    subprocess.run(["git", "init", "-q", "--bare", str(remote)], check=True)
    subprocess.run(["git", "init", "-q", str(checkout)], check=True)
    repository = discover(checkout)
    ada, bob = Shelf(tmp_path / "ada", "repo-1"), Shelf(tmp_path / "bob", "other")
    note = ada.add("decision", "zebras go first", by="ada")
    for shelf_ in (ada, bob):
        shelf_.sync(repository, str(remote))
    ada.edit(note.id, "ants go first", by="ada")
    bob.credit([note.id], helped=True)  # a count is no word of bob's
    for shelf_ in (ada, bob, ada):
        shelf_.sync(repository, str(remote))
    assert [one.get(note.id).text for one in (ada, bob)] == ["ants go first"] * 2
    assert (ada.get(note.id).used, bob.get(note.id).used) == (1, 1)


def test_a_note_never_grows_beyond_its_bounds(tmp_path: Path) -> None:
    [note] = shelf(tmp_path).keep([make("fix", "x" * 5_000, paths=tuple(f"{n}.py" for n in range(99)))])
    assert (len(note.text), len(note.paths)) == (TEXT_CHARS, PATHS)
    assert shelf(tmp_path).load() == (note,)


def test_no_count_is_lost_between_threads_and_processes(tmp_path: Path) -> None:
    note = shelf(tmp_path).add("fix", "x")
    code = (
        "import sys; from pathlib import Path; from harness.memory import Shelf\n"
        "for _ in range(8): Shelf(Path(sys.argv[1]), 'repo-1').credit([sys.argv[2]], helped=True)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), note.id])

    def credit() -> None:
        for _ in range(8):
            shelf(tmp_path).credit([note.id], helped=False)

    threads = [threading.Thread(target=credit) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert process.wait() == 0
    stored = shelf(tmp_path).get(note.id)
    assert (stored.used, stored.helped) == (32, 8)


def test_the_store_is_private(tmp_path: Path) -> None:
    kept = shelf(tmp_path)
    kept.add("fix", "x")
    assert kept.path.parent.stat().st_mode & 0o077 == 0


@given(st.lists(notes, max_size=6))
@settings(max_examples=8, deadline=None)
def test_whatever_is_kept_loads_again(tmp_path_factory: pytest.TempPathFactory, many: list[Note]) -> None:
    kept = Shelf(tmp_path_factory.mktemp("m"), "repo-1")
    kept.keep(many)
    again = Shelf(kept.path.parents[1], "repo-1")
    assert again.broken() == ()
    assert {(n.kind, n.fingerprint) for n in again.load()} == {(n.kind, n.fingerprint) for n in many}
