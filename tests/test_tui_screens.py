"""The full screen, driven key by key over a real journal, at every size it promises."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from harness.events import ModelReplied, Notice
from harness.journal import Journal
from tests.tui_support import (
    SIZES,
    Author,
    baseline,
    drive,
    judged,
    made,
    open_journal,
    rows,
    text,
    turn,
    until,
    whole_run,
    working,
)
from tui.app import Loopwright
from tui.screens import AskStop, FleetScreen, Reader, RunScreen


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path) as opened:
        yield opened


def run_screen(app: Loopwright) -> RunScreen:
    assert isinstance(app.screen, RunScreen)
    return app.screen


@pytest.mark.parametrize("size", SIZES)
def test_the_fleet_shows_each_run_in_one_whole_row(journal: Journal, size: tuple[int, int]) -> None:
    whole_run(journal, "done")
    dead = Author(journal, "dead", "日本語 goal with\ttabs\nand a second line", held=False)
    live = working(journal)

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "T✓ L✓ S✓" in text(app))
        found = [row for row in rows(app) if any(run in row for run in ("done", dead.run, live.run))]
        first, second, third = found
        assert first.startswith("❯● live")
        assert "making" in first
        assert "1/6" in first
        assert "T✗ L✓ S✓" in first
        assert second.startswith(" ‖ dead")
        assert "日本語 goal with tabs"[:6] in second
        assert "second line" not in second
        assert third.startswith(" ✓ done")
        assert ("0.20/2.00" in third) == (size[0] >= 80)
        assert ("+61 -9" in third) == (size[0] >= 120)
        assert "? Help" in rows(app)[-1]
        assert "1 interrupted" in rows(app)[0]

    drive(journal, script, size)


def test_an_empty_fleet_says_how_to_begin(journal: Journal) -> None:
    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        assert "loopwright run" in text(app)
        assert "Open" not in rows(app)[-1]
        author = Author(journal, "new")
        await until(pilot, lambda: "❯● new" in text(app))
        await until(pilot, lambda: "Open" in rows(app)[-1])
        author.leave()
        await until(pilot, lambda: "interrupted" in text(app))

    drive(journal, script)


def test_the_cursor_stays_on_its_run_when_others_come(journal: Journal) -> None:
    author = working(journal, "mine")

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "❯● mine" in text(app))
        other = working(journal, "other")
        await until(pilot, lambda: "other" in text(app))
        assert "❯● mine" in text(app)
        assert rows(app)[3].startswith(" ● other")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        assert rows(app)[0].startswith(f" {author.run} ")
        other.leave()

    drive(journal, script)


@pytest.mark.parametrize("size", SIZES)
def test_a_run_shows_its_state_its_timeline_and_its_gates(journal: Journal, size: tuple[int, int]) -> None:
    author = working(journal)

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "iteration 1 ended" in text(app))
        header = rows(app)[0]
        assert "live" in header
        assert "● making" in header
        assert "it 1/6" in header
        assert "T✗ L✓ S✓" in header
        assert "Paginate" in header
        wide = size[0] >= 100
        assert ("GATES · iteration 1" in text(app)) == wide
        assert ("1 Timeline" in rows(app)[2]) == (not wide)
        await pilot.press("2")
        await until(pilot, lambda: "tests/test_retry.py::test_date_form" in text(app))
        assert "assert 0.0 == 2.0" in text(app)
        assert "✗ tests  1 failed, 411 passed" in text(app)
        assert ("iteration 1 ended" in text(app)) == wide
        author.write(*made(2), *judged(2))
        await until(pilot, lambda: "GATES · iteration 2" in text(app))
        assert "T✓ L✓ S✓" in rows(app)[0]
        await pilot.press("1")
        await until(pilot, lambda: "gate security on candidate 2" in text(app))

    drive(journal, script, size, run="live")


def test_an_event_opens_in_full_and_closes_again(journal: Journal) -> None:
    author = working(journal)
    long = "\n".join(f"line {n} of what the model says" for n in range(60))
    author.write(*turn(2, 1, text=long))

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        pane = run_screen(app).timeline
        await until(pilot, lambda: pane.items and "bash: error" in pane.items[-1].text)
        await pilot.press("k", "k", "enter")
        await until(pilot, lambda: isinstance(app.screen, Reader))
        assert "line 3 of what the model says" in text(app)
        await pilot.press("G")
        assert "line 59 of what the model says" in text(app)
        await pilot.press("escape")
        assert isinstance(app.screen, RunScreen)
        await pilot.press("escape")
        assert isinstance(app.screen, FleetScreen)

    drive(journal, script, SIZES[2], run="live")


def test_a_long_run_opens_at_its_tail_and_reads_the_rest_behind_it(journal: Journal) -> None:
    author = working(journal)
    author.write(*(Notice(what=f"notice {n}") for n in range(1500)))

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        pane = run_screen(app).timeline
        assert "notice 1499" in text(app)
        await until(pilot, lambda: pane.items[0].text.startswith("run: "))
        assert "notice 1499" in text(app)
        keys = [item.key for item in pane.items]
        assert keys == sorted(set(keys)), "each event once, in order"
        assert sum(item.text.startswith("notice") for item in pane.items) == 1500
        author.write(Notice(what="the newest"))
        await until(pilot, lambda: "the newest" in text(app))

    drive(journal, script, run="live")


def test_a_reader_of_the_past_is_not_disturbed_by_what_happens(journal: Journal) -> None:
    author = working(journal)
    author.write(*(Notice(what=f"notice {n}") for n in range(300)))

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        pane = run_screen(app).timeline
        await until(pilot, lambda: len(pane.items) > 300)
        await pilot.press("pageup", "pageup")
        before = [row[: pane.scrollable_content_region.width] for row in rows(app)[4:-1]]
        author.write(*(Notice(what=f"later {n}") for n in range(50)))
        await until(pilot, lambda: pane.items[-1].text == "later 49")
        assert [row[: pane.scrollable_content_region.width] for row in rows(app)[4:-1]] == before
        await pilot.press("G")
        assert "later 49" in text(app)

    drive(journal, script, run="live")


def test_a_run_that_loses_its_process_is_said_to_be_interrupted_with_the_way_on(journal: Journal) -> None:
    author = working(journal)

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "● making" in text(app))
        author.leave()
        await until(pilot, lambda: "‖ interrupted" in text(app))
        assert "loopwright resume live" in rows(app)[1]
        await until(pilot, lambda: "Stop" not in rows(app)[-1])

    drive(journal, script, run="live")


def test_help_is_made_of_the_bindings_that_work(journal: Journal) -> None:
    author = working(journal)

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "Stop" in rows(app)[-1])
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, Reader))
        shown = [item.text for item in app.screen.query_one("#text").items]  # type: ignore[attr-defined]
        assert any(line.split() == ["x", "Stop"] for line in shown)
        assert any(line.endswith("Last, and follow") for line in shown)
        await pilot.press("question_mark", "escape")
        assert isinstance(app.screen, FleetScreen)
        author.leave()
        await until(pilot, lambda: "interrupted" in text(app))
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, Reader))
        shown = [item.text for item in app.screen.query_one("#text").items]  # type: ignore[attr-defined]
        assert not any(line.endswith("Stop") for line in shown)
        rows(app)

    drive(journal, script, SIZES[2])


def test_a_key_in_the_footer_can_be_clicked(journal: Journal) -> None:
    working_one = working(journal)

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "Stop" in rows(app)[-1])
        await pilot.click(offset=(rows(app)[-1].index("Stop"), 39))
        await until(pilot, lambda: isinstance(app.screen, AskStop))

    drive(journal, script)
    working_one.leave()


def test_resizing_never_breaks_a_row(journal: Journal) -> None:
    whole_run(journal, "done", "👍 emoji ❤️ and é combining 日本語 " * 5)
    author = working(journal)

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "live" in text(app))
        for press in ("j", "enter", "question_mark"):
            await pilot.press(press)
            for width, height in ((61, 20), (100, 9), (20, 5), (3, 2)):
                await pilot.resize_terminal(width, height)
                await pilot.pause()
                rows(app)
        author.leave()

    drive(journal, script)


def test_markup_is_text(journal: Journal) -> None:
    bad = "[@click=app.quit]press[/] [bold]x[/nope] [/]"
    author = Author(journal, "live", bad)
    said = next(event for event in turn(1, 1, text=bad) if isinstance(event, ModelReplied))
    author.write(*baseline(), *made(1), said, Notice(what=bad, why=bad))

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: bad[:30] in text(app))
        await pilot.press("enter")
        await until(pilot, lambda: f"note: {bad}" in text(app) or f"! {bad}" in text(app))
        at = next(n for n, row in enumerate(rows(app)) if "press[/]" in row and n > 3)
        await pilot.click(offset=(rows(app)[at].index("press"), at))
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, AskStop))
        assert bad in text(app)
        assert app.is_running

    drive(journal, script)


def test_a_journal_that_fails_is_said_on_the_screen_and_outlived(journal: Journal) -> None:
    author = working(journal)

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "● making" in text(app))
        with journal._db.writing() as db:
            db.execute("ALTER TABLE events RENAME TO elsewhere")
        await until(pilot, lambda: "the journal" in rows(app)[1])
        await pilot.press("enter")
        await pilot.pause()
        with journal._db.writing() as db:
            db.execute("ALTER TABLE elsewhere RENAME TO events")
        await until(pilot, lambda: "acme-api" in rows(app)[1])
        author.leave()

    drive(journal, script, run="live")
