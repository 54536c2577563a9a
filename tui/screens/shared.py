"""What the screens have in common: wishes that the app fulfils, which keys act on a run, whether a screen is seen."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from textual.app import App
from textual.binding import Binding
from textual.message import Message
from textual.screen import Screen

from harness.journal import JournalError
from tui.card import Card


def _act(key: str, name: str, words: str, tip: str, *, show: bool = True) -> Binding:
    return Binding(key, f"app.act('{name}')", words, show=show, tooltip=tip, id=f"run.{name}")


ACTS = [
    _act("a", "answer", "Answer", "what it asks: Enter never allows anything"),
    _act("s", "steer", "Steer", "say something to the maker, now or in the next iteration"),
    _act("p", "pause", "Pause", "hold it after this step; its clock stands still"),
    _act("p", "continue", "Continue", "let it go on"),
    _act("x", "stop", "Stop", "end it five seconds from now; its best candidate is kept"),
    _act("u", "undo", "Undo stop", "take the stop back while it waits"),
    _act("r", "resume", "Resume", "go on where it stood still or ended"),
    _act("t", "replay", "Replay", "see it as it stood at any of its events"),
    _act("e", "shell", "Shell", "a shell in its sandbox, on the whole terminal"),
    _act("o", "open", "Open candidate", "in a clone of its own, with branch and pull request", show=False),
    _act("O", "pr", "Pull request", "open it, or bring it up to date", show=False),
    _act("F", "fork", "Fork", "a new run from the iteration that is shown", show=False),
]
"""What can be done to the run under the cursor or on the screen; the app knows which of it applies."""


TIGHT = 14
"""Rows of a screen below which a question has neither frame nor air around it."""


def room(screen: Screen[Any]) -> int:
    """The rows that a question on `screen` may take."""
    return screen.size.height - (4 if screen.size.height >= TIGHT else 0)


class OpenRun(Message):
    """The reader wants to see a run."""

    def __init__(self, run: str) -> None:
        super().__init__()
        self.run = run


@contextmanager
def told(app: App[Any]) -> Iterator[None]:
    """A journal that cannot be read now is said; it is no reason to lose the screen."""
    try:
        yield
    except JournalError as error:
        app.notify(str(error), severity="error", markup=False, timeout=8)


def in_view(screen: Screen[Any]) -> bool:
    """Whether anything of `screen` can be seen: it is on top, or right under questions."""
    for one in reversed(screen.app.screen_stack):
        if one is screen:
            return True
        if not one.is_modal:
            return False
    return False


def target(screen: Screen[Any]) -> Card | None:
    """The run that a screen's keys act on."""
    found = getattr(screen, "target", None)
    return found if isinstance(found, Card) else None
