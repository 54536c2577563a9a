"""A long text in full: one event, a failure, the keys."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from tui.text import Item, draw, height, trim
from tui.widgets import Ask, Bar, Keys, Pane


class Reader(Screen[None]):
    """Paragraphs to scroll through and to search."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="back"),
        Binding("slash", "find", "Find", id="find"),
        Binding("n", "again(False)", "Find next", show=False, id="find.newer"),
        Binding("N", "again(True)", "Find before", show=False, id="find.older"),
        Binding("y", "copy", "Copy all", id="story.copy"),
    ]

    def __init__(self, title: str, items: Sequence[Item], name: str | None = None) -> None:
        super().__init__(name=name)
        self._heading = title
        self.pane: Pane[Item] = Pane(draw, height, text=lambda item: item.text, id="text")
        self.pane.replace(items)
        self._ask = Ask("find")

    def compose(self) -> ComposeResult:
        yield Bar(lambda width: (trim(((f" {self._heading} ", "badge"),), width),), id="header")
        yield self.pane
        yield self._ask
        yield Keys()

    def action_back(self) -> None:
        """Leave what was searched for, or the text."""
        if self.pane.needle:
            self.pane.needle = ""
            self.pane.redraw()
        else:
            self.app.pop_screen()

    def action_find(self) -> None:
        """Look for words."""
        self._ask.open()

    def action_again(self, back: bool) -> None:
        """Look on for them."""
        if self.pane.needle:
            self.pane.find(self.pane.needle, back=back)

    def on_ask_typed(self, event: Ask.Typed) -> None:
        self.pane.needle = event.text.strip()
        self.pane.redraw()
        if event.done:
            self.set_focus(self.pane)
            self.action_again(False)

    def on_ask_left(self) -> None:
        self.pane.needle = ""
        self.pane.redraw()
        self.set_focus(self.pane)

    def action_copy(self) -> None:
        """Copy the whole text to the terminal's clipboard."""
        self.app.copy_to_clipboard("\n".join(item.text for item in self.pane.items))
        self.app.notify("copied", markup=False, timeout=1.5)
