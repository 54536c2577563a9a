"""Two tabs that are lists of paragraphs: what the gates and the checker said, and the notes."""

from contextlib import suppress

from textual.app import ComposeResult
from textual.containers import Vertical

from harness.journal import Journal, JournalError, Record
from tui.evidence import Detail, Shown, history
from tui.memory import Note, notes, told
from tui.text import Line, draw, height
from tui.view import View
from tui.widgets import Pane


def _draw(pair: Shown | Note, width: int) -> tuple[Line, ...]:
    return draw(pair[0], width)


def _text(pair: Shown | Note) -> str:
    return pair[0].text


def _height(pair: Shown | Note, width: int) -> int:
    return height(pair[0], width)


class GatesTab(Vertical):
    """Every gate over all iterations, and one iteration in full."""

    def __init__(self) -> None:
        super().__init__(classes="tab")
        self.chosen: int | None = None
        """The iteration that is shown in full; None for the newest."""
        self.pane: Pane[Shown] = Pane(
            _draw, _height, choose=True, text=_text, mark="▌", empty="No gate has spoken yet.", id="gates"
        )

    def compose(self) -> ComposeResult:
        yield self.pane

    @property
    def front(self) -> Pane[Shown]:
        """What takes the keys."""
        return self.pane

    def start(self, at: int, end: int | None) -> None:
        """There is nothing to read: the state has it."""

    def take(self, records: tuple[Record, ...]) -> None:
        """The state has it."""

    def tick(self) -> None:
        """Nothing moves by itself."""

    def show(self, view: View) -> None:
        """Draw anew what changed."""
        if (shown := history(view.state, self.chosen)) != self.pane.items:
            self.pane.replace(shown, key=lambda pair: pair[0].text)

    def step(self, view: View, by: int) -> None:
        """Show the next iteration in full, or the one before."""
        judged = [it.n for it in view.state.iterations if it.gates]
        if judged:
            here = judged.index(self.chosen) if self.chosen in judged else len(judged) - 1
            self.chosen = judged[max(0, min(here + by, len(judged) - 1))]
            self.show(view)

    def detail(self) -> Detail | None:
        """What the paragraph under the cursor opens."""
        return self.pane.chosen[1] if self.pane.chosen else None


class MemoryTab(Vertical):
    """The notes that the run was told, and those it leaves."""

    def __init__(self, journal: Journal, run: str) -> None:
        super().__init__(classes="tab")
        self._journal, self._run = journal, run
        self._told: dict[str, str] = {}
        self._view: View | None = None
        self.pane: Pane[Note] = Pane(_draw, _height, choose=True, text=_text, mark="▌", id="memory")

    def compose(self) -> ComposeResult:
        yield self.pane

    @property
    def front(self) -> Pane[Note]:
        """What takes the keys."""
        return self.pane

    def start(self, at: int, end: int | None) -> None:
        """Find what the notes said that were told: the state has their names alone."""

        def look() -> None:
            with suppress(JournalError):  # they are shown without
                found = told(self._journal.read_back(self._run, at + 1))
                self.app.call_from_thread(self._tell, found)

        self.run_worker(look, thread=True, exclusive=True, group="told")

    def _tell(self, found: dict[str, str]) -> None:
        self._told |= found
        if self._view:
            self.show(self._view)

    def take(self, records: tuple[Record, ...]) -> None:
        """Take what notes say that are told now."""
        self._told |= told(reversed(records))

    def tick(self) -> None:
        """Nothing moves by itself."""

    def show(self, view: View) -> None:
        """Draw anew what changed."""
        self._view = view
        if (shown := notes(view.state, self._told)) != self.pane.items:
            self.pane.replace(shown, key=lambda pair: pair)

    def step(self, view: View, by: int) -> None:
        """Notes are not of one iteration."""

    @property
    def note(self) -> str:
        """The id of the note under the cursor."""
        return self.pane.chosen[1] if self.pane.chosen else ""
