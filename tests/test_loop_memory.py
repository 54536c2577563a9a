"""Memory in whole runs: what one run learns saves the next one turns, until the base speaks against it."""

import time
from typing import Any

import msgspec
import pytest

from harness.clean import Cleaner
from harness.events import (
    ConversationEnded,
    ModelRequested,
    NoteChecked,
    NoteDropped,
    NoteLearned,
    NotesInjected,
    Notice,
    RunCreated,
    RunFinished,
)
from harness.goal import MICRO
from harness.journal import Journal, State
from harness.loop import Wish, begin, plan, reopen
from harness.memory import Shelf
from harness.memory.note import make
from harness.repo import discover
from tests.conftest import FIX, GOAL, LIGHT, TEST, WRONG, House, Play, commit_all, edit, finish, step, tool, verdict
from tests.loop_support import CHECKER, MAKER, Rig
from tests.scripted.script import Ask, Step

pytest_plugins = ("tests.loop_fixtures",)

PLAIN, WORKS = "python -m pytest -q -p no:cacheprovider", "TESTING=1 python -m pytest -q -p no:cacheprovider"
CONFTEST = 'import os, sys\nif os.environ.get("TESTING") != "{}":\n    sys.exit("set TESTING: see the handbook")\n'


def needs(house: House, value: str) -> None:
    """Tests that run with this environment only."""
    (house.repo / "conftest.py").write_text(CONFTEST.format(value))
    command = f"TESTING={value} {PLAIN}"
    (house.repo / "loopwright.toml").write_text(f"[gates.tests]\ncommand = {msgspec.json.encode(command).decode()}\n")
    commit_all(house.repo, "tests need an environment")


def maker(ask: Ask) -> Step:
    """Looks for the way to run the tests, unless it was told."""
    told = WORKS in msgspec.json.encode(ask.body["messages"][0]).decode()
    search = [step(tool("bash", command=line)) for line in ("ls", "cat conftest.py")]
    search.insert(0, step(tool("bash", command=PLAIN), tool("explore", question="Which variable do tests need?")))
    work = [step(FIX, TEST), step(tool("bash", command=WORKS)), step(finish())]
    return msgspec.convert((work if told else search + work)[ask.step], Step)


def light(ask: Ask) -> Step:
    """The light tier: explores, and chooses what is worth keeping, in its own words."""
    shown = ask.body["messages"][0]["content"][0]["text"]
    if "<evidence>" not in shown:
        return Step(text="conftest.py wants TESTING.")
    facts = [line.split()[0] for line in shown.splitlines() if "(command)" in line and WORKS in line]
    notes = [{"evidence": fact, "text": f"Tests want a variable: `{WORKS}` works."} for fact in facts]
    return Step(json={"notes": notes, "contradicts": []})


def events(house: House, kind: type) -> list[Any]:
    return [r.event for r in house.records() if isinstance(r.event, kind)]


@pytest.mark.replayed("a run that learns, one that was told, one whose note is stale")
def test_a_second_run_needs_fewer_turns_until_the_note_is_stale(house: House, play: Play) -> None:
    needs(house, "1")
    play([maker] * 3, [[verdict()]] * 3, [light] * 4)
    assert house.run().code == 0
    first: State = house.state()
    [learned] = events(house, NoteLearned)
    assert (learned.kind, learned.by) == ("command", LIGHT)
    assert learned.text == f"Tests want a variable: `{WORKS}` works."
    assert {s.role for s in first.accounts.spends if s.model == LIGHT} == {"explore", "light"}

    assert house.run().code == 0
    second: State = house.state()
    assert (first.maker_turns, second.maker_turns) == (6, 3)
    assert second.notes == (learned.note,)
    why = house("memory", "why", "last", "--json").document
    assert [(note["note"], note["helped"], note["why"]) for note in why["told"]] == [
        (learned.note, True, "its command was run, and worked")
    ]
    shelf = Shelf(house.home, discover(house.repo).id)
    assert (shelf.get(learned.note).used, shelf.get(learned.note).helped) == (1, 1)

    needs(house, "2")
    house.run("--max-iterations", "1")
    [checked] = [e for e in events(house, NoteChecked) if not e.cached]
    assert (checked.note, checked.exit_code != 0) == (learned.note, True)
    [dropped] = events(house, NoteDropped)
    assert (dropped.note, dropped.status) == (learned.note, "retired")
    assert "fails at base" in shelf.get(learned.note).why
    first_message = next(r.event.first for r in house.records() if getattr(r.event, "first", ""))
    assert "works" not in first_message.split("<memory>")[-1] or "<memory>" not in first_message


def test_what_a_run_begins_with_is_stored_with_it_or_not_at_all(rig: Rig) -> None:
    """A process that dies as it has created its run takes neither the base's notices nor the notes with it."""
    shelf = Shelf(rig.house.home, discover(rig.house.repo).id)
    [note] = shelf.keep(
        [make("decision", "mind the last byte of a range", by="ann", verified=int(time.time()) * MICRO)]
    )
    (rig.house.repo / "draft.txt").write_text("not committed\n")
    with Journal(rig.places.home / "journal.db", clean=Cleaner()) as journal:
        wish = Wish(text=GOAL, repo=rig.house.repo)
        ready = begin(plan(wish, rig.places, Cleaner()), rig.places, journal, Cleaner(), log=lambda text: None)
        ready.held.close()  # and no step further
        shown = [type(record.event) for record in ready.opening]
        taken = reopen(journal.resolve("last"), rig.places, journal, Cleaner())
        taken.held.close()
    assert shown == [Notice, NotesInjected]
    assert [type(event) for event in rig.events] == [RunCreated, Notice, NotesInjected]
    assert rig.state.notices[0].what == "the checkout has 1 untracked file"
    assert [known.id for known in taken.run.notes] == [note.id]
    assert taken.opening == ()


@pytest.mark.replayed("notes that are dropped, and one for what came back")
def test_a_note_about_what_fails_is_told_when_it_comes_back_and_a_wrong_one_is_not(house: House, play: Play) -> None:
    house.detect()
    shelf = Shelf(house.home, discover(house.repo).id)
    red = "tests/test_parse.py::test_beyond_the_end"
    now = int(time.time()) * MICRO
    [about] = shelf.keep([make("decision", "mind the fence posts", failures=(red,), verified=now)])
    [gone] = shelf.keep([make("fix", "parse_range() is in old.py", paths=("src/old.py",), run="r1", verified=now)])
    [mended] = shelf.keep(
        [make("quirk", "test_suffix fails", failures=("tests/test_parse.py::test_suffix",), verified=now)]
    )
    right = edit("int(first), size\n", "int(first), size - 1\n")
    play([[step(WRONG), step(finish())], [step(right, TEST), step(finish())]])
    assert house.run().code == 0
    injected = events(house, NotesInjected)
    assert {e.note: e.status for e in events(house, NoteDropped)} == {gone.id: "invalid", mended.id: "invalid"}
    assert (injected[-1].iteration, injected[-1].notes) == (2, (about.id,))
    assert shelf.get(gone.id).status == shelf.get(mended.id).status == "invalid"


def test_the_days_money_that_ends_when_a_run_learns_ends_nothing_else(rig: Rig) -> None:
    needs(rig.house, "1")
    talk = [step(tool("bash", command=PLAIN)), step(FIX, TEST), step(tool("bash", command=WORKS)), step(finish())]
    dear = "claude-fable-5-1"
    rig.play({MAKER: [talk, talk], CHECKER: [[verdict()]] * 2, dear: [[{"json": {"notes": [], "contradicts": []}}]]})
    models = {"light": (dear,), "max_tokens": 500}
    assert rig.run(models=models).exit_code == 0  # type: ignore[union-attr]
    asked = {event.conversation: event.reserved for event in rig.of(ModelRequested)}
    assert max(asked, key=lambda name: asked[name]) == "light.learn"
    room = rig.state.cost + asked["light.learn"] + 1_000  # less than what the second run costs before it
    second = rig.run(f"{GOAL}, again", models=models, ceiling={"usd_per_day": room / 1_000_000})
    assert isinstance(second, RunFinished)
    assert (second.outcome, second.branch is not None) == ("succeeded", True), second
    [ended] = [e for e in rig.of(ConversationEnded) if e.conversation == "light.learn"]
    assert ended.ending == "error"
