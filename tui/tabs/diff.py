"""The diff of a candidate: files on the left, the change in one column or two, coloured where it is seen."""

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.worker import get_current_worker

from harness.events import CandidateMade
from harness.journal import Journal, Record
from tui.patch import File, parse
from tui.sheet import SPLIT_FROM, Pair, Sheet
from tui.text import Line, cut, fit
from tui.view import View
from tui.widgets import Bar, Pane

CONTEXTS = (3, 10, 40)
"""Unchanged lines around a change."""


class DiffTab(Horizontal):
    """One candidate against base, or against the candidate before it."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(classes="tab")
        self._home = journal.path.parent
        self._sheet = Sheet([])
        self._two: bool | None = None
        """Two columns, one, or what the width says."""
        self._last = False
        """Against the candidate before instead of base."""
        self._around = 0
        self.chosen: int | None = None
        """The iteration whose candidate is shown; None for the last."""
        self._view: View | None = None
        self._drawn: tuple[object, ...] = ()
        self._words = "No candidate yet: the maker is at work."
        self._bar = Bar(self._draw_bar)
        self.files: Pane[int] = Pane(self._draw_file, choose=True, id="files")
        self.pane: Pane[Pair] = Pane(self._draw_row, text=self._text, id="sheet")

    def compose(self) -> ComposeResult:
        yield self.files
        with Vertical():
            yield self._bar
            yield self.pane

    @property
    def front(self) -> Pane[Pair]:
        """What takes the keys."""
        return self.pane

    def start(self, at: int, end: int | None) -> None:
        """There is nothing to read yet: git has it."""

    def take(self, records: tuple[Record, ...]) -> None:
        """Git has it."""

    def tick(self) -> None:
        """Nothing moves by itself."""

    def show(self, view: View) -> None:
        """Ask git for the change when another one is wanted."""
        self._view = view
        made = [it.candidate for it in view.state.iterations if it.candidate]
        if not made or view.state.created is None:
            self._bar.refresh()
            return
        here = next((c for c in made if c.n == self.chosen), made[-1])
        before = next((c.tree for c in reversed(made) if c.n < here.n), view.state.created.base_tree)
        old = before if self._last else view.state.created.base_tree
        wanted = (old, here.tree, CONTEXTS[self._around])
        if wanted != self._drawn:
            self._drawn = wanted
            self._words = "reading the change"
            repo_id = view.state.created.repo_id
            self.run_worker(lambda: self._read(repo_id, old, here), thread=True, exclusive=True, group="diff")

    def _read(self, repo_id: str, old: str, here: CandidateMade) -> None:
        """In a thread: git, and taking its text apart."""
        from tui.git import change  # in time for the first diff, and not for the first screen

        text, words = change(self._home, repo_id, old, here.tree, CONTEXTS[self._around])
        files = parse(text)
        if not get_current_worker().is_cancelled:
            self.app.call_from_thread(self._set, files, words or ("" if files else "nothing changed"), here.n)

    def _set(self, files: list[File], words: str, n: int) -> None:
        self._sheet, self._words, self._shown = Sheet(files), words, n
        self.files.replace(range(len(files)))
        self._lay_out()
        self.pane.action_first()
        self._bar.refresh()

    _shown = 0

    @property
    def two(self) -> bool:
        """Whether there are two columns."""
        return self.pane.size.width >= SPLIT_FROM if self._two is None else self._two

    def _lay_out(self) -> None:
        before = self.pane.items[self.pane.span[0]] if self.pane.items else None
        self.pane.replace(self._sheet.split() if self.two else self._sheet.unified())
        for at, (file, left, right) in enumerate(self.pane.items):
            if (
                before
                and file == before[0]
                and ((left, right) == before[1:] or left == before[1] >= 0 or right == before[2] >= 0)
            ):
                self.pane.go(at, top=True)
                return

    def on_resize(self) -> None:
        self._lay_out()

    def _draw_bar(self, width: int) -> tuple[Line]:
        files = self._sheet.files
        if self._words or not files:
            return (((f" {self._words}", "dim"),),)
        plus, minus = sum(file.plus for file in files), sum(file.minus for file in files)
        since = "since the candidate before" if self._last else "since base"
        shape = "split" if self.two else "unified"
        return (
            (
                (f" {len(files)} file{'' if len(files) == 1 else 's'} ", "strong"),
                (f" +{plus}", "good"), (f" −{minus}", "bad"),
                (f"   iteration {self._shown} {since} (i)   {shape} (v)   context {CONTEXTS[self._around]} (c)", "dim"),
            ),
        )  # fmt: skip

    def _draw_row(self, pair: Pair, width: int) -> tuple[Line, ...]:
        return self._sheet.draw(pair, width, two=self.two)

    def _text(self, pair: Pair) -> str:
        return self._sheet.text(pair)

    def _draw_file(self, at: int, width: int) -> tuple[Line, ...]:
        file = self._sheet.files[at]
        size = f"+{file.plus} −{file.minus}"
        room = width - len(size) - 5
        path = file.path if len(file.path) <= room else f"…{file.path[-max(room - 1, 1) :]}"
        tone = {"A": "good", "D": "bad"}.get(file.status, "gate")
        return (((f" {file.status} ", tone), (fit(cut(path, room), room), "plain"), (f" {size}", "dim")),)

    def step(self, view: View, by: int) -> None:
        """Show the next iteration's candidate, or that of the one before."""
        made = [it.n for it in view.state.iterations if it.candidate]
        if made:
            here = made.index(self.chosen) if self.chosen in made else len(made) - 1
            self.chosen = made[max(0, min(here + by, len(made) - 1))]
            self.show(view)

    def next_file(self, by: int) -> None:
        """Go to the next file, or the one before."""
        heads = [at for at, (_, left, right) in enumerate(self.pane.items) if left < 0 and right < 0]
        top = self.pane.span[0]
        later = [at for at in heads if at > top]
        before = [at for at in heads if at < top]
        if by > 0 and later:
            self.pane.go(later[0], top=True)
        elif by < 0 and before:
            self.pane.go(before[-1], top=True)

    def on_pane_moved(self, event: Pane.Moved) -> None:
        """The file under the cursor comes into view."""
        event.stop()
        if self.files.chosen is not None:
            for at, (number, left, right) in enumerate(self.pane.items):
                if number == self.files.chosen and left < 0 and right < 0:
                    self.pane.go(at, top=True)
                    return

    def change_shape(self) -> None:
        """Two columns, or one."""
        self._two = not self.two
        self._lay_out()
        self._bar.refresh()

    def change_since(self) -> None:
        """Against base, or against the candidate before."""
        self._last = not self._last
        self._again()

    def change_context(self) -> None:
        """More unchanged lines around a change."""
        self._around = (self._around + 1) % len(CONTEXTS)
        self._again()

    def _again(self) -> None:
        if self._view:
            self.show(self._view)
        self._bar.refresh()
