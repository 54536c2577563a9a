"""The store: what is appended is there, in order, for everyone; who lost the run is refused."""

import sqlite3
import threading
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import history
from harness.clean import Cleaner
from harness.events import Event, GateFinished, ModelReplied, ModelRequested, Notice, ToolFinished, Usage
from harness.goal import Limits
from harness.journal import Journal, RunExists, StaleEpoch, Summary, UnknownRun, fold
from harness.journal.codec import scrub
from tests.journal_support import ANY, created, finished, gate, iteration, open_run, same, turn


@given(batches=st.lists(st.lists(ANY, max_size=4), max_size=4))
@settings(max_examples=30, deadline=None)
def test_every_event_reads_back_as_appended(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Event]]
) -> None:
    with Journal(tmp_path_factory.mktemp("j") / "journal.db", clean=same) as journal:
        journal.create("r1", created())
        epoch = journal.claim("r1", "host:1")
        appended = [record for batch in batches for record in journal.append("r1", epoch, *batch)]
        read = list(journal.read("r1"))
        assert [record.event for record in read[2:]] == [scrub(event, same) for batch in batches for event in batch]
        assert read[2:] == appended
        assert [record.seq for record in read] == list(range(1, len(read) + 1))
        assert journal.verify("r1").ok


def test_reading_goes_on_after_a_number_and_over_many_pages(tmp_path: Path) -> None:
    journal, epoch = open_run(tmp_path / "journal.db")
    journal.append("r1", epoch, *(Notice(what=str(n)) for n in range(1_500)))
    assert [record.seq for record in journal.read("r1")] == list(range(1, 1_503))
    assert [record.seq for record in journal.read("r1", after=1_500)] == [1_501, 1_502]
    assert list(journal.read("r1", after=5_000)) == []


def test_a_reader_sees_what_is_appended_while_it_reads_and_blocks_nobody(tmp_path: Path) -> None:
    journal, epoch = open_run(tmp_path / "journal.db")
    journal.append("r1", epoch, *(Notice(what=str(n)) for n in range(1_000)))
    seen = 0
    for record in journal.read("r1"):
        seen += 1
        if record.seq == 3:
            journal.append("r1", epoch, Notice(what="meanwhile"))
    assert seen == 1_003


def test_time_never_goes_back_and_records_carry_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal, epoch = open_run(path)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE runs SET touched = touched + 3600000000")  # as if the clock had been set back an hour
    first = journal.append("r1", epoch, Notice(what="a"))[0]
    second = journal.append("r1", epoch, Notice(what="b"))[0]
    times = [record.ts for record in journal.read("r1")]
    assert times == sorted(times)
    assert second.ts >= first.ts


def test_strings_are_cleaned_once_when_they_enter(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db", clean=Cleaner(["hunter2-hunter2"]))
    journal.create("r1", created("\x1b[31mfix\x1b[0m it with hunter2-hunter2"))
    epoch = journal.claim("r1", "host:1")
    wire = '{"content":"\\u001b[2J hunter2-hunter2"}'
    said = turn("maker.1", 1)[1]
    assert isinstance(said, ModelReplied)
    journal.append("r1", epoch, msgspec.structs.replace(said, text="\u202ehunter2-hunter2\r\n", wire=wire))
    output = ToolFinished(conversation="m", call="t", name="bash", status="ok", micros=1, output="ok\x1b]0;x\x07")
    assert journal.append("r1", epoch, output)[0].event == msgspec.structs.replace(output, output="ok")
    first, _, reply, tool = (record.event for record in journal.read("r1"))
    assert first.goal.text == "fix it with [redacted:secret]"  # type: ignore[union-attr]
    assert isinstance(reply, ModelReplied)
    assert reply.text == "[redacted:secret]\n"
    assert reply.wire == wire
    assert tool.output == "ok"  # type: ignore[union-attr]
    journal.post("r1", "steer", "hunter2-hunter2\x07", "me\x1b[1m")
    command = journal.commands("r1")[0]
    assert (command.text, command.principal) == ("[redacted:secret]", "me")


def test_no_secret_reaches_any_byte_of_the_files(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    secret = "correct-horse-battery-staple"
    with Journal(path, clean=Cleaner([secret])) as journal:
        journal.create("r1", created(f"use {secret}", settings=f'{{"key":"{secret}"}}'))
        epoch = journal.claim("r1", secret)
        journal.append("r1", epoch, Notice(what=secret, why=f"x{secret}y"), key="k")
        journal.post("r1", "steer", secret, secret)
    for file in tmp_path.rglob("*"):
        assert secret.encode() not in file.read_bytes()


def test_an_append_is_all_or_nothing(tmp_path: Path) -> None:
    journal, epoch = open_run(tmp_path / "journal.db")

    def cut(text: str) -> str:
        if text == "bad":
            raise RuntimeError("killed in the middle")
        return text

    broken = Journal(tmp_path / "journal.db", clean=cut)
    with pytest.raises(RuntimeError):
        broken.append("r1", epoch, Notice(what="good"), Notice(what="bad"))
    assert [record.seq for record in journal.read("r1")] == [1, 2]
    broken.append("r1", epoch, Notice(what="good"))
    assert journal.verify("r1").events == 3


def test_an_older_epoch_is_fenced_off(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    zombie, old = open_run(path)
    heir = Journal(path)
    new = heir.claim("r1", "host:2")
    assert new == old + 1
    with pytest.raises(StaleEpoch) as caught:
        zombie.append("r1", old, Notice(what="I am still here"))
    assert (caught.value.run, caught.value.epoch, caught.value.current) == ("r1", old, new)
    assert caught.value.fix
    heir.append("r1", new, Notice(what="mine"))
    with pytest.raises(StaleEpoch):
        heir.append("r1", new + 1, Notice(what="from the future"))
    assert [record.epoch for record in heir.read("r1")] == [0, old, new, new]
    assert heir.summary("r1").owner == "host:2"
    assert heir.verify("r1").ok


def test_of_many_claims_at_once_each_gets_an_epoch_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    open_run(path)
    epochs: list[int] = []
    threads = [
        threading.Thread(target=lambda n=n: epochs.append(Journal(path).claim("r1", f"host:{n}"))) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(epochs) == list(range(2, 10))


def test_new_limits_come_with_the_claim_and_take_the_ending_back(tmp_path: Path) -> None:
    journal, epoch = open_run(tmp_path / "journal.db")
    journal.append("r1", epoch, finished(outcome="exhausted", reason="no money", exit_code=5))
    assert journal.summary("r1").outcome == "exhausted"
    journal.claim("r1", "host:2", Limits(iterations=9, micro_usd=77))
    summary = journal.summary("r1")
    assert (summary.outcome, summary.ended, summary.max_iterations, summary.limit) == (None, 0, 9, 77)
    state = journal.state("r1")
    assert (state.finished, state.limits.iterations, state.phase) == (None, 9, "created")


def test_a_run_is_created_once_and_by_a_name_that_is_fit(tmp_path: Path) -> None:
    journal, _ = open_run(tmp_path / "journal.db")
    with pytest.raises(RunExists):
        journal.create("r1", created("another"))
    assert journal.summary("r1").goal.startswith("parse_range")
    for name in ("", "last", "../r", "a/b", "a b", ".x", "x" * 81, "r\n"):
        with pytest.raises(ValueError, match="not fit"):
            journal.create(name, created())
    for call in (journal.claim, journal.post):
        with pytest.raises(UnknownRun):
            call("nobody", "x")
    with pytest.raises(UnknownRun):
        journal.append("nobody", 1, Notice(what="x"))
    assert list(journal.read("nobody")) == []


def test_the_newest_result_of_a_key_is_found_in_any_run(tmp_path: Path) -> None:
    journal, epoch = open_run(tmp_path / "journal.db")
    assert journal.find("key-base-0-tests") is None
    old, new = gate("base", 0, "a::b"), gate("base", 0, "a::c")
    journal.append("r1", epoch, old)
    journal.create("r2", created())
    other = journal.claim("r2", "host:1")
    journal.append("r2", other, new, Notice(what="x"))
    assert journal.find("key-base-0-tests") == new
    journal.append("r2", other, Notice(what="by hand"), key="mine")
    assert journal.find("mine") == Notice(what="by hand")
    assert isinstance(new, GateFinished)
    journal.append("r2", other, msgspec.structs.replace(new, key=""))
    assert journal.find("") is None


def test_a_result_whose_payload_was_erased_is_not_found(tmp_path: Path) -> None:
    journal, epoch = open_run(tmp_path / "journal.db")
    journal.append("r1", epoch, gate("base", 0, "a::b"))
    with sqlite3.connect(tmp_path / "journal.db") as db:
        db.execute("DELETE FROM payloads")
    assert journal.find("key-base-0-tests") is None


def test_equal_payloads_of_a_run_are_kept_once(tmp_path: Path) -> None:
    journal, epoch = open_run(tmp_path / "journal.db")
    journal.append("r1", epoch, *(gate("base", 0, "a::b") for _ in range(5)))
    with sqlite3.connect(tmp_path / "journal.db") as db:
        assert db.execute("SELECT count(*) FROM payloads").fetchone() == (2,)


def test_a_prefix_stands_for_one_run(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    with pytest.raises(UnknownRun, match="last"):
        journal.resolve("last")
    for run in ("abc1", "abc2", "abc", "xyz_1"):
        journal.create(run, created())
    assert journal.resolve("abc1") == "abc1"
    assert journal.resolve("abc") == "abc"
    assert journal.resolve("x") == "xyz_1"
    assert journal.resolve("last") == "xyz_1"
    with pytest.raises(UnknownRun) as caught:
        journal.resolve("ab")
    assert caught.value.near == ("abc", "abc1", "abc2")
    with pytest.raises(UnknownRun) as caught:
        journal.resolve("abd1")
    assert "abc1" in caught.value.near
    assert "abc1" in caught.value.fix
    for nonsense in ("", "%", "_", "ab\x00", "'; DROP TABLE runs; --", "😀"):
        with pytest.raises(UnknownRun):
            journal.resolve(nonsense)


def test_commands_count_up_within_a_run_and_are_read_in_windows(tmp_path: Path) -> None:
    journal, _ = open_run(tmp_path / "journal.db")
    journal.create("r2", created())
    assert [journal.post("r1", "steer", f"word {n}", "me") for n in range(1, 6)] == [1, 2, 3, 4, 5]
    assert journal.post("r2", "stop") == 1
    assert [command.id for command in journal.commands("r1")] == [1, 2, 3, 4, 5]
    assert [command.text for command in journal.commands("r1", after=3)] == ["word 4", "word 5"]
    assert [command.id for command in journal.commands("r1", after=1, limit=2)] == [2, 3]
    assert journal.commands("r1", after=5) == ()
    assert [(c.run, c.kind, c.text) for c in journal.commands("r2")] == [("r2", "stop", "")]


def test_a_command_can_be_posted_while_the_run_appends(tmp_path: Path) -> None:
    """From another process's journal, in the middle of the run's own appends; the chain stays whole."""
    journal, epoch = open_run(tmp_path / "journal.db")
    outside = Journal(tmp_path / "journal.db")

    def post() -> None:
        for _ in range(40):
            outside.post("r1", "steer", "x")

    thread = threading.Thread(target=post)
    thread.start()
    for n in range(40):
        journal.append("r1", epoch, Notice(what=str(n)))
    thread.join()
    assert len(journal.commands("r1")) == 40
    assert journal.verify("r1").ok


def test_many_threads_share_one_journal(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    wrong: list[str] = []

    def pursue(run: str) -> None:
        journal.create(run, created())
        epoch = journal.claim(run, "host:1")
        for n in range(30):
            journal.append(run, epoch, *turn("maker.1", n))
            if fold(journal.read(run)).turns != n + 1:
                wrong.append(run)

    threads = [threading.Thread(target=pursue, args=(f"r{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert all(journal.verify(f"r{n}").ok for n in range(6))
    assert {row.run: row.accounts.calls() for row in journal.runs()} == {f"r{n}": 30 for n in range(6)}


def test_lists_show_ten_thousand_runs_newest_first(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal, epoch = open_run(path, "first")
    journal.append("first", epoch, *iteration(1, green=True), finished())
    template = journal.summary("first")
    with sqlite3.connect(path) as db:
        row = db.execute("SELECT * FROM runs").fetchone()
        created_at = row[5]
        for n in range(10_000):
            summary = msgspec.structs.replace(template, run=f"n{n:05}", goal=f"goal {n}")
            db.execute(
                "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (f"n{n:05}", *row[1:5], created_at + n + 1, *row[6:8], msgspec.json.encode(summary).decode()),
            )
    rows = journal.runs()
    assert len(rows) == 10_001
    assert [row.run for row in rows[:3]] == ["n09999", "n09998", "n09997"]
    assert rows[-1] == template
    assert [row.goal for row in journal.runs(limit=2)] == ["goal 9999", "goal 9998"]
    assert journal.resolve("n04321") == "n04321"
    assert journal.resolve("last") == "n09999"


def test_a_summary_follows_the_run_and_is_what_the_events_give(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal, epoch = open_run(path)
    for event in (
        *iteration(1, green=False, cured=("t::a",)),
        *iteration(2, green=True, score=(2,)),
        finished(branch="b"),
    ):
        journal.append("r1", epoch, event)
    kept = journal.summary("r1")
    with sqlite3.connect(path) as db:
        db.execute("UPDATE runs SET summary = ''")  # what a migration does when the fold has changed
    folded = journal.summary("r1")
    assert folded == kept == journal.runs()[0]
    assert isinstance(kept, Summary)
    assert (kept.goal, kept.iterations, kept.max_iterations) == ("parse_range() drops the last byte", 2, 4)
    assert (kept.outcome, kept.exit_code, kept.green, kept.red) == ("succeeded", 0, True, ())
    assert (kept.cost, kept.limit) == (700 * 4 + 900, 2_000_000)
    assert kept.diff is not None
    assert kept.diff.files == 2
    assert kept.ended >= kept.created > 0
    journal.append("r1", epoch, Notice(what="after"))
    assert journal.summary("r1") == kept


def test_payload_bodies_do_not_pile_up_in_a_reader(tmp_path: Path) -> None:
    """A run far larger than a page is read with a page's memory: tracemalloc sees no more than that."""
    import tracemalloc

    journal, epoch = open_run(tmp_path / "journal.db")
    body = "x = 1\n" * 2_000
    for start in range(0, 3_000, 250):
        journal.append(
            "r1", epoch,
            *(ToolFinished(conversation="m", call=str(n), name="bash", status="ok", micros=1, output=f"{n}{body}")
              for n in range(start, start + 250)),
        )  # fmt: skip
    tracemalloc.start()
    assert sum(1 for _ in journal.read("r1")) == 3_002
    assert journal.state("r1").seq == 3_002
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3_000 * len(body) / 8


def test_a_days_money_is_that_of_the_day_also_for_a_run_that_began_before(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        journal.create("r1", history.CREATED)
        journal.append("r1", 0, *_call(1, 100))
        midnight = time.time_ns() // 1000 + 1
        while time.time_ns() // 1000 <= midnight:
            pass
        assert journal.spent(midnight) == 0
        assert journal.claim("r1", "next day") == 1  # it goes on: what it cost yesterday is no money of today
        assert journal.spent(midnight) == 0
        journal.append("r1", 1, *_call(2, 7), *_call(3, 50)[:1])
        journal.create("r2", history.CREATED)
        journal.append("r2", 0, *_call(1, 3))
        assert journal.spent(midnight) == 7 + 60 + 3
        assert journal.spent(0) == 100 + 7 + 60 + 3


def _call(number: int, cost: int) -> tuple[Event, Event]:
    asked = ModelRequested(conversation="maker.1", call=number, attempt=1, model="m", reserved=cost + 10, tokens=9)
    said = ModelReplied(
        conversation="maker.1",
        call=number,
        model="m",
        stop_reason="end_turn",
        usage=Usage(),
        cost=cost,
        calls=0,
        micros=1,
    )
    return asked, said
