"""Old data opens, newer data is refused, and what is no journal is left alone."""

import json
import sqlite3
import threading
from pathlib import Path

import msgspec
import pytest

from harness.events import Notice
from harness.journal import Journal, JournalUnavailable
from harness.journal.codec import encode, inflate
from harness.journal.schema import sql, statements, steps, upgrade, version
from tests.journal_support import EVENTS, created, open_run

V1 = Path(__file__).with_name("data") / "journal_v1.sql"
"""A journal as schema 1 wrote it, with one event of every type of its day: `sample` of each. Never made anew."""


def restored(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.executescript(V1.read_text())


def test_a_journal_of_schema_1_opens_with_nothing_lost(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    restored(path)
    with Journal(path) as journal:
        assert journal.verify("old1").ok
        records = {record.seq: record.event for record in journal.read("old1")}
        state = journal.state("old1")
        with sqlite3.connect(path) as db:
            stored = db.execute(
                "SELECT e.seq, e.hdr, p.body FROM events e LEFT JOIN payloads p ON p.digest = e.payload"
            ).fetchall()
        assert len(records) == len(stored) > 25
        for seq, hdr, body in stored:
            now = msgspec.json.decode(encode(records[seq], "").hdr)
            assert contains(now, json.loads(hdr))
            bulk = json.loads(inflate(body)) if body else {}
            assert contains(msgspec.to_builtins(records[seq]), bulk)
        assert state.finished is not None
        assert journal.runs()[0].run == "old1"
        assert [command.text for command in journal.commands("old1")] == ["to the left"]
        journal.append("old1", journal.claim("old1", "host:2"), Notice(what="and it goes on"))
        assert journal.verify("old1").ok


def contains(new: object, old: object) -> bool:
    """Whether everything in `old` is still there in `new`."""
    if isinstance(old, dict) and isinstance(new, dict):
        return all(key in new and contains(new[key], value) for key, value in old.items())
    if isinstance(old, list) and isinstance(new, list | tuple):
        return len(old) == len(new) and all(contains(n, o) for n, o in zip(new, old, strict=True))
    return new == old


def test_the_stored_journal_holds_every_type_of_its_day() -> None:
    text = V1.read_text()
    known = {str(kind.__struct_config__.tag) for kind in EVENTS}
    stored = {line.split("'")[3] for line in text.splitlines() if line.startswith('INSERT INTO "events"')}
    assert stored <= known
    assert len(stored) == 26


NOW = max(steps(sql()))
LATER = {
    **steps(sql()),
    NOW + 1: ("ALTER TABLE runs ADD COLUMN mood TEXT NOT NULL DEFAULT 'good'", "UPDATE runs SET summary = ''"),
    NOW + 2: ("CREATE TABLE moods (run TEXT PRIMARY KEY)", "INSERT INTO moods SELECT id FROM runs"),
}


def test_a_later_version_upgrades_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    open_run(path)[0].close()
    db = sqlite3.connect(path, isolation_level=None)
    before = db.execute("SELECT * FROM events").fetchall()
    assert upgrade(db, LATER) == NOW + 2
    assert version(db, NOW + 2) == NOW + 2
    assert db.execute("SELECT mood, summary FROM runs").fetchall() == [("good", "")]
    assert db.execute("SELECT run FROM moods").fetchall() == [("r1",)]
    assert db.execute("SELECT * FROM events").fetchall() == before
    assert upgrade(db, LATER) == NOW + 2  # and a second time does nothing


def test_an_upgrade_goes_through_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    open_run(path)[0].close()
    db = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(sqlite3.OperationalError):
        upgrade(db, LATER | {NOW + 2: ("CREATE TABLE moods (run TEXT)", "nonsense")})
    assert version(db, NOW + 2) == NOW
    assert "mood" not in [row[1] for row in db.execute("PRAGMA table_info(runs)")]
    db.close()
    with Journal(path) as journal:
        assert journal.summary("r1").run == "r1"


def test_an_empty_database_climbs_the_whole_ladder() -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)
    assert version(db, NOW + 2) == 0
    assert upgrade(db, LATER) == NOW + 2
    assert db.execute("SELECT value FROM meta").fetchall() == [(str(NOW + 2),)]


def test_many_may_upgrade_at_once(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    open_run(path)[0].close()
    failures: list[Exception] = []

    def climb() -> None:
        try:
            upgrade(sqlite3.connect(path, isolation_level=None, timeout=20), LATER)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=climb) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_many_may_open_a_new_journal_at_once(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "journal.db"
    made: list[str] = []

    def begin(run: str) -> None:
        with Journal(path) as journal:
            made.append(journal.create(run, created())[0].run)

    threads = [threading.Thread(target=begin, args=(f"r{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == sorted(run.run for run in Journal(path).runs())
    assert len(made) == 8


def test_a_newer_schema_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    open_run(path)[0].close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE meta SET value = '99' WHERE name = 'schema'")
        before = list(db.iterdump())
    with pytest.raises(JournalUnavailable) as caught:
        Journal(path)
    assert "99" in caught.value.why
    assert "upgrade" in caught.value.fix
    with sqlite3.connect(path) as db:
        assert list(db.iterdump()) == before


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE songs (name TEXT)",
        "CREATE TABLE meta (name TEXT, value TEXT)",
        "CREATE TABLE meta (name TEXT, value TEXT); INSERT INTO meta VALUES ('schema', 'one')",
        "CREATE TABLE meta (name TEXT, value TEXT); INSERT INTO meta VALUES ('schema', '-1')",
    ],
)
def test_another_programs_database_is_left_alone(tmp_path: Path, script: str) -> None:
    path = tmp_path / "journal.db"
    with sqlite3.connect(path) as db:
        db.executescript(script)
        before = list(db.iterdump())
    with pytest.raises(JournalUnavailable, match="something else"):
        Journal(path)
    with sqlite3.connect(path) as db:
        assert list(db.iterdump()) == before


def test_an_event_of_a_newer_program_is_named(tmp_path: Path) -> None:
    journal, epoch = open_run(tmp_path / "journal.db")
    journal.append("r1", epoch, Notice(what="x"))
    with sqlite3.connect(tmp_path / "journal.db") as db:
        db.execute("DROP TRIGGER events_are_facts")
        db.execute("""UPDATE events SET hdr = '{"type":"run.teleported"}' WHERE seq = 3""")
    with pytest.raises(JournalUnavailable, match="event 3 of run r1") as caught:
        list(journal.read("r1"))
    assert "upgrade" in caught.value.fix


def test_every_statement_is_well_formed_and_named_once() -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)
    upgrade(db, steps(sql()))
    for name, statement in sql().items():
        if not name.startswith("schema."):
            db.execute("EXPLAIN " + statement, dict.fromkeys(_parameters(statement)))
    text = (Path(V1).parents[2] / "harness" / "journal" / "journal.sql").read_text()
    assert text.count("-- name: ") == len(statements(text))


def _parameters(statement: str) -> list[str]:
    import re

    return re.findall(r":([a-z_]+)", statement)
