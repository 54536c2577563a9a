"""One run: where it stands, what happens in it, what the gates say."""

import time
from collections.abc import Sequence
from itertools import islice
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import Screen

from harness.journal import Journal, JournalError
from tui.card import of_tail
from tui.evidence import evidence
from tui.follow import Tail
from tui.screens.reader import Reader
from tui.screens.shared import StopRun, in_view
from tui.table import banner
from tui.text import Item, Line, Tone, draw, height, one_line, trim
from tui.timeline import detail, entry
from tui.widgets import Bar, Keys, Pane

LOOK = 0.1
"""Seconds between two looks at the journal."""
PAGE = 512
"""Events that are read at once: at first the newest, then one page of the older ones at each look."""
WIDE = 100
"""Cells from which the gates stand beside the timeline."""


class RunScreen(Screen[None]):
    """A run's timeline and its gates, side by side or one at a time."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.pop_screen", "Runs", id="back"),
        Binding("1", "show('timeline')", "Timeline", id="run.timeline"),
        Binding("2", "show('gates')", "Gates", id="run.gates"),
        Binding("x", "stop", "Stop", id="run.stop"),
    ]

    def __init__(self, journal: Journal, tail: Tail) -> None:
        super().__init__()
        self._journal, self._tail = journal, tail
        self._card = of_tail(tail)
        self._now = time.time_ns() // 1000
        self._older = tail.state.seq
        """The sequence number of the first event that is shown, less one: what is before is still to be read."""
        self._trouble = ""
        self._header = Bar(self._draw_header, id="header")
        self._tabs = Bar(self._draw_tabs, id="tabs")
        self.timeline: Pane[Item] = Pane(
            draw, height, choose=True, follow=True, empty="Nothing has happened yet.", id="timeline"
        )
        self.gates: Pane[Item] = Pane(draw, height, empty="No gate has spoken yet.", id="gates")
        self._front = self.timeline
        """The pane that a narrow screen shows."""

    def compose(self) -> ComposeResult:
        yield self._header
        yield self._tabs
        with Horizontal():
            yield self.timeline
            yield self.gates
        yield Keys()

    def on_mount(self) -> None:
        self.gates.replace(evidence(self._tail.state))
        self.look()
        self.set_focus(self.timeline)
        self.set_interval(LOOK, self.look)

    def look(self) -> None:
        """Read what is new and show it, if this screen is in view."""
        if not in_view(self):
            return
        second, card, trouble = self._now // 1_000_000, self._card, self._trouble
        self._now = time.time_ns() // 1000
        try:
            self._read_newer()
            self._read_older()
            self._trouble = ""
        except JournalError as error:
            self._trouble = str(error)
        if (card, trouble) != (self._card, self._trouble) or (card.live and self._now // 1_000_000 != second):
            self._header.refresh()
        if card.live != self._card.live or card.word != self._card.word:
            self.refresh_bindings()

    def _read_newer(self) -> None:
        records = self._tail.look()
        self._card = of_tail(self._tail)
        started = self._tail.state.started
        self.timeline.append([item for record in records if (item := entry(record, started))])
        if records and (items := evidence(self._tail.state)) != self.gates.items:
            self.gates.replace(items)

    def _read_older(self) -> None:
        if self._older:
            last, self._older = self._older, max(0, self._older - PAGE)
            records = islice(self._journal.read(self._tail.run, self._older), last - self._older)
            started = self._tail.state.started
            self.timeline.prepend([item for record in records if (item := entry(record, started))])

    def _draw_header(self, width: int) -> Sequence[Line]:
        text, tone = self._note()
        return banner(self._card, width, self._now), trim(((f" {text}", tone),), width)

    def _note(self) -> tuple[str, Tone]:
        """The line under the header: what to know about a run that stands still, or who works where."""
        state = self._tail.state
        if self._trouble:
            return f"! {self._trouble}", "bad"
        if state.finished:
            said = state.finished
            branch = f" · branch {said.branch}" if said.branch else ""
            return one_line(f"{said.reason}{branch}{' · ' if said.next_step else ''}{said.next_step}"), "plain"
        if self._tail.interrupted:
            return f"its process is gone · go on with: loopwright resume {self._tail.run}", "warn"
        created = state.created
        if created is None:
            return "", "dim"
        return one_line(f"{created.repo} at {created.base[:10]} · {created.maker}, checked by {created.checker}"), "dim"

    def _draw_tabs(self, width: int) -> Sequence[Line]:
        here: tuple[Tone, Tone] = ("badge", "dim") if self._front is self.timeline else ("dim", "badge")
        return (trim(((" 1 Timeline ", here[0]), (" 2 Gates ", here[1])), width),)

    def on_resize(self) -> None:
        self._arrange()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self._front = self.gates if event.widget is self.gates else self.timeline
        self._arrange()

    def _arrange(self) -> None:
        wide = self.size.width >= WIDE
        self._tabs.display = not wide
        for pane in (self.timeline, self.gates):
            pane.display = wide or pane is self._front
        self._tabs.refresh()

    def action_show(self, pane: str) -> None:
        """Bring one of the panes to the front, and the keys to it: at once, the next key may be here already."""
        self._front = self.gates if pane == "gates" else self.timeline
        self._arrange()
        self.set_focus(self._front)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What is living can be stopped."""
        return self._card.live and self._card.word != "stopping" if action == "stop" else True

    def action_stop(self) -> None:
        """Ask whether to stop this run."""
        self.post_message(StopRun(self._card))

    def on_pane_chosen(self, event: Pane.Chosen[Item]) -> None:
        try:
            record = next(self._journal.read(self._tail.run, event.item.key - 1))
        except JournalError as error:
            self.notify(str(error), severity="error", markup=False)
        else:
            self.app.push_screen(Reader(f"{self._tail.run} · event {record.seq}", detail(record)))
