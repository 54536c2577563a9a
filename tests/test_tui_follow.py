"""Following the journal: what is read, when, and what a run is said to be."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.events import CommandReceived, IterationStarted, Notice, QuestionAsked, RunFinished, RunParked, RunPaused
from harness.journal import Journal
from tests.tui_support import Author, baseline, judged, made, open_journal, rejected, turn, whole_run, working
from tui import acting, plain, screens
from tui.card import Card, note, of_view
from tui.fleet import Fleet, chosen
from tui.follow import BATCH, Roll, Tail


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
    assert of_view(tail).word == "interrupted"
    assert Tail(journal, "one").interrupted
    with journal.hold("one"):
        author.epoch = journal.claim("one", "box:2")
        tail.look()
        assert not tail.over
        assert of_view(tail).word == "baseline"


@pytest.mark.parametrize("unread", [0, 3])
def test_a_death_is_seen_after_two_looks_and_these_take_less_than_two_seconds(journal: Journal, unread: int) -> None:
    assert 2 * max(screens.fleet.LOOK, screens.run.LOOK, plain.POLL) <= 2.0
    author = working(journal)
    fleet, tail = Fleet(journal), Tail(journal, "live")
    fleet.look()
    author.write(*(Notice(what=f"last words {n}") for n in range(unread)))
    author.leave()  # as the kernel does for a process that was killed
    for _ in range(2):
        fleet.look()
        tail.look()
    dead = card(fleet, "live")
    assert (dead.word, dead.live, tail.interrupted) == ("interrupted", False, True)
    assert acting.applies("resume", dead)
    assert "loopwright resume live" in note(tail, dead)[0]


def test_a_run_that_ended_is_not_interrupted(journal: Journal) -> None:
    whole_run(journal, "one")
    tail = Tail(journal, "one")
    assert tail.over
    assert not tail.interrupted
    assert of_view(tail).word == "succeeded"


def test_a_wish_to_stop_shows_until_the_run_ends(journal: Journal) -> None:
    author = Author(journal, "one")
    tail = Tail(journal, "one")
    journal.post("one", "steer", "look at the header", "ana")
    tail.look()
    assert of_view(tail).word == "starting"
    number = journal.post("one", "stop", "", "ana")
    tail.look()
    assert of_view(tail).word == "stopping"
    author.write(CommandReceived(command=number, kind="stop", principal="ana"))
    tail.look()
    assert of_view(tail).word == "stopping", "acknowledged, and not ended yet"
    author.write(RunFinished(outcome="cancelled", reason="ana stopped it", exit_code=130))
    author.leave()
    tail.look()
    assert of_view(tail).word == "cancelled"
    with journal.hold("one"):
        journal.claim("one", "box:2")
        tail.look()
        assert of_view(tail).word == "starting", "the wish was for the time before"


def asking(question: str, deadline: int = 1 << 60) -> QuestionAsked:
    return QuestionAsked(question=question, kind="host", text=f"{question}?", options=("deny",), deadline=deadline)


def test_a_run_that_asks_is_neither_lost_nor_silent_and_the_oldest_question_comes_first(journal: Journal) -> None:
    runs = [Author(journal, name) for name in ("late", "early", "paused", "working")]
    late, early, paused, _ = runs
    early.write(asking("q1", 1 << 59), RunParked(reason="asks", question="q1"))
    late.write(asking("q1"), RunParked(reason="asks", question="q1"))
    for author in (late, early):
        author.leave()
    paused.write(RunPaused(principal="ana"))
    fleet = Fleet(journal)
    fleet.look()
    expected = [("early", "asks you"), ("late", "asks you"), ("working", "starting"), ("paused", "paused")]
    assert list(words(fleet).items()) == expected
    assert card(fleet, "early").asks == "q1?"
    fleet.look(["early"])
    assert list(words(fleet).items()) == expected, "looking into it changes nothing"


def test_what_the_fleet_shows_can_be_narrowed_and_ordered(journal: Journal) -> None:
    whole_run(journal, "done", "Zebra crossing")
    live = Author(journal, "live", "apple pie")
    fleet = Fleet(journal)
    fleet.look()

    def shown(state: str = "all", order: str = "inbox", words: str = "") -> list[str]:
        return [card.run for card in chosen(fleet.cards, state, order, words)]

    assert shown() == [live.run, "done"]
    assert shown("ended") == ["done"]
    assert shown("going on") == ["live"]
    assert shown("needs you") == []
    assert shown(words="ZEBRA acme") == ["done"]
    assert shown(order="goal") == ["live", "done"]
    assert shown(order="cost") == ["done", "live"]


def test_the_roll_is_read_again_for_a_new_run_only(journal: Journal) -> None:
    roll = Roll(journal)
    assert roll.look()
    Author(journal, "one")
    assert roll.look()
    assert not roll.look()
    Author(journal, "two")
    assert roll.look()
    assert [row.run for row in roll.rows] == ["two", "one"]


def test_the_fleet_puts_what_needs_a_person_on_top(journal: Journal) -> None:
    whole_run(journal, "done")
    Author(journal, "dead", held=False).write(*baseline())
    author = Author(journal, "live")
    author.write(
        *baseline(), *made(1), *judged(1, red=("tests",)), *rejected(1), IterationStarted(n=2, parent="a", model="m")
    )
    fleet = Fleet(journal)
    assert fleet.look()
    assert list(words(fleet).items()) == [("dead", "interrupted"), ("live", "making"), ("done", "succeeded")]
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
    read = ("lights", "spent", "seconds")
    same = [name for name in Card._fields if name not in read]
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


def test_runs_that_nobody_pursues_cost_nothing_at_a_look(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(20):
        Author(journal, f"dead{n}", held=False)
    live = Author(journal, "live")
    fleet = Fleet(journal)
    fleet.look(("dead3", "live"))
    asked: list[str] = []
    real = journal.is_held
    monkeypatch.setattr(journal, "is_held", lambda run: asked.append(run) or real(run))
    fleet.look()
    fleet.look()
    assert set(asked) <= {"live", "dead3"}, asked
    live.leave()
    with journal.hold("dead7"):
        fleet.look()
        assert {card.run for card in fleet.cards if card.live} == {"dead7"}
    assert live.run in {card.run for card in fleet.cards}


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
