"""The question before something is done that cannot be undone for long: a key that means it, never Enter."""

import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import ModalScreen

from tui.screens.guard import Guard
from tui.screens.shared import room
from tui.text import Line, cells, cut, opening, wrap
from tui.widgets import Bar


class Sure(ModalScreen[bool]):
    """`what` and why one could hesitate; its result is whether to do it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", id="ask.yes"),
        Binding("n,escape", "answer(False)", "No", id="ask.no"),
        Binding("down,j", "scroll(1)", "Down", show=False, id="ask.down"),
        Binding("up,k", "scroll(-1)", "Up", show=False, id="ask.up"),
    ]

    def __init__(
        self, what: str, about: str, yes: str, no: str, words: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(classes="modal")
        self._what, self._about, self._yes, self._no, self._words = what, about, yes, no, words
        self._guard = Guard(clock)
        self._top = 0
        self._bar = Bar(self._draw, rows=self._rows)

    def compose(self) -> ComposeResult:
        with Container(classes="box"):
            yield self._bar

    def on_mount(self) -> None:
        self._guard.watch(self)

    def _rows(self, width: int) -> int:
        return len(self._draw(width))

    def _draw(self, width: int) -> Sequence[Line]:
        body: list[Line] = [((cut(self._what, width), "warn strong"),), ((cut(self._about, width), "strong"),), ()]
        body += (((row, "plain"),) for row in wrap(self._words, width))
        yes: Line = (" y", "key"), (f" {self._yes}      ", "plain")
        no: Line = ("n", "key"), (f" {self._no}", "plain")
        keys = [(*yes, *no)] if cells((*yes, *no)) <= width else [yes, ((" ", "plain"), *no)]
        shown, self._top = opening(body, [(), *keys], room(self), self._top)
        return shown

    def action_scroll(self, by: int) -> None:
        """Read on where not all of it fits."""
        self._top = max(0, self._top + by)
        self._bar.refresh(layout=True)

    def action_answer(self, yes: bool) -> None:
        """Close with an answer, unless the key came too early to be one."""
        if self._guard.hears:
            self.dismiss(yes)
