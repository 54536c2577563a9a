"""Tampering: whoever edits, deletes, reorders or swaps what was written is found, and told where."""

import shutil
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.events import Notice
from harness.journal import Journal, StaleEpoch, UnknownRun, Verified
from harness.journal.codec import GENESIS
from tests.journal_support import created, finished, gate, iteration, open_run


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of 2 epochs, with payloads, closed."""
    path = tmp_path_factory.mktemp("whole") / "journal.db"
    journal, epoch = open_run(path)
    journal.append("r1", epoch, gate("base", 0, "t::old"), *iteration(1, green=False, cured=("t::a",)))
    epoch = journal.claim("r1", "host:2")
    journal.append("r1", epoch, *iteration(2, green=True), finished())
    journal.create("r2", created("another"))
    journal.close()
    return path


@contextmanager
def attacked(whole: Path, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A copy, opened by somebody with full access to the file: he drops the triggers first."""
    shutil.copytree(whole.parent, tmp_path / "copy")
    db = sqlite3.connect(tmp_path / "copy" / "journal.db", isolation_level=None)
    db.execute("DROP TRIGGER events_are_facts")
    db.execute("DROP TRIGGER events_stay")
    yield db
    db.close()


def verify(tmp_path: Path, run: str = "r1") -> Verified:
    with Journal(tmp_path / "copy" / "journal.db") as journal:
        return journal.verify(run)


def test_a_whole_chain_holds(whole: Path, tmp_path: Path) -> None:
    with attacked(whole, tmp_path):
        pass
    found = verify(tmp_path)
    with Journal(tmp_path / "copy" / "journal.db") as journal:
        last = list(journal.read("r1"))[-1]
    assert found == Verified(True, 0, "", 0, last.hash, last.seq)


Attack = Callable[[sqlite3.Connection], object]
ATTACKS: dict[str, tuple[Attack, int, str]] = {
    "edit a header": (
        lambda db: db.execute("UPDATE events SET hdr = replace(hdr, 'wanted', 'hated') WHERE seq = 1")
        and db.execute("UPDATE events SET hdr = replace(hdr, 'main', 'evil') WHERE seq = 1"),
        1,
        "changed",
    ),
    "reformat a header": (
        lambda db: db.execute("UPDATE events SET hdr = replace(hdr, ',', ', ') WHERE seq = 5"),
        5,
        "changed",
    ),
    "edit a time": (lambda db: db.execute("UPDATE events SET ts = ts - 1 WHERE seq = 4"), 4, "changed"),
    "edit an epoch": (lambda db: db.execute("UPDATE events SET epoch = 7 WHERE seq = 4"), 4, "changed"),
    "edit a type": (lambda db: db.execute("UPDATE events SET type = 'notice' WHERE seq = 3"), 3, "changed"),
    "edit a hash": (lambda db: db.execute("UPDATE events SET hash = upper(hash) || 'f' WHERE seq = 6"), 6, "changed"),
    "edit a digest": (lambda db: db.execute("UPDATE events SET payload = '' WHERE seq = 3"), 3, "changed"),
    "put text where a number was": (lambda db: db.execute("UPDATE events SET ts = 'x' WHERE seq = 4"), 4, "changed"),
    "put bytes where text was": (lambda db: db.execute("UPDATE events SET hdr = x'ff' WHERE seq = 4"), 4, "changed"),
    "edit a payload": (
        lambda db: db.execute(
            "UPDATE payloads SET body = ? WHERE digest = (SELECT payload FROM events WHERE run = 'r1' AND seq = 3)",
            (zlib.compress(b'{"result":null}'),),
        ),
        3,
        "payload",
    ),
    "damage a payload": (
        lambda db: db.execute(
            "UPDATE payloads SET body = x'00' WHERE digest = (SELECT payload FROM events WHERE run = 'r1' AND seq = 3)"
        ),
        3,
        "changed",
    ),
    "empty a payload": (
        lambda db: db.execute(
            "UPDATE payloads SET body = x'7b7d'"
            " WHERE digest = (SELECT payload FROM events WHERE run = 'r1' AND seq = 3)"
        ),
        3,
        "payload",
    ),
    "delete an event": (lambda db: db.execute("DELETE FROM events WHERE run = 'r1' AND seq = 8"), 8, "missing"),
    "delete the first": (lambda db: db.execute("DELETE FROM events WHERE run = 'r1' AND seq = 1"), 1, "missing"),
    "delete and close the gap": (
        lambda db: [
            db.execute("DELETE FROM events WHERE run = 'r1' AND seq = 8"),
            db.execute("UPDATE events SET seq = -seq WHERE run = 'r1' AND seq > 8"),
            db.execute("UPDATE events SET seq = -seq - 1 WHERE run = 'r1' AND seq < 0"),
        ],
        8,
        "changed",
    ),
    "swap two": (
        lambda db: [
            db.execute("UPDATE events SET seq = ? WHERE run = 'r1' AND seq = ?", (new, old))
            for old, new in ((4, -1), (5, 4), (-1, 5))
        ],
        4,
        "changed",
    ),
    "cut the tail off": (lambda db: db.execute("DELETE FROM events WHERE run = 'r1' AND seq > 10"), 11, "missing"),
    "move events to another run": (
        lambda db: db.execute("UPDATE events SET run = 'r2' WHERE run = 'r1' AND seq > 5"), 6, "missing",
    ),
    "add an event": (
        lambda db: db.execute(
            "INSERT INTO events SELECT run, 1 + (SELECT max(seq) FROM events WHERE run = 'r1'), epoch, ts, type, hdr,"
            " payload, prev, hash, key FROM events WHERE run = 'r1' AND seq = 9"
        ),
        0,
        "changed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_found_at_its_place(whole: Path, tmp_path: Path, attack: str) -> None:
    do, at, why = ATTACKS[attack]
    with attacked(whole, tmp_path) as db:
        before = db.total_changes
        do(db)
        assert db.total_changes > before, "the attack did nothing"
        last = db.execute("SELECT max(seq) FROM events WHERE run = 'r1'").fetchone()[0]
    found = verify(tmp_path)
    assert not found.ok
    assert found.broken_at == (at or last)
    assert why in found.why
    assert found.events == found.broken_at - 1


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_any_single_changed_byte_of_the_events_is_found(
    whole: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    tmp_path = tmp_path_factory.mktemp("byte")
    with attacked(whole, tmp_path) as db:
        seq = data.draw(st.integers(1, db.execute("SELECT max(seq) FROM events WHERE run='r1'").fetchone()[0]))
        column = data.draw(st.sampled_from(["hdr", "payload", "prev", "hash", "type"]))
        old = db.execute(f"SELECT {column} FROM events WHERE run = 'r1' AND seq = ?", (seq,)).fetchone()[0]  # noqa: S608
        at = data.draw(st.integers(0, len(old)))
        new = old[:at] + data.draw(st.sampled_from('a0 }"\n\x00é')) + old[at + 1 :]
        db.execute(f"UPDATE events SET {column} = ? WHERE run = 'r1' AND seq = ?", (new, seq))  # noqa: S608
    found = verify(tmp_path)
    assert found.ok == (new == old)
    assert found.ok or found.broken_at == seq


def test_truncation_that_also_forges_the_run_s_row_shows_in_the_head_alone(whole: Path, tmp_path: Path) -> None:
    """Why anchors exist: the chain by itself cannot know its own end, but its head differs from what was noted."""
    with attacked(whole, tmp_path) as db:
        anchor = db.execute("SELECT seq, head FROM runs WHERE id = 'r1'").fetchone()
        db.execute("DELETE FROM events WHERE run = 'r1' AND seq > 10")
        db.execute(
            "UPDATE runs SET seq = 10, head = (SELECT hash FROM events WHERE run = 'r1' AND seq = 10) WHERE id = 'r1'"
        )
    found = verify(tmp_path)
    assert found.ok
    assert (found.events, found.head) != anchor


def test_erasing_payloads_leaves_the_chain_whole(whole: Path, tmp_path: Path) -> None:
    with attacked(whole, tmp_path) as db:
        bulky = db.execute("SELECT count(*) FROM events WHERE run = 'r1' AND payload <> ''").fetchone()[0]
        db.execute("DELETE FROM payloads")
    found = verify(tmp_path)
    assert found.ok
    assert found.pruned == bulky > 5
    with Journal(tmp_path / "copy" / "journal.db") as journal:
        records = list(journal.read("r1"))
        state = journal.state("r1")
    assert len(records) == found.events
    assert [failure.id for failure in state.baseline["tests"].failures] == ["t::old"]
    assert state.iterations[0].finished is not None
    assert state.iterations[0].finished.feedback == ""


def test_the_database_itself_refuses_to_change_events(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole.parent, tmp_path / "copy")
    with sqlite3.connect(tmp_path / "copy" / "journal.db") as db:
        for statement in ("UPDATE events SET ts = 0", "DELETE FROM events", "DELETE FROM events WHERE seq = 99"):
            if "99" in statement:
                db.execute(statement)  # touches nothing, so nothing refuses
                continue
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(statement)
    assert verify(tmp_path).ok


def test_a_run_is_judged_as_it_stood_while_it_goes_on(tmp_path: Path) -> None:
    journal, epoch = open_run(tmp_path / "journal.db")
    for n in range(20):
        journal.append("r1", epoch, *(Notice(what=str(n)) for _ in range(50)))
        assert journal.verify("r1").ok
    with pytest.raises(UnknownRun):
        journal.verify("nobody")


def test_the_first_event_follows_nothing(tmp_path: Path) -> None:
    journal, epoch = open_run(tmp_path / "journal.db")
    with sqlite3.connect(tmp_path / "journal.db") as db:
        assert db.execute("SELECT prev FROM events WHERE seq = 1").fetchone() == (GENESIS,)
    with pytest.raises(StaleEpoch):
        journal.append("r1", epoch - 1, Notice(what="x"))
