"""Acting on runs from the full screen: each act is a command with its person, none is done by a key that meant less."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from textual.pilot import Pilot

from harness.events import CommandReceived, QuestionAnswered, RunClaimed, RunContinued, RunFinished, RunPaused
from harness.journal import Command, Journal
from tests.tui_support import SIZES, asking, drive, open_journal, rows, text, until, whole_run, working
from tui.app import Loopwright
from tui.control import REGRET, person
from tui.screens import FleetScreen, NewRun, Question, RunScreen, Steer, Sure


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path) as opened:
        yield opened


class Clock:
    """The seconds that guard a question: they pass when the test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def said(journal: Journal, run: str) -> list[tuple[str, str]]:
    return [(command.kind, command.text) for command in journal.commands(run)]


def last(journal: Journal, run: str) -> Command:
    return journal.commands(run)[-1]


@pytest.mark.parametrize(("size", "where"), [*zip(SIZES, ("fleet", "run", "fleet"), strict=True)])
def test_stopping_asks_first_and_posts_the_wish_with_its_person(
    journal: Journal, size: tuple[int, int], where: str
) -> None:
    author, clock = working(journal), Clock()

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "? Help" in rows(app)[-1])
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Sure))
        assert "Stop live?" in text(app)
        assert "Paginate the orders" in text(app)
        await pilot.press("y", "y", "n")
        assert isinstance(app.screen, Sure), "too early to be meant"
        clock.now += 0.5
        await pilot.press("enter", "space", "x", "q", "j")
        assert isinstance(app.screen, Sure), "no other key answers"
        await pilot.press("n")
        await until(pilot, lambda: not isinstance(app.screen, Sure))
        assert said(journal, "live") == []
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Sure))
        clock.now += 0.5
        await pilot.press("y")
        await until(pilot, lambda: journal.commands("live"))
        assert said(journal, "live") == [("stop", str(REGRET))]
        assert last(journal, "live").principal == person()
        await until(pilot, lambda: "○ stopping" in text(app) or "○ live" in text(app))
        await pilot.press("x")
        assert not isinstance(app.screen, Sure), "it is stopping already"
        author.write(CommandReceived(command=1, kind="stop", principal="ana"))
        author.write(RunFinished(outcome="cancelled", reason="stopped", exit_code=130, next_step="loopwright ls"))
        author.leave()
        await until(pilot, lambda: "cancelled" in text(app))

    drive(journal, script, size, run="live" if where == "run" else None, clock=clock)


def test_a_mistaken_stop_is_taken_back_while_it_waits_and_not_when_it_was_heard(journal: Journal) -> None:
    author, clock = working(journal), Clock()

    async def stop(app: Loopwright, pilot: Pilot[None]) -> None:
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Sure))
        clock.now += 0.5
        await pilot.press("y")
        await until(pilot, lambda: "○ stopping" in rows(app)[0])

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "● making" in rows(app)[0])
        await stop(app, pilot)
        assert "u takes it back" in rows(app)[1]
        await pilot.press("u")
        await until(pilot, lambda: "● making" in rows(app)[0])
        assert said(journal, "live") == [("stop", str(REGRET)), ("withdraw", "1")]
        author.write(
            *(CommandReceived(command=n, kind=kind, principal="ana") for n, kind in ((1, "x"), (2, "withdraw")))
        )
        await stop(app, pilot)
        author.write(CommandReceived(command=3, kind="stop", principal="ana"))
        await pilot.pause(0.2)
        await pilot.press("u")
        await until(pilot, lambda: "too late" in " ".join(str(n.message) for n in app._notifications))
        assert len(journal.commands("live")) == 3

    drive(journal, script, run="live", clock=clock)


def test_keys_that_were_typed_before_the_terminal_had_the_focus_do_not_answer(journal: Journal) -> None:
    author, clock = working(journal), Clock()

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "Stop" in rows(app)[-1])
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Sure))
        clock.now += 10
        app.app_focus = False
        await pilot.pause()
        app.app_focus = True
        await pilot.pause()
        await pilot.press("y")
        assert isinstance(app.screen, Sure)
        clock.now += 0.5
        await pilot.press("y")
        await until(pilot, lambda: journal.commands(author.run))

    drive(journal, script, clock=clock)


@pytest.mark.parametrize(
    ("key", "word", "size"), [("a", "allow_once", SIZES[0]), ("A", "allow_run", SIZES[1]), ("d", "deny", SIZES[2])]
)
def test_a_question_is_answered_by_the_key_that_means_it_and_by_no_other(
    journal: Journal, key: str, word: str, size: tuple[int, int]
) -> None:
    author, clock = asking(journal), Clock()

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "asks" in text(app))
        with journal.hold("asks"):  # its process has come back, so that nobody needs to start one
            await pilot.press("a")
            await until(pilot, lambda: isinstance(app.screen, Question))
            for shown in (
                "Open the network to api.acme.dev:443",
                "once",
                "this run",
                "deny",
                "esc",
                "left, then it is denied",
            ):
                assert shown in " ".join(text(app).replace("│", " ").split())
            await pilot.press(key)
            assert isinstance(app.screen, Question), "too early to be meant"
            clock.now += 0.5
            await pilot.press("enter", "space", "y", "x")
            assert isinstance(app.screen, Question), "Enter allows nothing"
            assert said(journal, "asks") == []
            await pilot.press(key)
            await until(pilot, lambda: journal.commands("asks"))
            (command,) = journal.commands("asks")
            assert command.kind == "answer"
            assert msgspec.json.decode(command.text) == {"question": "q1", "answer": word, "text": ""}
            assert command.principal == person()

    drive(journal, script, size, clock=clock)
    assert author.run == "asks"


def test_words_go_with_a_denial_and_letters_are_letters_while_they_are_typed(journal: Journal) -> None:
    asking(journal)
    clock = Clock()

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "asks" in text(app))
        with journal.hold("asks"):
            await pilot.press("a")
            await until(pilot, lambda: isinstance(app.screen, Question))
            clock.now += 0.5
            await pilot.press("r", *"add a")
            await until(pilot, lambda: "enter sends it" in text(app))
            await pilot.press("escape")  # back to the question, and the words are kept
            await until(pilot, lambda: "a once" in text(app))
            await pilot.press("r")
            await until(pilot, lambda: "reply add a" in text(app))
            await pilot.press("enter")
            await until(pilot, lambda: journal.commands("asks"))
            sent = msgspec.json.decode(last(journal, "asks").text)
            assert sent == {"question": "q1", "answer": "deny", "text": "add a"}

    drive(journal, script, run="asks", clock=clock)


def test_the_first_answer_holds_and_the_other_terminal_is_told(journal: Journal) -> None:
    author, clock = asking(journal), Clock()

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "asks" in text(app))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, Question))
        author.write(QuestionAnswered(question="q1", answer="deny", principal="ben"))
        await until(pilot, lambda: not isinstance(app.screen, Question))
        await until(pilot, lambda: "answered by ben: deny" in " ".join(str(n.message) for n in app._notifications))
        assert said(journal, "asks") == []

    drive(journal, script, clock=clock)


def test_what_has_expired_is_denied_whatever_is_pressed(journal: Journal) -> None:
    asking(journal, seconds=-1)
    clock = Clock()

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "asks" in text(app))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, Question))
        assert "its time is over: it counts as denied" in text(app)
        clock.now += 0.5
        await pilot.press("a", "A", "d", "r", "enter")
        assert isinstance(app.screen, Question)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))
        assert said(journal, "asks") == []

    drive(journal, script, SIZES[1], clock=clock)


def test_steering_now_next_and_not_at_all(journal: Journal) -> None:
    author = working(journal)

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "Steer" in rows(app)[-1])
        await pilot.press("s", *"use x", "escape")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        assert said(journal, "live") == []
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, Steer))
        assert "use x" in text(app), "what was typed is kept"
        await pilot.press("enter")
        await until(pilot, lambda: said(journal, "live") == [("steer", "use x")])
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, Steer))
        assert isinstance(app.screen, Steer)
        assert app.screen.field.value == ""
        await pilot.press(*"later", "alt+enter")
        await until(pilot, lambda: said(journal, "live")[1:] == [("steer_next", "later")])
        await until(pilot, lambda: "not heard yet: steer_next later" in rows(app)[1])

    drive(journal, script, run=author.run)


def test_a_run_is_held_and_let_go_on_by_the_same_key(journal: Journal) -> None:
    author = working(journal)

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "Pause" in rows(app)[-1])
        await pilot.press("p")
        await until(pilot, lambda: said(journal, "live") == [("pause", "")])
        author.write(CommandReceived(command=1, kind="pause", principal="ana"), RunPaused(principal="ana"))
        await until(pilot, lambda: "‖ paused" in rows(app)[0] and "Continue" in rows(app)[-1])
        await pilot.press("p")
        await until(pilot, lambda: said(journal, "live")[1:] == [("continue", "")])
        author.write(CommandReceived(command=2, kind="continue", principal="ana"), RunContinued(principal="ana"))
        await until(pilot, lambda: "● making" in rows(app)[0])

    drive(journal, script, run="live")


def test_what_has_ended_cannot_be_acted_on(journal: Journal) -> None:
    whole_run(journal, "done")

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "done" in text(app))
        for name in ("Stop", "Pause", "Steer", "Answer", "Resume", "Shell"):
            assert name not in rows(app)[-1]
        await pilot.press("x", "p", "s", "a", "r", "enter", "x")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        assert "branch loopwright/retry" in rows(app)[1]
        assert said(journal, "done") == []

    drive(journal, script)


def test_a_new_run_needs_more_than_enter_and_says_what_is_wrong(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOPWRIGHT_HOME", str(tmp_path))

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRun))
        form = app.screen
        assert isinstance(form, NewRun)
        await pilot.press("ctrl+s")
        assert "a run needs a goal" in text(app)
        form.repo.value = str(tmp_path / "nowhere")
        await pilot.press(*"do it", "enter", "enter", *"much", "ctrl+s")
        assert "dollars: not a number above 0: much" in text(app)
        form.limits[0].value = "2.5"
        await pilot.press("ctrl+s")
        assert "there is no directory" in text(app)
        (tmp_path / "empty").mkdir()
        form.repo.value = str(tmp_path / "empty")
        await pilot.press("enter", "enter", "enter", "enter", "enter")
        assert isinstance(app.screen, NewRun), "Enter starts nothing"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "run · exit code 2" in text(app))
        assert "repository" in text(app), "what the command said is shown"

    drive(journal, script, SIZES[1])


def test_a_run_that_was_killed_is_resumed_from_the_screen(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOPWRIGHT_HOME", str(tmp_path))
    author = working(journal)
    author.leave()

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "× interrupted" in rows(app)[0])
        await pilot.press("r")
        # its repository is nowhere, so the command that was started says why it cannot go on
        await until(pilot, lambda: "resume · exit code" in text(app))

    drive(journal, script, run="live")
    assert not [r for r in journal.read("live") if isinstance(r.event, RunClaimed) and r.event.resumed]


def test_a_fork_and_a_pull_request_are_asked_about_first(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOPWRIGHT_HOME", str(tmp_path))
    whole_run(journal, "done")
    clock = Clock()

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "succeeded" in rows(app)[0])
        await pilot.press("O")
        await until(pilot, lambda: "Open a pull request for done?" in text(app))
        clock.now += 0.5
        await pilot.press("enter", "n")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        await pilot.press("3", "left_curly_bracket", "F")
        await until(pilot, lambda: "Fork done from iteration 1?" in text(app))
        clock.now += 0.5
        await pilot.press("y")
        await until(pilot, lambda: "fork · exit code" in text(app))  # its repository is nowhere

    drive(journal, script, run="done", clock=clock)
    assert [row.run for row in journal.runs()] == ["done"]
