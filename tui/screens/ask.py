"""The question before a run is stopped: answered by a key that means it, never by Enter or by a key in flight."""

import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from tui.card import Card, dollars
from tui.text import Line
from tui.widgets import Bar

GUARD = 0.4
"""Seconds after opening, and after the terminal got the focus, in which keys were meant for something else."""


class AskStop(ModalScreen[bool]):
    """Whether to stop a run; its result is the answer."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Stop it", id="ask.yes"),
        Binding("n,escape", "answer(False)", "Let it go on", id="ask.no"),
    ]

    def __init__(self, card: Card, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._card, self._clock = card, clock
        self._deaf_until = clock() + GUARD

    def compose(self) -> ComposeResult:
        yield Bar(self._draw, id="question")

    def on_mount(self) -> None:
        self.watch(self.app, "app_focus", self._focused, init=False)

    def _focused(self, focused: bool) -> None:
        if focused:
            self._deaf_until = self._clock() + GUARD

    def _draw(self, width: int) -> Sequence[Line]:
        card = self._card
        return (
            ((f"Stop {card.run}?", "strong"),),
            ((card.goal, "plain"),),
            (),
            ((f"{card.word}, ${dollars(card.cost)} spent. Its best candidate is kept.", "plain"),),
            (),
            (("y", "key"), ("  stop it     ", "plain"), ("n", "key"), ("  let it go on", "plain")),
        )

    def action_answer(self, stop: bool) -> None:
        """Close with an answer, unless the key came too early to be one."""
        if self._clock() >= self._deaf_until:
            self.dismiss(stop)
