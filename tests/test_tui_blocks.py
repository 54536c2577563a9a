"""Events as blocks: what was called, said, judged and asked, folded unless it went wrong."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.clean import clean
from harness.events import (
    CommandReceived,
    Event,
    HostDenied,
    ModelReplied,
    Notice,
    QuestionAnswered,
    ToolFinished,
    ToolStarted,
    Usage,
)
from harness.journal import Journal, Record, Spoken
from tests.tui_support import Author, accepted, asked, baseline, judged, made, open_journal, rejected, succeeded, turn
from tui.block import Block, draw, height
from tui.evidence import history, side
from tui.memory import notes
from tui.memory import told as said
from tui.raw import FAMILIES, detail, rows
from tui.search import find
from tui.text import cells
from tui.transcript import blocks, saying


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path) as opened:
        yield opened


def told(*events: Event) -> list[Block]:
    return blocks([Record("r", n + 1, 1, n, event, "") for n, event in enumerate(events)], [])[0]


def call(name: str, output: str, status: str = "ok", **given: str) -> tuple[Event, Event]:
    wire = msgspec.json.encode(given).decode()
    summary = next(iter(given.values()), "")
    return (
        ToolStarted(conversation="maker.1", call="c", name=name, summary=summary, input=wire),
        ToolFinished(conversation="maker.1", call="c", name=name, status=status, micros=2_100_000, output=output),  # type: ignore[arg-type]
    )


def test_a_call_that_went_well_is_one_line() -> None:
    (block,) = told(*call("read", "a\nb\nc", file_path="src/x.py"))
    assert (block.text, block.right, block.mark, block.open) == ("read src/x.py", "3 lines · 2.1s", "✓", False)
    assert height(block, 80) == 1


def test_a_call_that_failed_is_open_and_its_error_stands_out() -> None:
    output = "....F\nE   assert 0.0 == 2.0\n1 failed\n[exit code 1]"
    (block,) = told(*call("bash", output, command="pytest -q"))
    assert (block.text, block.right, block.mark, block.open) == ("$ pytest -q", "exit 1 · 2.1s", "✗", True)
    assert block.body[1] == ("E   assert 0.0 == 2.0", "bad")
    assert height(block, 80) == 1 + 3
    (refused,) = told(*call("edit", "no such text", "error", file_path="x", old_string="a", new_string="b"))
    assert (refused.mark, refused.open, refused.body) == ("✗", True, (("no such text", "dim"),))


def test_an_edit_shows_what_it_changes() -> None:
    (block,) = told(*call("edit", "ok", file_path="src/x.py", old_string="a\nb\n", new_string="a\nc\nd\n"))
    assert block.right == "+2 −1 · 2.1s"
    assert block.body == ((" a", "dim"), ("-b", "del"), ("+c", "add"), ("+d", "add"))
    (odd,) = told(*call("edit", "ok", file_path="x", old_string="same"))
    assert odd.mark == "✓"


def test_a_long_output_is_cut_and_says_so() -> None:
    (block,) = told(*call("bash", "\n".join(f"line {n}" for n in range(100)) + "\n[exit code 2]", command="x"))
    assert block.body[-1][0] == "line 99"
    assert block.more == 52
    assert "52 more rows" in "".join(text for text, _ in draw(block, 80)[-1])


def test_a_result_finds_its_call_wherever_it_began() -> None:
    begun, ended = call("bash", "done", command="make")
    first = told(begun)
    assert first[0].waiting
    new, done = blocks([Record("r", 9, 1, 9, ended, "")], first)
    assert new == []
    (whole,) = done.values()
    assert (whole.text, whole.waiting, whole.mark, whole.until) == ("$ make", False, "✓", 9)
    (orphan,) = told(ended)
    assert (orphan.text, orphan.mark) == ("$", "✓"), "its beginning is on a page before"


def test_thinking_is_folded_and_words_are_not() -> None:
    said = ModelReplied(
        conversation="maker.1", call=1, model="m", stop_reason="end_turn", usage=Usage(), cost=1, calls=1, micros=1,
        text="I will do it.\n\nNow.", thinking="Let me\nthink",
    )  # fmt: skip
    thought, words = told(said)
    assert (thought.text, thought.open, len(thought.body)) == ("thinking Let me", False, 2)
    assert height(words, 80) == 3


def test_what_is_being_said_is_open_and_an_answer_to_the_harness_is_not_shown() -> None:
    def shown(**said: str) -> list[tuple[str, bool]]:
        return [(block.text, block.open) for block in saying(Spoken(call=3, **{"conversation": "maker.1", **said}), 7)]

    assert saying(None, 7) == []
    assert shown(thinking="One.\nTwo.") == [("thinking One.", True)]
    assert shown(thinking="One.", text="Hello.") == [("thinking One.", False), ("Hello.", False)]
    assert shown(text="Hello.", tool="bash")[1] == ("$ is being written", False)
    for role in ("checker", "refute", "light"):
        assert shown(conversation=f"{role}.1", text='{"decision": "acc') == [("its answer is being written", False)]
        reply = ModelReplied(
            conversation=f"{role}.1", call=1, model="m", stop_reason="end_turn", usage=Usage(), cost=0, calls=0,
            micros=0, text='{"decision": "accept"}',
        )  # fmt: skip
        assert told(reply) == []
    assert shown(text="{ is a brace") == [("{ is a brace", False)], "a maker's words are words"


def test_people_and_their_questions_are_seen() -> None:
    found = told(
        asked(),
        QuestionAnswered(question="q1", answer="allow_run", principal="ana", text="but be quick"),
        QuestionAnswered(question="q2", answer="deny", expired=True),
        CommandReceived(command=1, kind="steer", principal="ana", text="keep the cap"),
        CommandReceived(command=2, kind="answer", principal="ana", text="{}"),
        HostDenied(sandbox="s", host="pypi.org", port=443),
    )
    assert [block.text for block in found] == [
        "asks: Open the network to api.acme.dev:443 for `make fixtures`? (api.acme.dev:443)",
        "ana: allowed for this run: but be quick",
        "nobody answered in time: denied",
        "ana: keep the cap",
        "wanted pypi.org:443: the network policy says no",
    ]


def test_a_red_gate_names_its_failure_and_a_whole_run_reads_in_order() -> None:
    found = told(*baseline(), *made(1), *judged(1, red=("tests",)), *rejected(1), *made(2), *judged(2), *accepted(2))
    red = next(block for block in found if block.mark == "✗" and block.text.startswith("tests"))
    assert red.open
    assert red.body == (("tests/test_retry.py::test_date_form", "warn"), ("  assert 0.0 == 2.0", "bad"))
    assert sum(block.rule for block in found) == 2
    *_, ending, onward = told(*succeeded())
    assert ending.text.startswith("succeeded: every gate is green")
    assert (onward.sign, onward.text) == ("→", "git switch loopwright/retry")


@settings(max_examples=60)
@given(
    st.text(max_size=60).map(clean),
    st.lists(
        st.tuples(st.text(max_size=50).map(lambda text: clean(text).replace("\n", "")), st.just("dim")), max_size=4
    ),
    st.booleans(),
    st.booleans(),
    st.integers(4, 90),
)
def test_a_block_is_as_high_as_it_is_drawn_and_never_wider(
    text: str, body: list[tuple[str, str]], opened: bool, rule: bool, width: int
) -> None:
    block = Block(
        seq=1, text=text.replace("\n", " ") if body or rule else text, body=tuple(body), open=opened, rule=rule,
        right="exit 1 · 2.1s", mark="✗", more=3,
    )  # fmt: skip
    drawn = draw(block, width)
    assert len(drawn) == height(block, width)
    assert all(cells(line) <= max(width, 7) for line in drawn)


def test_the_evidence_is_told_over_iterations(journal: Journal) -> None:
    author = Author(journal, "one")
    author.write(*baseline())
    assert any("AT BASE" in item.text for item, _ in history(journal.state("one"), None))
    author.write(*made(1), *judged(1, red=("tests",)), *rejected(1), *made(2), *judged(2, red=("tests",)))
    shown = history(journal.state("one"), None)
    lines = ["".join(text for text, _ in item.line) or item.text for item, _ in shown]
    assert lines[0].split() == ["GATE", "base", "1", "[2]"]
    assert lines[1].split() == ["tests", "✓", "✗", "✗"]
    at = lines.index("tests/test_retry.py::test_date_form  tests/test_retry.py:71")
    assert lines[at + 1] == "assert 0.0 == 2.0   same failure 2x, since iteration 1"
    opens = shown[at][1]
    assert opens
    assert "AssertionError" in opens.text
    assert any("ITERATION 1" in item.text for item, _ in history(journal.state("one"), 1))
    author.write(*accepted(2))
    said = [item.text for item, _ in history(journal.state("one"), None)]
    assert "accept: It does what was asked." in said
    assert "minor: src/http.py:88: the cap could have a name" in said
    beside = ["".join(text for text, _ in item.line) for item in side(journal.state("one"))]
    assert any(line.split()[:5] == ["1", "not", "green", "T✗", "L✓"] for line in beside)


def test_notes_are_listed_whether_there_are_any_or_not(journal: Journal) -> None:
    author = Author(journal, "one")
    assert [item.text for item, _ in notes(journal.state("one"), {}) if "nothing yet" in item.text]
    from harness.events import NoteLearned, NotesInjected

    wire = '[{"id": "quirk-1", "kind": "quirk", "text": "the clock is frozen"}]'
    author.write(
        NotesInjected(notes=("quirk-1",), told=wire), NoteLearned(note="fix-2", kind="fix", text="respx is the mock")
    )
    found = notes(journal.state("one"), said(journal.read_back("one")))
    assert [note for _, note in found if note] == ["fix-2", "fix-2", "quirk-1", "quirk-1"]
    assert {"respx is the mock", "the clock is frozen"} <= {item.text for item, _ in found}
    author.write(NotesInjected(notes=("quirk-1",), told="{"))
    assert said(journal.read_back("one")) == {}, "what cannot be read is on the shelf"


def test_events_are_narrowed_by_family_and_one_is_shown_in_full(journal: Journal) -> None:
    author = Author(journal, "one")
    author.write(*baseline(), *turn(1, 1, text="first\n    second"), asked())
    records = list(journal.read("one"))
    assert len(rows(records)) == len(records)
    assert {block.text.split()[2] for block in rows(records, "people")} == {"question.asked"}
    assert all(rows(records, family) is not None for family in FAMILIES)
    record = next(record for record in records if isinstance(record.event, ModelReplied))
    shown = [item.text for item in detail(record)]
    assert shown[0].startswith("model.replied  event")
    assert f"hash {record.hash}" in shown
    at = shown.index("text")
    assert shown[at + 1 : at + 3] == ["first", "    second"]


def test_the_wire_is_never_shown(journal: Journal) -> None:
    author = Author(journal, "one")
    said = next(event for event in turn(1, 1) if isinstance(event, ModelReplied))
    author.write(msgspec.structs.replace(said, wire='{"secret":"not for the screen"}'))
    record = list(journal.read("one"))[-1]
    assert not any("not for the screen" in item.text for item in detail(record))
    assert find(journal, "one", "not for the screen", 0, back=False, shown=lambda record: True, end=None) is None


def test_words_are_found_in_the_whole_journal_in_both_directions(journal: Journal) -> None:
    author = Author(journal, "one")
    author.write(*(Notice(what=f"notice {n}", why="NEEDLE" if n in (3, 900) else "") for n in range(1500)))
    last = journal.state("one").seq

    def look(at: int, back: bool, end: int | None = None) -> int | None:
        return find(journal, "one", "needle", at, back=back, shown=lambda record: True, end=end)

    newer, older = look(last, True), look(0, False)
    assert newer is not None
    assert older is not None
    assert newer - older == 897
    assert look(newer, True) == older
    assert look(older, False) == newer
    assert look(older, True) is None
    assert look(0, False, end=older - 1) is None
    assert look(last, True, end=newer - 1) == older
