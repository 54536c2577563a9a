"""The question before something is done that cannot be undone for long: a key that means it, never Enter."""

import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import ModalScreen

from tui.screens.guard import Guard
from tui.text import Line, cut, wrap
from tui.widgets import Bar


class Sure(ModalScreen[bool]):
    """`what` and why one could hesitate; its result is whether to do it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", id="ask.yes"),
        Binding("n,escape", "answer(False)", "No", id="ask.no"),
    ]

    def __init__(
        self, what: str, about: str, yes: str, no: str, words: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(classes="modal")
        self._what, self._about, self._yes, self._no, self._words = what, about, yes, no, words
        self._guard = Guard(clock)

    def compose(self) -> ComposeResult:
        with Container(classes="box"):
            yield Bar(self._draw, rows=self._rows)

    def on_mount(self) -> None:
        self._guard.watch(self)

    def _rows(self, width: int) -> int:
        return len(self._draw(width))

    def _draw(self, width: int) -> Sequence[Line]:
        return (
            ((cut(self._what, width), "warn strong"),),
            ((cut(self._about, width), "strong"),),
            (),
            *(((row, "plain"),) for row in wrap(self._words, width)),
            (),
            ((" y", "key"), (f" {self._yes}      ", "plain"), ("n", "key"), (f" {self._no}", "plain")),
        )

    def action_answer(self, yes: bool) -> None:
        """Close with an answer, unless the key came too early to be one."""
        if self._guard.hears:
            self.dismiss(yes)
