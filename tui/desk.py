"""What of the full screen its parts may lean on: the journal, a clock, and a word in the corner."""

from collections.abc import Callable

from textual.app import App

from harness.journal import Journal
from tui.widgets import signs


class Desk(App[None]):
    """An app over a journal. `clock` is what guards a question against early keys."""

    journal: Journal
    clock: Callable[[], float]
    drafts: dict[str, str]
    """By run: what was typed for its maker and not sent."""

    def say(self, words: str, *, bad: bool = False) -> None:
        """A word in the corner."""
        self.notify(
            signs(self, words), severity="error" if bad else "information", markup=False, timeout=8 if bad else 3
        )
