"""Stopping a run from the full screen: asked for, answered by a key that means it, written with its person."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from harness.events import CommandReceived, RunFinished
from harness.journal import Journal
from tests.tui_support import SIZES, drive, open_journal, rows, text, until, whole_run, working
from tui.app import Loopwright
from tui.control import person
from tui.screens import AskStop, RunScreen


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path) as opened:
        yield opened


class Clock:
    """The seconds that guard a question: they pass when the test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("size", "where"), [*zip(SIZES, ("fleet", "run", "fleet"), strict=True), (SIZES[2], "run")])
def test_stopping_asks_first_and_posts_the_wish_with_its_person(
    journal: Journal, size: tuple[int, int], where: str
) -> None:
    author, clock = working(journal), Clock()

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "Stop" in rows(app)[-1])
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, AskStop))
        assert "Stop live?" in text(app)
        assert "Paginate the orders" in text(app)
        await pilot.press("y", "y", "n")
        assert isinstance(app.screen, AskStop), "too early to be meant"
        clock.now += 0.5
        await pilot.press("enter", "space", "x", "q", "j")
        assert isinstance(app.screen, AskStop), "no other key answers"
        assert journal.commands("live") == ()
        await pilot.press("n")
        await until(pilot, lambda: not isinstance(app.screen, AskStop))
        assert journal.commands("live") == ()
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, AskStop))
        clock.now += 0.5
        await pilot.press("y")
        await until(pilot, lambda: journal.commands("live"))
        (command,) = journal.commands("live")
        assert (command.kind, command.principal) == ("stop", person())
        await until(pilot, lambda: "○ stopping" in text(app) or "○ live" in text(app))
        await until(pilot, lambda: "Stop" not in rows(app)[-1])
        author.write(CommandReceived(command=command.id, kind="stop", principal=command.principal))
        author.write(RunFinished(outcome="cancelled", reason="stopped", exit_code=130, next_step="loopwright ls"))
        author.leave()
        await until(pilot, lambda: "cancelled" in text(app))

    drive(journal, script, size, run="live" if where == "run" else None, clock=clock)


def test_keys_that_were_typed_before_the_terminal_had_the_focus_do_not_answer(journal: Journal) -> None:
    author, clock = working(journal), Clock()

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "Stop" in rows(app)[-1])
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, AskStop))
        clock.now += 10
        app.app_focus = False
        await pilot.pause()
        app.app_focus = True
        await pilot.pause()
        await pilot.press("y")
        assert isinstance(app.screen, AskStop)
        clock.now += 0.5
        await pilot.press("y")
        await until(pilot, lambda: journal.commands(author.run))

    drive(journal, script, clock=clock)


def test_what_has_ended_cannot_be_stopped(journal: Journal) -> None:
    whole_run(journal, "done")

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "done" in text(app))
        assert "Stop" not in rows(app)[-1]
        await pilot.press("x", "enter", "x")
        await pilot.pause()
        assert isinstance(app.screen, RunScreen)
        assert "branch loopwright/retry" in rows(app)[1]

    drive(journal, script)
