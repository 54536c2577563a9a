"""A run as it stood: the same fold stopped early, in both directions, at any speed, touching nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from harness.journal import Journal, fold
from tests.tui_support import SIZES, Author, drive, open_journal, rows, text, turn, until, whole_run
from tui.app import Loopwright
from tui.replay import LONGEST, Past
from tui.screens import ReplayScreen, RunScreen


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path) as opened:
        yield opened


def test_the_state_at_any_event_is_the_fold_up_to_it(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.replay.EVERY", 16)
    whole_run(journal, "done")
    records = list(journal.read("done"))
    past = Past(journal, "done")
    assert past.newest == len(records)
    for at in (len(records), 1, 7, 8, 40, 33, 2, 16, 17, 48):
        past.seek(at)
        expected = fold(records[:at])
        assert (past.state.phase, past.state.cost, past.state.seq) == (expected.phase, expected.cost, expected.seq)
        assert past.state.iterations == expected.iterations
    assert past.seek(-5) == ()
    assert past.at == 1
    assert [record.seq for record in past.seek(4)] == [2, 3, 4]


def test_a_long_pause_is_cut_short_when_it_is_played(journal: Journal) -> None:
    author = Author(journal, "one")
    author.write(*turn(1, 1))
    past = Past(journal, "one")
    past._times = [0, LONGEST, 2 * LONGEST, 2 * LONGEST, 2 * LONGEST, 3 * LONGEST]
    past.seek(1)
    past.speed = 1
    assert past.after(LONGEST - 1) == 1
    assert past.after(LONGEST) == 2
    assert past.after(2 * LONGEST) == 5


@pytest.mark.parametrize("size", SIZES)
def test_time_goes_back_and_forth_and_plays(journal: Journal, size: tuple[int, int]) -> None:
    whole_run(journal, "done")

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "succeeded" in text(app))
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, ReplayScreen) and "replay" in text(app))
        assert "50 / 50" in text(app)
        await pilot.press("home")
        await until(pilot, lambda: "1 / 50" in text(app))
        assert "succeeded" not in text(app)
        assert "starting" in rows(app)[0]
        await pilot.press("right_curly_bracket", "right_curly_bracket")
        await until(pilot, lambda: "it 2/6" in rows(app)[0])
        assert "making" in rows(app)[0]
        await pilot.press("full_stop", "full_stop")
        assert isinstance(app.screen, ReplayScreen)
        at = app.screen._past.at
        await pilot.press("comma")
        assert app.screen._past.at < at
        await pilot.press("x", "s", "a", "r")
        assert isinstance(app.screen, ReplayScreen), "nothing can be done to what has been"
        await pilot.press("3")
        await until(pilot, lambda: "[1]" in text(app))
        await pilot.press("1", "plus", "plus", "plus", "p")
        await until(pilot, lambda: "50 / 50" in text(app))
        await until(pilot, lambda: "succeeded" in text(app))
        said = [(block.seq, block.text) for block in app.screen.tabs[0].story.items]
        assert [seq for seq, _ in said] == sorted(seq for seq, _ in said)
        assert len(said) == len(set(said))
        await pilot.press("escape")
        await until(pilot, lambda: type(app.screen) is RunScreen)
        assert journal.commands("done") == ()

    drive(journal, script, size, run="done")


def test_the_slider_is_dragged(journal: Journal) -> None:
    whole_run(journal, "done")

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, ReplayScreen) and "50 / 50" in text(app))
        row = next(n for n, row in enumerate(rows(app)) if "replay" in row and "●" in row)
        await pilot.click(offset=(40, row))
        await until(pilot, lambda: "50 / 50" not in text(app))
        assert isinstance(app.screen, ReplayScreen)
        assert 5 < app.screen._past.at < 45

    drive(journal, script, run="done")
