"""Following the journal: what is read, when, and what a run is said to be."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.events import CommandReceived, IterationStarted, ModelReplied, RunFinished
from harness.journal import Journal
from tests.tui_support import Author, baseline, judged, made, open_journal, rejected, turn, whole_run
from tui.card import Card, of_tail
from tui.evidence import evidence
from tui.fleet import Fleet
from tui.follow import BATCH, Roll, Tail
from tui.timeline import detail, entry


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path) as opened:
        yield opened


def words(fleet: Fleet) -> dict[str, str]:
    return {card.run: card.word for card in fleet.cards}


def card(fleet: Fleet, run: str) -> Card:
    return next(card for card in fleet.cards if card.run == run)


def test_a_tail_gives_each_record_once_and_its_state_is_the_fold_of_all(journal: Journal) -> None:
    author = Author(journal, "one")
    tail = Tail(journal, "one")
    assert tail.look() == ()
    author.write(*baseline())
    first = tail.look()
    author.write(*made(1))
    second = tail.look()
    assert [record.seq for record in (*first, *second)] == list(range(3, tail.state.seq + 1))
    assert tail.look() == ()
    assert tail.state == journal.state("one")


def test_a_burst_is_taken_in_batches(journal: Journal) -> None:
    author = Author(journal, "one")
    tail = Tail(journal, "one")
    author.write(*(event for call in range(BATCH // 2) for event in turn(1, call)))
    sizes = []
    while records := tail.look():
        sizes.append(len(records))
    assert sizes == [BATCH, BATCH]
    assert tail.state.cost == journal.state("one").cost


def test_a_run_is_interrupted_when_nobody_holds_it_and_lives_again_when_it_is_resumed(journal: Journal) -> None:
    author = Author(journal, "one")
    tail = Tail(journal, "one")
    assert not tail.over
    author.write(*baseline())
    author.leave()
    assert len(tail.look()) == 6
    assert not tail.interrupted, "what was written last is shown before the run is given up"
    tail.look()
    assert tail.interrupted
    assert of_tail(tail).word == "interrupted"
    assert Tail(journal, "one").interrupted
    with journal.hold("one"):
        author.epoch = journal.claim("one", "box:2")
        tail.look()
        assert not tail.over
        assert of_tail(tail).word == "baseline"


def test_a_run_that_ended_is_not_interrupted(journal: Journal) -> None:
    whole_run(journal, "one")
    tail = Tail(journal, "one")
    assert tail.over
    assert not tail.interrupted
    assert of_tail(tail).word == "succeeded"


def test_a_wish_to_stop_shows_until_the_run_ends(journal: Journal) -> None:
    author = Author(journal, "one")
    tail = Tail(journal, "one")
    journal.post("one", "steer", "look at the header", "ana")
    tail.look()
    assert of_tail(tail).word == "starting"
    number = journal.post("one", "stop", "", "ana")
    tail.look()
    assert of_tail(tail).word == "stopping"
    author.write(CommandReceived(command=number, kind="stop", principal="ana"))
    tail.look()
    assert of_tail(tail).word == "stopping", "acknowledged, and not ended yet"
    author.write(RunFinished(outcome="cancelled", reason="ana stopped it", exit_code=130))
    author.leave()
    tail.look()
    assert of_tail(tail).word == "cancelled"
    with journal.hold("one"):
        journal.claim("one", "box:2")
        tail.look()
        assert of_tail(tail).word == "starting", "the wish was for the time before"


def test_the_roll_is_read_again_for_a_new_run_only(journal: Journal) -> None:
    roll = Roll(journal)
    assert roll.look()
    Author(journal, "one")
    assert roll.look()
    assert not roll.look()
    Author(journal, "two")
    assert roll.look()
    assert [row.run for row in roll.rows] == ["two", "one"]


def test_the_fleet_shows_every_state_newest_first(journal: Journal) -> None:
    whole_run(journal, "done")
    Author(journal, "dead", held=False).write(*baseline())
    author = Author(journal, "live")
    author.write(
        *baseline(), *made(1), *judged(1, red=("tests",)), *rejected(1), IterationStarted(n=2, parent="a", model="m")
    )
    fleet = Fleet(journal)
    assert fleet.look()
    assert list(words(fleet).items()) == [("live", "making"), ("dead", "interrupted"), ("done", "succeeded")]
    live = card(fleet, "live")
    assert (live.iteration, live.iterations, live.live) == (2, 6, True)
    assert [(light.name, light.mark) for light in live.lights] == [("T", "✗"), ("L", "✓"), ("S", "✓")]
    assert (live.cost, live.budget, live.until) == (100_000, 2_000_000, None)
    assert live.diff is not None
    assert live.diff.insertions == 61
    assert not fleet.look(), "nothing happened"


def test_a_run_that_is_seen_is_looked_into(journal: Journal) -> None:
    whole_run(journal, "done")
    fleet = Fleet(journal)
    fleet.look()
    before = card(fleet, "done")
    assert before.lights == ()
    assert fleet.look(["done", "gone"])
    after = card(fleet, "done")
    assert [light.mark for light in after.lights] == ["✓", "✓", "✓"]
    same = [name for name in Card._fields if name != "lights"]
    assert [getattr(after, name) for name in same] == [getattr(before, name) for name in same]


def test_the_fleet_follows_a_run_through_its_life(journal: Journal) -> None:
    fleet = Fleet(journal)
    assert not fleet.look()
    author = Author(journal, "one")
    seen = []
    for events in (baseline(), made(1), judged(1)):
        author.write(*events)
        fleet.look()
        seen.append(words(fleet)["one"])
    author.leave()
    fleet.look()
    seen.append(words(fleet)["one"])
    with journal.hold("one"):
        journal.claim("one", "box:2")
        fleet.look()
        seen.append(words(fleet)["one"])
    assert seen == ["baseline", "judging", "judging", "interrupted", "judging"]


def test_an_end_is_seen_even_when_the_list_is_read_before_the_run(journal: Journal) -> None:
    author = Author(journal, "one")
    fleet = Fleet(journal)
    fleet.look()
    author.write(RunFinished(outcome="stuck", reason="no way", exit_code=1))
    author.leave()
    Author(journal, "two")  # a new run has the list read again, in which the first one has finished
    fleet.look()
    assert words(fleet)["one"] == "stuck"


def test_a_run_that_was_resumed_and_ended_between_two_looks_shows_its_new_end(journal: Journal) -> None:
    whole_run(journal, "one")
    fleet = Fleet(journal)
    fleet.look()
    fleet.look(["one"])
    epoch = journal.claim("one", "box:2")
    journal.append("one", epoch, RunFinished(outcome="stuck", reason="no way", exit_code=1))
    Author(journal, "two")  # a new run has the list read again
    fleet.look(["one"])
    assert words(fleet)["one"] == "stuck"
    assert card(fleet, "one").lights


def test_a_run_that_cannot_be_read_does_not_hide_the_others(journal: Journal) -> None:
    other, author = Author(journal, "one"), Author(journal, "two")
    fleet = Fleet(journal)
    fleet.look()
    assert "unreadable" not in words(fleet).values()
    author.write(*baseline())
    with journal._db.writing() as db:  # as a newer version would write it
        db.execute("DROP TRIGGER events_are_facts")
        db.execute("""UPDATE events SET hdr = '{"type":"from.the.future"}' WHERE run = 'two' AND seq = 4""")
    assert fleet.look()
    assert words(fleet) == {"two": "unreadable", other.run: "starting"}


def test_a_journal_that_cannot_be_read_is_said_and_outlived(journal: Journal) -> None:
    author = Author(journal, "one")
    fleet = Fleet(journal)
    fleet.look()
    with journal._db.writing() as db:
        db.execute("ALTER TABLE runs RENAME TO elsewhere")
    assert not fleet.look()
    assert "journal" in fleet.trouble
    assert words(fleet) == {author.run: "starting"}
    with journal._db.writing() as db:
        db.execute("ALTER TABLE elsewhere RENAME TO runs")
    fleet.look()
    assert fleet.trouble == ""


def test_the_evidence_names_the_failing_test_and_the_checkers_findings(journal: Journal) -> None:
    author = Author(journal, "one")
    assert evidence(Tail(journal, "one").state) == []
    author.write(*baseline(), *made(1), *judged(1, red=("tests",)))
    lines = [item.text for item in evidence(Tail(journal, "one").state)]
    assert lines[0] == "GATES · iteration 1"
    at = lines.index("tests/test_retry.py::test_date_form  tests/test_retry.py:71")
    assert lines[at + 1 : at + 3] == ["assert 0.0 == 2.0", "E   AssertionError: assert 0.0 == 2.0"]
    whole_run(journal, "two")
    lines = [item.text for item in evidence(Tail(journal, "two").state)]
    assert "accept: It does what was asked." in lines
    assert "minor: src/http.py:88: the cap could have a name" in lines
    assert [line for line in lines if line.startswith(("1 ", "2 "))] == [
        "2  accepted  tests ✓  lint ✓  security ✓  +61 -9", "1  not green  tests ✗  lint ✓  security ✓  +61 -9",
    ]  # fmt: skip


def test_an_event_in_full_holds_its_long_text_and_never_the_wire(journal: Journal) -> None:
    author = Author(journal, "one")
    said = next(event for event in turn(1, 1, text="first\n    second") if isinstance(event, ModelReplied))
    author.write(
        ModelReplied(
            conversation="maker.1",
            call=1,
            model="m",
            stop_reason="end_turn",
            usage=said.usage,
            cost=1,
            calls=1,
            micros=1,
            text=said.text,
            wire='{"secret":"not for the screen"}',
        )  # fmt: skip
    )
    record = next(iter(journal.read("one", 2)))
    shown = [item.text for item in detail(record)]
    assert "model.replied  event 3" in shown
    at = shown.index("text")
    assert shown[at + 1 : at + 3] == ["first", "    second"]
    assert not any("not for the screen" in line for line in shown)


def test_the_timeline_takes_mark_and_words_from_the_journals_own_line(journal: Journal) -> None:
    author = Author(journal, "one")
    author.write(*baseline(), *made(1), *judged(1, red=("tests",)))
    items = [item for record in journal.read("one") if (item := entry(record, record.ts - 61_000_000))]
    assert {item.mark for item in items} == {"·", "✓", "✗", "!"}
    assert all(item.label.strip() == "1:01" for item in items)
    red = next(item for item in items if item.mark == "✗")
    assert red.mark_tone == "bad"
    assert red.text.startswith("gate tests on candidate 1")
