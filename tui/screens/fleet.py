"""All runs of this machine, a row each: what needs a person on top, and below what happens in the one at the cursor."""

import time
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.timer import Timer

from harness.journal import Journal, JournalError
from tui.card import Card
from tui.evidence import side
from tui.fleet import SORTS, STATES, Fleet, chosen
from tui.follow import Tail
from tui.screens.shared import ACTS, OpenRun, in_view
from tui.table import Columns, columns, counts, headings, row, today
from tui.text import Item, Line, Span, cells, draw, height, spread, trim
from tui.transcript import blocks, saying
from tui.widgets import Ask, Bar, Keys, Pane, Story, signs
from tui.window import Window

LOOK = 0.25
"""Seconds between two looks at the journal."""
REST = 0.15
"""Seconds for which the cursor has to rest on a row before its preview is read."""
TAIL = 96
"""Events of the preview."""
TALL = 30
"""Rows of a screen from which there is a preview."""
NARROW = 40
"""Cells from which the header has room for the day's cost."""
MEASURED = 500
"""Rows, from the top, whose contents decide how wide the columns are; those in view count, too."""
EMPTY = 'No runs yet. Start one with n, or in a repository: loopwright run "what is wanted"'


class FleetScreen(Screen[None]):
    """The inbox."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "app.new_run", "New run", id="fleet.new"),
        *ACTS,
        Binding("slash", "search", "Filter", id="fleet.search"),
        Binding("f", "state", "State", id="fleet.state"),
        Binding("S", "sort", "Sort", show=False, id="fleet.sort"),
        Binding("escape", "all", "All runs", show=False, id="fleet.all"),
    ]

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal, self.fleet = journal, Fleet(journal)
        self._columns = Columns({}, 0)
        self._now = 0
        self._stale = True
        """Whether the rows have changed since they were shown."""
        self._state, self._sort, self._words = "all", "inbox", ""
        self._tail: Tail | None = None
        self._rest: Timer | None = None
        self._header = Bar(self._draw_header, id="header")
        self._headings = Bar(self._draw_headings, id="headings")
        self.pane: Pane[Card] = Pane(self._draw_row, choose=True, empty=EMPTY, id="fleet")
        self._ask = Ask("filter")
        self.story = Story(id="peek", choose=False)
        self._side: Pane[Item] = Pane(draw, height, id="peek-side")
        self._side.add_class("side")
        self.story.can_focus = self._side.can_focus = False
        self._window: Window | None = None

    def compose(self) -> ComposeResult:
        yield self._header
        yield self._headings
        yield self.pane
        with Horizontal(id="preview"):
            yield self.story
            yield self._side
        yield self._ask
        yield Keys()

    def on_mount(self) -> None:
        self.set_focus(self.pane)
        self.set_interval(LOOK, self.look)

    def on_screen_resume(self) -> None:
        """What there is, and what has changed behind another screen, is there at once."""
        self.look()

    @property
    def target(self) -> Card | None:
        """The run that the keys act on."""
        return self.pane.chosen

    def look(self) -> None:
        """Read what is new and show it, if this screen is in view."""
        second, trouble, before = self._now // 1_000_000, self.fleet.trouble, self.target
        self._now = time.time_ns() // 1000
        self._stale |= self.fleet.look([card.run for card in self.pane.seen])
        if not in_view(self):
            return
        if self._stale:
            self._stale = False
            self._show()
        elif self._now // 1_000_000 != second and any(card.live for card in self.pane.seen):
            self.pane.redraw()
            self._header.refresh()
        elif trouble != self.fleet.trouble:
            self._header.refresh()
        self._peek()
        if before != self.target:
            self.refresh_bindings()

    def _show(self) -> None:
        self._columns = Columns({}, 0)
        cards = chosen(self.fleet.cards, self._state, self._sort, self._words)
        self.pane.replace(cards, key=lambda card: card.run)
        if self._tail is None:
            self.on_pane_moved()
        self._header.refresh()
        self._headings.refresh()

    def _draw_header(self, width: int) -> Sequence[Line]:
        name: Span = (" loopwright ", "badge")
        if self.fleet.trouble:
            return (trim((name, (f"  ! {self.fleet.trouble}", "bad")), width),)
        cards = self.fleet.cards
        midnight = int(time.mktime((*time.localtime()[:3], 0, 0, 0, 0, 0, -1))) * 1_000_000
        narrowed = [word for word in (self._state, self._words, self._sort) if word not in ("all", "", "inbox")]
        right: Line = ((f" only: {', '.join(narrowed)}  ", "warn"),) if narrowed else ()
        if width >= NARROW:
            right = (*right, (today(cards, midnight), "dim"))
        room = width - cells((name,)) - cells(right)
        return (spread((name, *counts(cards, room)), right, width),)

    def _draw_headings(self, width: int) -> Sequence[Line]:
        # the rows stand between the cursor's mark and the scroll bar
        return (((" ", "plain"), *headings(self._fitting(width - 2))),)

    def _draw_row(self, card: Card, width: int) -> Sequence[Line]:
        return (row(card, self._fitting(width), self._now),)

    def _fitting(self, width: int) -> Columns:
        if self._columns.width != width:
            self._columns = columns((*self.pane.items[:MEASURED], *self.pane.seen), width)
        return self._columns

    def on_resize(self) -> None:
        self.set_class(self.size.height < TALL, "short")
        self.set_class(self.size.width < 100, "narrow")

    def on_pane_chosen(self, event: Pane.Chosen[Card]) -> None:
        self.post_message(OpenRun(event.item.run))

    def on_pane_moved(self) -> None:
        """Another run is under the cursor: what happens in it is read once the cursor rests."""
        self.refresh_bindings()
        if self._rest:
            self._rest.stop()
        self._rest = self.set_timer(REST, self._open_peek)

    def _open_peek(self) -> None:
        card = self.target
        if card is None or self.has_class("short") or (self._tail and self._tail.run == card.run):
            return
        try:
            self._tail = Tail(self._journal, card.run)
            self._window = Window(self._journal, card.run, self.story, blocks)
            self._window.start(self._tail.state.seq, size=TAIL)
        except JournalError:
            self._tail = self._window = None
            return
        created = self._tail.state.created
        title = f"{card.run} · {created.branch}" if created else card.run
        title = signs(self.app, title)
        self.query_one("#preview").border_title = Content(title)  # a plain one: markup in it would be read
        self._side.replace(side(self._tail.state))

    def _peek(self) -> None:
        """What is new in the run at the cursor."""
        if self._tail is None or self._window is None or self.has_class("short"):
            return
        card = self.target
        if card is None or card.run != self._tail.run or not (card.live or self._journal.is_held(card.run)):
            return
        try:
            records = self._tail.look()
        except JournalError:
            return
        self._window.take(records)
        newest = self._tail.state.seq
        self._window.say(saying(self._tail.hear(), newest), newest)
        if records:
            self._side.replace(side(self._tail.state))

    def action_search(self) -> None:
        """Narrow the rows to those that have the words."""
        self._ask.open(self._words)

    def on_ask_typed(self, event: Ask.Typed) -> None:
        self._words = event.text.strip()
        self._show()
        if event.done:
            self.set_focus(self.pane)

    def on_ask_left(self) -> None:
        self._words = ""
        self._show()
        self.set_focus(self.pane)

    def action_state(self) -> None:
        """Narrow the rows to the next kind of state."""
        names = list(STATES)
        self._state = names[(names.index(self._state) + 1) % len(names)]
        self._show()

    def action_sort(self) -> None:
        """Order the rows by the next figure."""
        names = list(SORTS)
        self._sort = names[(names.index(self._sort) + 1) % len(names)]
        self._show()

    def action_all(self) -> None:
        """Show all rows again, in the inbox's order."""
        self._state, self._sort, self._words = "all", "inbox", ""
        self._show()
