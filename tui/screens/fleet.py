"""All runs of this machine, a row each, the newest on top."""

import time
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from tui.card import Card
from tui.fleet import Fleet
from tui.screens.shared import OpenRun, StopRun, in_view
from tui.table import Columns, columns, counts, headings, row
from tui.text import Line, Span, trim
from tui.widgets import Bar, Keys, Pane

LOOK = 0.25
"""Seconds between two looks at the journal."""
MEASURED = 500
"""Rows, from the top, whose contents decide how wide the columns are; those in view count, too."""
EMPTY = 'No runs yet. Start one in a repository: loopwright run "what is wanted"'


class FleetScreen(Screen[None]):
    """The list of runs."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("x", "stop", "Stop", id="run.stop")]

    def __init__(self, fleet: Fleet) -> None:
        super().__init__()
        self._fleet = fleet
        self._columns = Columns({}, 0)
        self._now = 0
        self._header = Bar(self._draw_header, id="header")
        self._headings = Bar(self._draw_headings, id="headings")
        self.pane: Pane[Card] = Pane(self._draw_row, choose=True, empty=EMPTY, id="fleet")

    def compose(self) -> ComposeResult:
        yield self._header
        yield self._headings
        yield self.pane
        yield Keys()

    def on_mount(self) -> None:
        self.look()
        self.set_interval(LOOK, self.look)

    def look(self) -> None:
        """Read what is new and show it, if this screen is in view."""
        if not in_view(self):
            return
        second, trouble, could_stop = self._now // 1_000_000, self._fleet.trouble, self._can_stop()
        self._now = time.time_ns() // 1000
        if self._fleet.look([card.run for card in self.pane.seen]):
            self._columns = Columns({}, 0)
            self.pane.replace(self._fleet.cards, key=lambda card: card.run)
        elif self._now // 1_000_000 != second and any(card.live for card in self.pane.seen):
            self.pane.redraw()
        elif trouble == self._fleet.trouble:
            return
        self._header.refresh()
        self._headings.refresh()
        if could_stop != self._can_stop():
            self.refresh_bindings()

    def _draw_header(self, width: int) -> Sequence[Line]:
        name: Span = (" loopwright ", "badge")
        trouble: Span = (f"  ! {self._fleet.trouble}", "bad")
        rest = (trouble,) if self._fleet.trouble else counts(self._fleet.cards)
        return (trim((name, *rest), width),)

    def _draw_headings(self, width: int) -> Sequence[Line]:
        # the rows stand between the cursor's mark and the scroll bar
        return (((" ", "plain"), *headings(self._fitting(width - 2))),)

    def _draw_row(self, card: Card, width: int) -> Sequence[Line]:
        return (row(card, self._fitting(width), self._now),)

    def _fitting(self, width: int) -> Columns:
        if self._columns.width != width:
            self._columns = columns((*self._fleet.cards[:MEASURED], *self.pane.seen), width)
        return self._columns

    def _can_stop(self) -> bool:
        card = self.pane.chosen
        return card is not None and card.live and card.word != "stopping"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What is living can be stopped."""
        return self._can_stop() if action == "stop" else True

    def on_pane_chosen(self, event: Pane.Chosen[Card]) -> None:
        self.post_message(OpenRun(event.item.run))

    def on_pane_moved(self) -> None:
        self.refresh_bindings()

    def action_stop(self) -> None:
        """Ask whether to stop the run under the cursor."""
        if card := self.pane.chosen:
            self.post_message(StopRun(card))
