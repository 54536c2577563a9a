"""The lines of a run: short, plain, one for each event that is worth an eye."""

import pytest
from hypothesis import given

from harness.events import (
    BreakerTripped,
    CommandReceived,
    Event,
    ModelFailed,
    Notice,
    RunClaimed,
    Told,
    ToolFinished,
    VerdictGiven,
)
from harness.journal import Record, line
from harness.journal.timeline import WIDTH, clock, money, span
from tests.journal_support import ANY, created, finished, gate, iteration, turn


def said(event: Event) -> str | None:
    return line(Record("r1", 1, 1, 0, event, "h"))


@given(ANY)
def test_any_event_gives_one_short_plain_line_or_none(event: Event) -> None:
    text = said(event)
    if text is None:
        return
    assert "\n" not in text
    assert len(text) <= WIDTH + 3
    assert text[1] in "·✓✗!"
    assert text.startswith(" ")


def test_the_time_since_the_start_stands_before_it() -> None:
    record = Record("r1", 1, 1, 75_500_000, Notice(what="x", why="y"), "h")
    assert line(record, 500_000) == "   1:15 ! x: y"
    assert line(record) == " ! x: y"
    assert line(record, 76_000_000) == "   0:00 ! x: y"  # a clock that was set back


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (created("fix it\nplease"), " · run: fix it please (base bbbbbbbbbb of /home/u/repo)"),
        (RunClaimed(owner="host:1"), None),
        (RunClaimed(owner="host:1", resumed=True), " · resumed by host:1"),
        (finished(), " ✓ succeeded: all green"),
        (finished(outcome="stuck", reason="no progress", exit_code=1), " ✗ stuck: no progress"),
        (gate("base", 0), " ✓ gate tests on base: 0 failed (2.0 s)"),
        (gate("candidate", 2, "a", new=("a",)), " ✗ gate tests on candidate 2: 1 failed, 1 new (2.0 s)"),
        (BreakerTripped(name="turns", value=9, limit=9), " ! limit reached: turns, 9 of 9"),
        (CommandReceived(command=1, kind="steer", principal="", text="left"), " ! somebody asks: steer left"),
        (Told(conversation="m", why="nudge", text="again"), " · told (nudge): again"),
        (VerdictGiven(n=1, model="c", decision="revise", summary="no"), " ✗ checker (c): revise: no"),
        (
            ModelFailed(
                conversation="m", call=1, attempt=1, model="m", kind="overloaded", message="529", cost=0,
                retry_micros=1_500_000,
            ),
            " ! model call failed (overloaded): 529, again in 1.5 s",
        ),
        (
            ToolFinished(conversation="m", call="1", name="bash", status="error", micros=12_000, output="x"),
            " ! bash: error after 12 ms",
        ),
        (turn("maker.1", 1)[2], " · bash: ls"),
        (turn("maker.1", 1)[3], None),
    ],
)  # fmt: skip
def test_lines(event: Event, text: str | None) -> None:
    assert said(event) == text


def test_an_iteration_reads_as_a_story() -> None:
    told = [said(event) for event in iteration(1, green=True)]
    assert [text for text in told if text] == [
        " · iteration 1 with m-1",
        " · says: I look at it.",
        " · bash: ls",
        " · says: I look at it.",
        " · bash: ls",
        " · candidate 1: c1c1c1c1c1, 1 file, +2 -1",
        " ✓ gate tests on candidate 1: 0 failed (2.0 s)",
        " · checker (c-1) begins",
        " · says: I look at it.",
        " · bash: ls",
        " ✓ checker (c-1): accept: good",
        " ✓ iteration 1 ended (finish): accepted",
    ]


def test_numbers_for_people() -> None:
    assert [clock(seconds * 1_000_000) for seconds in (0, 59, 61, 3_600, 36_061)] == [
        "0:00", "0:59", "1:01", "1:00:00", "10:01:01",
    ]  # fmt: skip
    assert [span(micros) for micros in (0, 999_999, 1_000_000, 61_000_000)] == ["0 ms", "999 ms", "1.0 s", "1:01"]
    assert [money(micro) for micro in (0, 1_234, 999_999, 12_345_678)] == ["$0.0000", "$0.0012", "$1.0000", "$12.35"]
