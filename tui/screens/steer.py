"""Words for a maker at work: Enter says them in its next request, Alt+Enter from the next iteration on."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.card import Card
from tui.text import Line, cut
from tui.widgets import Bar, Field

Words = tuple[str, str]
"""The command, `steer` or `steer_next`, and its text."""


class Steer(ModalScreen[Words | None]):
    """A line to type into; what was typed and not sent is there again the next time."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", id="steer.leave"),
        Binding("alt+enter,ctrl+n", "next", "At the next iteration", priority=True, id="steer.next"),
    ]

    def __init__(self, card: Card, drafts: dict[str, str]) -> None:
        super().__init__(classes="modal quiet")
        self._card, self.drafts = card, drafts
        self.field = Field(self.drafts.get(card.run, ""), "what the maker should know")

    def compose(self) -> ComposeResult:
        with Container(classes="box"):
            yield Bar(self._draw, rows=lambda width: 3)
            yield self.field
            yield Bar(self._draw_keys, rows=lambda width: 4)

    def on_mount(self) -> None:
        self.field.focus()

    def _draw(self, width: int) -> Sequence[Line]:
        return (((cut(f"Steer {self._card.run}", width), "gate strong"),), ((cut(self._card.goal, width), "dim"),), ())

    def _draw_keys(self, width: int) -> Sequence[Line]:
        return (
            (),
            (("enter", "key"), ("      in its next request", "plain")),
            (("alt+enter", "key"), ("  from the next iteration on", "plain")),
            (("esc", "key"), ("        keeps the draft", "plain")),
        )

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._send("steer")

    def action_next(self) -> None:
        """Say it from the next iteration on."""
        self._send("steer_next")

    def _send(self, kind: str) -> None:
        text = self.field.value.strip()
        if text:
            self.drafts.pop(self._card.run, None)
            self.dismiss((kind, text))

    def action_leave(self) -> None:
        """Send nothing, and keep what was typed."""
        self.drafts[self._card.run] = self.field.value
        self.dismiss(None)
