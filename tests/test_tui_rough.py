"""What a person runs into: screens too small for their words, pasted pages, a journal that is gone or damaged, a run
that was opened before the list was ever seen."""

import os
import shlex
import signal
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot

from harness.events import QuestionAsked, RunParked
from harness.journal import Journal, JournalError
from tests.test_tui_acting import Clock, last, said
from tests.tui_support import asking, drive, open_journal, rows, text, until, whole_run, working
from tests.tui_terminal import DEADLINE, LOOPWRIGHT, Terminal
from tui.app import Loopwright
from tui.screens import FleetScreen, NewRun, Question, Steer
from tui.text import Item, Line, cut, draw, opening


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path) as opened:
        yield opened


LONG = QuestionAsked(
    question="q1", kind="tool", text="May it? " + "word " * 150 + "THE END",
    options=("allow_once", "allow_run", "deny"), subject="rm -rf " + "x " * 200 + "THE REST",
    deadline=time.time_ns() // 1000 + 3_600_000_000,
)  # fmt: skip


@pytest.mark.parametrize(("size", "keys"), [((80, 24), "a once"), ((60, 20), "a once"), ((20, 5), "a A d esc")])
def test_however_long_a_question_is_its_keys_are_seen_and_all_of_it_can_be_read(
    journal: Journal, size: tuple[int, int], keys: str
) -> None:
    author = working(journal, "asks")
    author.write(LONG, RunParked(reason="asks", question="q1"))
    author.leave()
    clock = Clock()

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "asks" in text(app))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await until(pilot, lambda: keys in text(app))
        assert "asks" in rows(app)[0 if size[1] == 5 else 2]
        read = text(app)
        while "↓" in text(app):
            await pilot.press("down")
            read += text(app)
        assert "↑" in text(app)
        assert "END" in read
        assert "REST" in read
        assert keys in text(app)
        clock.now += 0.5
        with journal.hold("asks"):
            await pilot.press("d")
            await until(pilot, lambda: said(journal, "asks"))
        assert '"deny"' in last(journal, "asks").text

    drive(journal, script, size, clock=clock)


def test_a_question_whose_time_is_over_leaves_the_way_on(journal: Journal) -> None:
    asking(journal, seconds=-1)

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "asks" in text(app))
        assert "r Resume" in rows(app)[-1]
        await pilot.press("a")
        await until(pilot, lambda: "counts as denied" in text(app))
        assert "r resumes" in text(app)

    drive(journal, script)


def test_the_fleet_is_there_when_the_run_that_was_opened_first_is_left(journal: Journal) -> None:
    whole_run(journal, "done")

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "Transcript" in text(app))
        await pilot.pause(0.6)  # the list is read while it is not seen
        whole_run(journal, "other")
        await pilot.pause(0.6)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))
        await until(pilot, lambda: "✓ done" in text(app) and "✓ other" in text(app))

    drive(journal, script, run="done")


PASTED = "First line\r\nsecond\tline\r\n\r\n\x1b]52;c;eA==\x07third\n"


def test_all_of_what_is_pasted_is_taken(journal: Journal) -> None:
    author = working(journal)

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "making" in text(app))
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, Steer))
        app.post_message(events.Paste(PASTED))
        await until(pilot, lambda: "third" in text(app))
        await pilot.press("enter")
        await until(pilot, lambda: said(journal, "live"))
        assert said(journal, author.run) == [("steer", "First line second line  third")]

    drive(journal, script)


@pytest.mark.parametrize("size", [(20, 5), (40, 10)])
def test_what_is_typed_is_seen_on_the_smallest_screen(journal: Journal, size: tuple[int, int]) -> None:
    author = working(journal)

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "makin" in text(app) or author.run in text(app))
        await pilot.press("s", *"abc")
        await until(pilot, lambda: isinstance(app.screen, Steer) and "abc" in text(app))
        await pilot.press("escape", "n", *"xyz")
        await until(pilot, lambda: isinstance(app.screen, NewRun) and "xyz" in text(app))
        await pilot.press("enter", "enter", "enter", "enter", "7")
        await until(pilot, lambda: "7" in text(app))
        await pilot.press("escape", "question_mark")
        await until(pilot, lambda: "keys that work" in text(app))
        assert "THE RUN" in text(app) or "[keys]" in text(app)

    drive(journal, script, size)


def test_help_on_a_narrow_screen_says_what_keys_do() -> None:
    line: Line = (("s             ", "key"), (" Steer                 ", "strong"), (" say something", "plain"))
    (row,) = draw(Item(text="s", line=line, right="run.steer"), 24)
    assert "Steer" in "".join(part for part, _ in row)
    assert "run.steer" not in "".join(part for part, _ in row)
    assert cut("short      ", 7) == "short  "


def test_what_hangs_is_seen_in_narrow_rows() -> None:
    rows_ = draw(Item(text="c1 met word word word word", hang=24), 20)
    assert " ".join("".join(part for part, _ in row).strip() for row in rows_) == "c1 met word word word word"
    assert all(len("".join(part for part, _ in row)) <= 20 for row in rows_)


def test_what_opens_never_takes_more_rows_than_there_are() -> None:
    body: list[Line] = [((str(n), "plain"),) for n in range(30)]
    foot: list[Line] = [(("keys", "key"),)]
    for room in range(40):
        for at in (0, 5, 99):
            shown, top = opening(body, foot, room, at)
            assert len(shown) <= max(room, 1)
            assert 0 <= top <= len(body)


KEYS = (
    "enter", "2", "i", "3", "enter", "4", "enter", "5", "v", "f", "g", "G", "n", "N", "right_curly_bracket", "1",
    "left_curly_bracket", "space", "z", "t", "p", "full_stop", "less_than_sign", "end", "escape", "escape", "a", "s",
    "escape", "o", "escape", "F", "n", "x", "n", "u", "r", "escape", "S", "escape",
)  # fmt: skip
"""Every act of the fleet and of a run, and out of each again."""


@pytest.mark.parametrize("how", ["deleted", "damaged"])
def test_a_journal_that_is_lost_while_it_is_shown_is_said_and_ends_nothing(
    journal: Journal, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_run(journal, "done")
    author = working(journal)
    asking(journal)
    monkeypatch.setattr("tui.acting.start", lambda *_: None)  # no run is begun

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "✓ done" in text(app))
        await pilot.press("enter")
        if how == "deleted":
            journal.path.rename(journal.path.with_name("elsewhere.db"))
        else:
            with journal._db.writing() as db:
                db.execute("ALTER TABLE events RENAME TO elsewhere")
        with pytest.raises(JournalError):
            journal.state("done")
        for key in (*KEYS[1:], *KEYS[:3]):
            await pilot.press(key)
        assert app.is_running
        while not isinstance(app.screen, FleetScreen):
            await pilot.press("escape")
        await until(pilot, lambda: "the journal" in text(app) or "unreadable" in text(app))
        if how == "deleted":
            journal.path.with_name("elsewhere.db").rename(journal.path)
        else:
            with journal._db.writing() as db:
                db.execute("ALTER TABLE elsewhere RENAME TO events")
        await until(pilot, lambda: "the journal" not in rows(app)[0] and f"● {author.run}" in text(app))

    drive(journal, script)


def test_a_hang_up_gives_the_terminal_back(journal: Journal, tmp_path: Path) -> None:
    whole_run(journal, "done")
    screen = Terminal(tmp_path, "done")
    try:
        before = termios.tcgetattr(screen._master)
        screen.until("Help")
        assert termios.tcgetattr(screen._master)[3] != before[3]
        screen.process.send_signal(signal.SIGHUP)
        assert screen.end() == 129
        assert termios.tcgetattr(screen._master)[3] == before[3], "echo is on again"
        for mode in ("\x1b[?1049{}", "\x1b[?1000{}", "\x1b[?1004{}"):
            assert screen.text.rindex(mode.format("l")) > screen.text.rindex(mode.format("h"))
        assert screen.text.rindex("\x1b[?25h") > screen.text.rindex("\x1b[?25l")
    finally:
        screen.close()


def test_a_terminal_that_is_gone_ends_the_viewer(journal: Journal, tmp_path: Path) -> None:
    whole_run(journal, "done")
    screen = Terminal(tmp_path, "done")
    screen.until("Help")
    os.close(screen._master)
    try:
        assert screen.process.wait(DEADLINE) == 129
    finally:
        screen.process.kill()
        screen.process.wait()


JOBS = """
set -m
echo "shell is here"
{program} done
echo "stopped with $?"
read -r size
fg %1 > /dev/null
echo "ended with $?"
"""


def test_ctrl_z_goes_to_the_background_and_fg_comes_back(journal: Journal, tmp_path: Path) -> None:
    whole_run(journal, "done")
    script = tmp_path / "jobs.sh"
    script.write_text(JOBS.format(program=f"{shlex.quote(str(LOOPWRIGHT))} tui"))
    screen = Terminal(tmp_path, "--norc", "-i", str(script), program="/bin/bash")
    try:
        screen.until("Help")
        screen.settle()
        since = len(screen.written)
        screen.type(b"\x1a")
        screen.until("stopped with", since)
        assert b"\x1b[?1049l" in screen.written[since:]
        since = len(screen.written)
        screen.type(b"go\r")
        screen.until("\x1b[?1049h", since)
        screen.until("Help", since)
        screen.settle()
        screen.type(b"q")
        screen.until("ended with 0", since)
        screen.end()
    finally:
        screen.close()


def test_watch_into_a_pipe_that_is_closed_ends_quietly(journal: Journal, tmp_path: Path) -> None:
    whole_run(journal, "done")
    environ = os.environ | {"LOOPWRIGHT_HOME": str(tmp_path)}
    words = [str(LOOPWRIGHT), "watch", "done", "--all"]
    process = subprocess.Popen(words, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    errors = process.stderr.read()
    process.wait(DEADLINE)
    assert b"Traceback" not in errors, errors.decode()
