"""Jump mode: a letter on everything that takes the keys; that letter goes there."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widget import Widget

from tui.text import Line
from tui.widgets import Bar

LETTERS = "asdfghjklqwertyuiopzxcvbnm"


class JumpScreen(ModalScreen[Widget | None]):
    """Letters over the screen beneath; its result is the widget to go to."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave", show=False, id="jump.leave")]

    def __init__(self, places: Sequence[Widget]) -> None:
        super().__init__()
        self._places = dict(zip(LETTERS, places, strict=False))

    def compose(self) -> ComposeResult:
        for letter, place in self._places.items():
            mark = Bar(self._mark(letter))
            mark.styles.offset = (place.region.x, place.region.y)
            yield mark

    @staticmethod
    def _mark(letter: str) -> Callable[[int], Sequence[Line]]:
        line: Line = ((f" {letter} ", "badge"),)
        return lambda width: (line,)

    def on_key(self, event: events.Key) -> None:
        """A letter goes there, any other key goes back."""
        event.stop()
        self.dismiss(self._places.get(event.character or ""))

    def on_click(self) -> None:
        """A click is no letter."""
        self.dismiss(None)

    def action_leave(self) -> None:
        """Stay where the keys were."""
        self.dismiss(None)
