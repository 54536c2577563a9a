"""A long text in full: one event, or the keys."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from tui.text import Item, draw, height, trim
from tui.widgets import Bar, Keys, Pane


class Reader(Screen[None]):
    """Paragraphs to scroll through."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "app.pop_screen", "Back", id="back")]

    def __init__(self, title: str, items: Sequence[Item], name: str | None = None) -> None:
        super().__init__(name=name)
        self._heading = title
        self._items = items

    def compose(self) -> ComposeResult:
        yield Bar(lambda width: (trim(((f" {self._heading} ", "badge"),), width),), id="header")
        pane: Pane[Item] = Pane(draw, height, id="text")
        pane.replace(self._items)
        yield pane
        yield Keys()
