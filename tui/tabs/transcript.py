"""The transcript: what was said and done, and beside it where the iterations and the gates stand."""

from textual.app import ComposeResult
from textual.containers import Horizontal

from harness.journal import Journal, Record
from tui.block import Block
from tui.evidence import side
from tui.text import Item, draw, height
from tui.transcript import blocks, saying
from tui.view import View
from tui.widgets import Pane, Story
from tui.window import Window


class TranscriptTab(Horizontal):
    """A story at its tail, and a column of evidence where there is room."""

    def __init__(self, journal: Journal, run: str) -> None:
        super().__init__(classes="tab")
        self.story = Story(id="transcript")
        self.side: Pane[Item] = Pane(draw, height, empty="No gate has spoken yet.", id="side")
        self.side.add_class("side")
        self.window = Window(journal, run, self.story, blocks)
        self._newest = 0

    def compose(self) -> ComposeResult:
        yield self.story
        yield self.side

    @property
    def front(self) -> Pane[Block]:
        """What takes the keys."""
        return self.story

    def start(self, at: int, end: int | None) -> None:
        """Show the run as it stood at the event `at`."""
        self._newest = at
        self.window.start(at, end)

    def take(self, records: tuple[Record, ...]) -> None:
        """Add what is new."""
        if records:
            self._newest = records[-1].seq
            self.window.take(records)

    def show(self, view: View) -> None:
        """Draw the column anew, and what is being said."""
        self.window.say(saying(view.hear(), self._newest), self._newest)
        if (items := side(view.state)) != self.side.items:
            self.side.replace(items)

    def tick(self) -> None:
        """Read on where the reader is near an edge."""
        self.window.move(self._newest)

    def step(self, view: View, by: int) -> None:
        """Go to the beginning of the next iteration, or of the one before."""
        here = self.story.chosen.seq if self.story.chosen else 0
        starts = sorted(
            talk.opened for talk in view.state.conversations.values() if talk.role == "maker" and talk.opened > 1
        )
        later = [seq for seq in starts if seq > here + 1]
        before = [seq for seq in starts if seq < here - 1]
        seq = later[0] if by > 0 and later else before[-1] if by < 0 and before else None
        if seq is not None:
            self.window.around(seq - 1)  # the iteration begins with the event before its conversation
            self.story.go(self.story.cursor, top=True)

    def shown(self, record: Record) -> bool:
        """Whether the event has a block."""
        new, done = blocks([record], self.story.items)
        return bool(new or done)
