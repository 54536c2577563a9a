"""The raw journal of a run: a row an event, narrowed by family, audited on demand."""

from textual.app import ComposeResult
from textual.containers import Vertical

from harness.journal import Journal, Record
from tui import raw
from tui.block import Block
from tui.text import Line
from tui.view import View
from tui.widgets import Bar, Pane, Story
from tui.window import Window


class EventsTab(Vertical):
    """Every event there is."""

    def __init__(self, journal: Journal, run: str) -> None:
        super().__init__(classes="tab")
        self.family = "all"
        self.said = "v verifies the chain"
        self.story = Story(id="events", empty="No event of this kind here.")
        self._bar = Bar(self._draw)
        self.window = Window(journal, run, self.story, self._make)
        self._newest = 0
        self._end: int | None = None

    def compose(self) -> ComposeResult:
        yield self._bar
        yield self.story

    @property
    def front(self) -> Pane[Block]:
        """What takes the keys."""
        return self.story

    def _make(self, records: list[Record], before: list[Block]) -> tuple[list[Block], dict[str, Block]]:
        return raw.rows(records, self.family), {}

    def _draw(self, width: int) -> tuple[Line]:
        spans = [(" events ", "dim")]
        spans += [(f" {name} ", "tab" if name == self.family else "dim") for name in raw.FAMILIES]
        return ((*spans, (f"   {self.said}", "dim")),)

    def start(self, at: int, end: int | None) -> None:
        """Show the events up to `at`."""
        self._newest, self._end = at, end
        self.window.start(at, end)

    def take(self, records: tuple[Record, ...]) -> None:
        """Add what is new."""
        if records:
            self._newest = records[-1].seq
            self.window.take(records)

    def show(self, view: View) -> None:
        """All of it is in the window."""

    def tick(self) -> None:
        """Read on where the reader is near an edge."""
        self.window.move(self._newest)

    def step(self, view: View, by: int) -> None:
        """Go to the next family of events."""
        names = list(raw.FAMILIES)
        self.family = names[(names.index(self.family) + by) % len(names)]
        self.start(self._newest, self._end)
        self._bar.refresh()

    def say(self, words: str) -> None:
        """Put words beside the families."""
        self.said = words
        self._bar.refresh()

    def shown(self, record: Record) -> bool:
        """Whether the event has a row."""
        return bool(raw.rows([record], self.family))
