"""What a person does to a run: which acts apply to it now, and each of them, from the question to the command."""

import time
from collections.abc import Callable

from harness.events import PullRequestMade, QuestionAsked
from harness.journal import JournalError
from tui import control, program
from tui.card import Card, dollars
from tui.desk import Desk
from tui.screens import Question, Reader, ReplayScreen, Steer, Sure
from tui.screens.new_run import Wanted
from tui.text import Item

FAILED = 60
"""Seconds for which a command that was started in the background is watched: later ends are those of a run."""
ENDINGS = (0, 1, 5, 6, 7, 130, 143)
"""Exit codes of runs that ended as runs do: the fleet shows them."""


def applies(act: str, card: Card | None) -> bool:
    """Whether an act makes sense for a run as it stands."""
    if card is None:
        return False
    going = card.live and card.word != "stopping"
    match act:
        case "answer":
            return bool(card.asks)
        case "steer" | "shell":
            return card.live
        case "pause":
            return going and card.word != "paused"
        case "continue":
            return card.word == "paused" and card.live
        case "stop":
            return going
        case "undo":
            return card.word == "stopping"
        case "resume":
            over = not card.asks or card.since <= time.time_ns() // 1000  # a question that has expired is denied
            return not card.live and card.word not in ("succeeded", "already_satisfied") and over
        case "fork":
            return card.iteration > 0
        case "pr":
            return card.word == "succeeded"
        case _:
            return True


def act(app: Desk, name: str, card: Card) -> None:
    """Do one of the acts, or ask first."""
    ACTS[name](app, card)


def _wish(app: Desk, card: Card, kind: str, text: str, said: str) -> None:
    """Write a command in a thread: another process may be writing just now."""

    def write() -> None:
        try:
            control.wish(app.journal, card.run, kind, text)
        except JournalError as error:
            app.call_from_thread(app.say, str(error), bad=True)
        else:
            app.call_from_thread(app.say, said)

    app.run_worker(write, thread=True)


def _answer(app: Desk, card: Card) -> None:
    try:
        asked = [r for r in app.journal.read(card.run) if isinstance(r.event, QuestionAsked)]
        questions = {q.question for q in app.journal.state(card.run).questions}
    except JournalError as error:
        app.say(str(error), bad=True)
        return
    for record in asked:
        if isinstance(record.event, QuestionAsked) and record.event.question in questions:
            question = Question(app.journal, card, record.event, record.ts, app.clock)
            app.push_screen(question, lambda said: _answered(app, card, said))
            return
    app.say(f"{card.run} asks nothing any more")


def _answered(app: Desk, card: Card, said: tuple[str, str, str] | None) -> None:
    if said is None:
        return
    question, word, text = said

    def write() -> None:
        try:
            control.answer(app.journal, card.run, question, word, text)
            held = app.journal.is_held(card.run)
        except JournalError as error:
            app.call_from_thread(app.say, str(error), bad=True)
            return
        app.call_from_thread(app.say, f"{card.run}: answered {word}")
        if not held:
            app.call_from_thread(_resume, app, card)

    app.run_worker(write, thread=True)


def _steer(app: Desk, card: Card) -> None:
    def given(said: tuple[str, str] | None) -> None:
        if said:
            when = "in its next request" if said[0] == "steer" else "from the next iteration on"
            _wish(app, card, *said, f"{card.run} will hear it {when}")

    app.push_screen(Steer(card, app.drafts), given)


def _pause(app: Desk, card: Card) -> None:
    _wish(app, card, "pause", "", f"{card.run} pauses after this step")


def _continue(app: Desk, card: Card) -> None:
    _wish(app, card, "continue", "", f"{card.run} goes on")


def _stop(app: Desk, card: Card) -> None:
    words = (
        f"{card.word}, ${dollars(card.cost)} spent. It ends {control.REGRET} s later, after its step; until then u "
        "takes it back. Its best candidate is kept, and resume goes on with it."
    )

    def given(yes: bool | None) -> None:
        if yes:
            _wish(app, card, "stop", str(control.REGRET), f"{card.run} stops in {control.REGRET} s · u takes it back")

    app.push_screen(Sure(f"Stop {card.run}?", card.goal, "stop it", "let it go on", words, app.clock), given)


def _undo(app: Desk, card: Card) -> None:
    def write() -> None:
        try:
            taken = control.undo(app.journal, card.run)
        except JournalError as error:
            app.call_from_thread(app.say, str(error), bad=True)
            return
        words = "taken back" if taken else "too late: it has heard it. r resumes it when it has stopped"
        app.call_from_thread(app.say, f"{card.run}: {words}", bad=not taken)

    app.run_worker(write, thread=True)


def _resume(app: Desk, card: Card) -> None:
    start(app, ("resume", card.run, "--progress", "none"), ".", f"{card.run} is resumed")


def _replay(app: Desk, card: Card) -> None:
    try:
        app.push_screen(ReplayScreen(app.journal, card.run))
    except JournalError as error:
        app.say(str(error), bad=True)


def _shell(app: Desk, card: Card) -> None:
    program.borrow(app, "shell", card.run)


def _open(app: Desk, card: Card) -> None:
    """The candidate in a clone of its own, the pull request if there is one, and the run's report."""
    proven = card.word in ("succeeded", "already_satisfied")

    def look() -> None:
        try:
            made = (record.event for record in app.journal.read_back(card.run))
            link = next((event.url for event in made if isinstance(event, PullRequestMade)), "")
        except JournalError as error:
            app.call_from_thread(app.say, str(error), bad=True)
            return
        opened = program.say("open", card.run, *(() if proven else ("--unproven",)))
        report = program.say("show", card.run)
        rows = _rows("\n".join(filter(None, (link, opened.text, "", report.text))))
        app.call_from_thread(app.push_screen, Reader(f"{card.run} · result", rows))

    app.run_worker(look, thread=True)


def _fork(app: Desk, card: Card) -> None:
    """Another run from a candidate of this one: of the iteration that is shown, or of the last."""
    shown = getattr(app.screen, "iteration", None) or card.iteration
    words = "What was judged by then is not judged again. The new run spends money of its own; this one is only read."

    def given(yes: bool | None) -> None:
        if yes:
            start(app, ("fork", f"{card.run}@{shown}", "--progress", "none"), ".", f"forked {card.run}@{shown}")

    app.push_screen(
        Sure(f"Fork {card.run} from iteration {shown}?", card.goal, "fork it", "no", words, app.clock), given
    )


def _pull_request(app: Desk, card: Card) -> None:
    def send() -> None:
        said = program.say("pr", card.run)
        app.call_from_thread(app.push_screen, Reader(f"{card.run} · pull request", _rows(said.text)))

    def given(yes: bool | None) -> None:
        if yes:
            app.say(f"{card.run}: opening a pull request")
            app.run_worker(send, thread=True)

    words = (
        "Its branch is pushed to origin, and a draft pull request with the evidence is opened, or brought up to date."
    )
    app.push_screen(Sure(f"Open a pull request for {card.run}?", card.goal, "open it", "no", words, app.clock), given)


def new_run(app: Desk, wanted: Wanted) -> None:
    """Start a run that goes on without this screen."""
    start(app, ("run", wanted.goal, "--progress", "none", *wanted.flags), str(wanted.repo), "a new run begins")


def start(app: Desk, words: tuple[str, ...], where: str, said: str) -> None:
    """Start a command in a session of its own. Should it fail soon, what it printed is shown."""
    log = program.log_file(app.journal.path.parent)
    try:
        process = program.detach(*words, cwd=where, log=log)
    except OSError as error:
        app.say(str(error), bad=True)
        return
    app.say(said)
    began = time.monotonic()

    def look() -> None:
        code = process.poll()
        if code is not None or time.monotonic() - began > FAILED:
            timer.stop()
            if code not in (None, *ENDINGS):
                app.push_screen(Reader(f"{words[0]} · exit code {code}", _rows(program.printed(log))))

    timer = app.set_interval(0.5, look)


def _rows(text: str) -> list[Item]:
    return [Item(text=row) for row in text.split("\n")]


ACTS: dict[str, Callable[[Desk, Card], None]] = {
    "answer": _answer, "steer": _steer, "pause": _pause, "continue": _continue, "stop": _stop, "undo": _undo,
    "resume": _resume, "replay": _replay, "shell": _shell, "open": _open, "fork": _fork, "pr": _pull_request,
}  # fmt: skip
