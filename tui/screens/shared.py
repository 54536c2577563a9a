"""What the screens have in common: wishes that the app fulfils, which keys act on a run, whether a screen is seen."""

from typing import Any

from textual.binding import Binding
from textual.message import Message
from textual.screen import Screen

from tui.card import Card

ACTS = [
    Binding("a", "app.act('answer')", "Answer", id="run.answer"),
    Binding("s", "app.act('steer')", "Steer", id="run.steer"),
    Binding("p", "app.act('pause')", "Pause", id="run.pause"),
    Binding("p", "app.act('continue')", "Continue", id="run.continue"),
    Binding("x", "app.act('stop')", "Stop", id="run.stop"),
    Binding("u", "app.act('undo')", "Undo stop", id="run.undo"),
    Binding("r", "app.act('resume')", "Resume", id="run.resume"),
    Binding("t", "app.act('replay')", "Replay", id="run.replay"),
    Binding("e", "app.act('shell')", "Shell", id="run.shell"),
    Binding("o", "app.act('open')", "Open candidate", show=False, id="run.open"),
    Binding("O", "app.act('pr')", "Pull request", show=False, id="run.pr"),
    Binding("F", "app.act('fork')", "Fork", show=False, id="run.fork"),
]
"""What can be done to the run under the cursor or on the screen; the app knows which of it applies."""


class OpenRun(Message):
    """The reader wants to see a run."""

    def __init__(self, run: str) -> None:
        super().__init__()
        self.run = run


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
