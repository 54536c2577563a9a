"""Every action by name, and every run: type a few letters, Enter does it."""

from collections.abc import Sequence
from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.text import Line, fit
from tui.widgets import Field, Pane

KEY = 14
"""Cells of the key beside an action."""


class Entry(msgspec.Struct, frozen=True):
    """One line of the palette. `action` names what is done; None for a run, which is opened."""

    name: str
    key: str = ""
    action: str = ""
    run: str = ""


def match(words: str, entries: Sequence[Entry]) -> list[Entry]:
    """Those that have every word, the ones that begin with the first word on top."""
    wanted = words.casefold().split()
    found = [entry for entry in entries if all(word in entry.name.casefold() for word in wanted)]
    return sorted(found, key=lambda entry: not entry.name.casefold().startswith(wanted[0])) if wanted else found


class Palette(ModalScreen[Entry | None]):
    """What can be done here; its result is what was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", id="palette.leave"),
        Binding("down,ctrl+j", "step(1)", "Down", priority=True, id="palette.down"),
        Binding("up,ctrl+k", "step(-1)", "Up", priority=True, id="palette.up"),
    ]

    def __init__(self, entries: Sequence[Entry]) -> None:
        super().__init__(classes="modal quiet tall")
        self._entries = entries
        self.field = Field(placeholder="an action, or a run")
        self.pane: Pane[Entry] = Pane(_draw, choose=True, empty="nothing is called that")
        self.pane.can_focus = False

    def compose(self) -> ComposeResult:
        with Container(classes="box"):
            yield self.field
            yield self.pane

    def on_mount(self) -> None:
        self.pane.replace(self._entries)
        self.field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.pane.replace(match(event.value, self._entries))
        self.pane.action_first()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if entry := self.pane.chosen:
            self.dismiss(entry)

    def on_pane_chosen(self, event: Pane.Chosen[Entry]) -> None:
        self.dismiss(event.item)

    def action_step(self, by: int) -> None:
        """Choose the next line."""
        self.pane.action_step(by)

    def action_leave(self) -> None:
        """Do nothing."""
        self.dismiss(None)


def _draw(entry: Entry, width: int) -> Sequence[Line]:
    tone = "gate" if entry.run else "plain"
    return (((fit(f" {entry.name}", max(width - KEY, 1)), tone), (fit(f"{entry.key} ", KEY, right=True), "key")),)
