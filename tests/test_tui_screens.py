"""The full screen, driven key by key over a real journal, at every size it promises."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from harness.clean import Cleaner
from harness.events import ModelReplied, Notice
from harness.journal import Journal, Speech
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
from tui.screens import FleetScreen, Reader, RunScreen, Sure


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
        table = rows(app)[3:9]
        second, first, third = (next(row for row in table if f" {run} " in row) for run in (dead.run, live.run, "done"))
        assert first.startswith((" ❯● live", "  ● live"))
        assert "making" in first
        assert "1/6" in first
        assert "T✗ L✓ S✓" in first
        assert "× dead" in second
        assert table.index(second) < table.index(first) < table.index(third), "what needs a person is on top"
        assert "日本語 goal with tabs"[:6] in second
        assert "second line" not in second
        assert "✓ done" in third
        assert ("0.20/2.00" in third) == (size[0] >= 80)
        assert ("+61 −9" in third) == (size[0] >= 120)
        assert "? Help" in rows(app)[-1]
        assert ("× 1 interrupted" in rows(app)[0]) == (size[0] >= 80)
        preview = ("─ live · loopwright/retry", "─ dead · ")  # read once the cursor rests
        await until(pilot, lambda: any(title in text(app) for title in preview) == (size[1] >= 30))

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
        assert rows(app)[3].startswith("  ● other")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        assert rows(app)[0].startswith(f" {author.run} ")
        other.leave()

    drive(journal, script)


@pytest.mark.parametrize("size", SIZES)
def test_a_run_shows_its_state_its_transcript_and_its_gates(journal: Journal, size: tuple[int, int]) -> None:
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
        assert "1 Transcript" in rows(app)[2]
        assert "✗" in next(row for row in rows(app) if "1 failed, 411 passed" in row), "a failure is open"
        await pilot.press("3")
        await until(pilot, lambda: "tests/test_retry.py::test_date_form" in text(app))
        assert "assert 0.0 == 2.0" in text(app)
        assert "iteration 1 ended" not in text(app)
        author.write(*made(2), *judged(2))
        await until(pilot, lambda: "ITERATION 2" in text(app))
        assert "T✓ L✓ S✓" in rows(app)[0]
        await pilot.press("left_curly_bracket")
        await until(pilot, lambda: "ITERATION 1" in text(app))
        await pilot.press("1")
        await until(pilot, lambda: "security all good" in text(app))

    drive(journal, script, size, run="live")


def test_a_block_opens_in_full_folds_and_is_copied(journal: Journal) -> None:
    author = working(journal)
    long = "\n".join(f"line {n} of what the tool says" for n in range(60))
    author.write(*turn(2, 1, text="done", output=long))

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        story = run_screen(app).tabs[0].story
        await until(pilot, lambda: story.items and story.items[-1].mark == "✗")
        assert story.items[-1].open
        await pilot.press("space")
        assert not story.items[-1].open
        assert "line 59" not in text(app)
        await pilot.press("y")
        assert "line 30 of what" in app.clipboard
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Reader))
        await pilot.press("slash", *"line 44", "enter")
        await until(pilot, lambda: "line 44 of what the tool says" in text(app))
        await pilot.press("escape", "escape")
        assert isinstance(app.screen, RunScreen)
        await pilot.press("escape")
        assert isinstance(app.screen, FleetScreen)

    drive(journal, script, SIZES[2], run="live")


def notices(first: int, last: int) -> list[Notice]:
    return [Notice(what=f"notice {n}") for n in range(first, last)]


def test_a_long_run_opens_at_its_tail_keeps_little_and_reads_on_where_the_reader_goes(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.window.KEEP", 256)
    monkeypatch.setattr("tui.window.PAGE", 64)
    monkeypatch.setattr("tui.window.NEAR", 16)
    author = working(journal)
    author.write(*notices(0, 2000))

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        tab = run_screen(app).tabs[0]
        tab.window.start(tab.window.last, size=64)
        assert "notice 1999" in text(app)
        while tab.window.first:
            await pilot.press("g")
            await pilot.pause(0.05)
            assert len(tab.story.items) <= 2 * 256 + 64
        assert "Paginate" in tab.story.items[0].text
        seqs = [block.seq for block in tab.story.items]
        assert seqs == sorted(set(seqs)), "each event once, in order"
        while "notice 1999" not in text(app):
            await pilot.press("G")
            await pilot.pause(0.1)
        author.write(*notices(2000, 2001))
        await until(pilot, lambda: "notice 2000" in text(app))
        seqs = [block.seq for block in tab.story.items]
        assert seqs == sorted(set(seqs))

    drive(journal, script, run="live")


def test_words_are_found_far_from_what_is_loaded(journal: Journal) -> None:
    author = working(journal)
    author.write(*notices(0, 100), Notice(what="the needle"), *notices(100, 4000))

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "notice 3999" in text(app))
        await pilot.press("slash", *"NEEDLE", "enter")
        await until(pilot, lambda: "the needle" in text(app))
        chosen = run_screen(app).tabs[0].story.chosen
        assert chosen
        assert chosen.text == "the needle"
        await pilot.press("n")
        await until(pilot, lambda: "no 'NEEDLE' before this" in "".join(str(n.message) for n in app._notifications))
        await pilot.press("5", "slash", *"needle", "enter")
        await until(pilot, lambda: "the needle" in text(app))

    drive(journal, script, run="live")


def test_a_reader_of_the_past_is_not_disturbed_by_what_happens(journal: Journal) -> None:
    author = working(journal)
    author.write(*notices(0, 300))

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        story = run_screen(app).tabs[0].story
        await until(pilot, lambda: len(story.items) > 300)
        await pilot.press("pageup", "pageup")
        await pilot.pause(0.3)
        before = [row[:60] for row in rows(app)[4:-1]]
        author.write(*(Notice(what=f"later {n}") for n in range(50)))
        await until(pilot, lambda: story.items[-1].text == "later 49")
        assert [row[:60] for row in rows(app)[4:-1]] == before
        await pilot.press("G")
        assert "later 49" in text(app)

    drive(journal, script, run="live")


def test_what_a_model_says_is_seen_while_it_says_it_and_once(journal: Journal) -> None:
    author = working(journal)
    author.write(*notices(0, 300))
    speech = Speech(journal.path, "live", Cleaner(), clock=lambda: 0.0)  # no show is left out for being early
    words = "Both forms of the header are parsed"
    speech.begin("maker.1", 3)
    speech.hear("thinking", "An HTTP date is \x1b[2Jthe other form ")
    speech.show()

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        story = run_screen(app).tabs[0].story
        await until(pilot, lambda: "An HTTP date is the other form" in text(app))
        speech.hear("thinking", "")
        speech.show()
        await pilot.press("pageup", "pageup")
        await pilot.pause(0.3)
        before = [row[:60] for row in rows(app)[4:-1]]
        speech.hear("text", f"{words}. ")
        speech.hear("text", "")
        speech.hear("tool", "edit")
        speech.show()
        await until(pilot, lambda: story.items[-1].text == "edit is being written")
        assert [row[:60] for row in rows(app)[4:-1]] == before, "a reader of the past is not disturbed"
        await pilot.press("G", "enter")
        assert run_screen(app), "there is no event to open yet"
        assert words in text(app)
        author.write(*turn(1, 3, text=words))
        speech.close()
        await until(pilot, lambda: story.items[-1].mark == "✗")
        assert text(app).count(words) == 1
        assert story.at_tail
        speech.begin("maker.1", 4)
        speech.hear("text", "the last words of a process ")
        speech.show()
        await until(pilot, lambda: "the last words" in text(app))
        author.leave()  # killed
        await until(pilot, lambda: "interrupted" in text(app) and "the last words" not in text(app))

    drive(journal, script, run="live")


def test_the_fleet_is_narrowed_by_words_and_by_state(journal: Journal) -> None:
    whole_run(journal, "done", "Zebra crossing")
    author = working(journal, "live", "apple pie")

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "live" in text(app) and "Zebra" in text(app))
        await pilot.press("slash", *"zebra")
        await until(pilot, lambda: "apple pie" not in text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "apple pie" in text(app))
        await pilot.press("f", "f", "f")
        await until(pilot, lambda: "apple pie" not in text(app) and "only: ended" in rows(app)[0])
        await pilot.press("escape")
        await until(pilot, lambda: "apple pie" in text(app))
        author.leave()

    drive(journal, script, SIZES[1])


def test_a_run_that_loses_its_process_is_said_to_be_interrupted_with_the_way_on(journal: Journal) -> None:
    author = working(journal)

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "● making" in text(app))
        author.leave()
        await until(pilot, lambda: "× interrupted" in text(app))
        assert "loopwright resume live" in rows(app)[1]
        await until(pilot, lambda: "Stop" not in rows(app)[-1] and "r Resume" in rows(app)[-1])

    drive(journal, script, run="live")


def test_help_is_made_of_the_bindings_that_work(journal: Journal) -> None:
    author = working(journal)

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "Pause" in rows(app)[-1])
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, Reader))
        shown = [item.text for item in app.screen.query_one("#text").items]  # type: ignore[attr-defined]
        stop = next(line.split() for line in shown if "Stop" in line)
        assert (stop[:2], stop[-1]) == (["x", "Stop"], "run.stop")
        assert "its best candidate is kept" in " ".join(stop), "what it does is said, too"
        assert any("Last, and follow" in line for line in shown)
        assert [line for line in shown if line.isupper()] == ["THE RUN", "LOOKING", "MOVING", "EVERYWHERE"]
        await pilot.press("question_mark", "escape")
        assert isinstance(app.screen, FleetScreen)
        author.leave()
        await until(pilot, lambda: "interrupted" in text(app))
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, Reader))
        shown = [item.text for item in app.screen.query_one("#text").items]  # type: ignore[attr-defined]
        assert not any("run.stop" in line for line in shown)
        rows(app)

    drive(journal, script, SIZES[2])


def test_a_key_in_the_footer_can_be_clicked(journal: Journal) -> None:
    working_one = working(journal)

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "Pause" in rows(app)[-1])
        await pilot.click(offset=(rows(app)[-1].index("Stop"), 39))
        await until(pilot, lambda: isinstance(app.screen, Sure))

    drive(journal, script)
    working_one.leave()


def test_resizing_never_breaks_a_row(journal: Journal) -> None:
    whole_run(journal, "done", "👍 emoji ❤️ and é combining 日本語 " * 5)
    author = working(journal)

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "live" in text(app))
        for press in (
            "j",
            "x",
            "n",
            "ctrl+p",
            "escape",
            "enter",
            "2",
            "3",
            "4",
            "5",
            "s",
            "escape",
            "t",
            "question_mark",
        ):
            await pilot.press(press)
            for width, height in ((100, 9), (20, 5), (3, 2)):
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
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and bad in text(app))
        at = next(n for n, row in enumerate(rows(app)) if "press[/]" in row and n > 3)
        await pilot.click(offset=(rows(app)[at].index("press"), at))
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Sure))
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


def test_leaving_an_empty_search_leaves_nothing_else(journal: Journal) -> None:
    whole_run(journal, "done")

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "Transcript" in text(app))
        for keys in ("", "abc"):
            await pilot.press("slash", *keys)
            await until(pilot, lambda: "find" in rows(app)[-2])
            await pilot.press("escape")
            await until(pilot, lambda: "find" not in rows(app)[-2])
            assert run_screen(app).tabs[0].front.needle == ""
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, Reader))
        await pilot.press("slash", "escape")
        await pilot.pause()
        assert isinstance(app.screen, Reader)

    drive(journal, script, run="done")
