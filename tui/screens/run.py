"""One run: what happens in it, its change, its evidence, its notes, its events."""

import time
from collections.abc import Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from harness.journal import Journal, JournalError
from tui.card import Card, note, of_summary, of_view
from tui.follow import Tail, newest
from tui.screens import reading
from tui.screens.shared import ACTS, in_view, told
from tui.table import banner
from tui.tabs import DiffTab, EventsTab, GatesTab, MemoryTab, TranscriptTab
from tui.text import Line, Tone, cells, trim
from tui.view import View
from tui.widgets import Ask, Bar, Keys, Pane

LOOK = 0.1
"""Seconds between two looks at the journal."""
WIDE = 100
"""Cells from which a column stands beside what is in front."""
AT_ONCE = 20_000
"""Events of a run up to which it is folded before it is shown; a longer one is shown first."""
NAMED = 52
"""Cells from which the tabs have their names."""
TABS = ("Transcript", "Diff", "Gates", "Memory", "Events")


class RunScreen(Screen[None]):
    """A run and its five sides."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Runs", id="back"),
        *(Binding(str(n + 1), f"show({n})", name, show=False, id=f"tab.{name.lower()}") for n, name in enumerate(TABS)),
        Binding("tab", "turn(1)", "Next tab", show=False, id="tab.next"),
        Binding("shift+tab", "turn(-1)", "Tab before", show=False, id="tab.before"),
        Binding("slash", "find", "Find", id="find"),
        Binding("n", "again(True)", "Find older", show=False, id="find.older"),
        Binding("N", "again(False)", "Find newer", show=False, id="find.newer"),
        Binding("left_curly_bracket", "step(-1)", "Iteration before", show=False, id="iteration.before"),
        Binding("right_curly_bracket", "step(1)", "Next iteration", show=False, id="iteration.next"),
        Binding("f", "filter", "Filter", id="events.filter"),
        Binding("v", "verify", "Verify", id="events.verify"),
        Binding("v", "shape", "Split", id="diff.shape"),
        Binding("i", "since", "Since", id="diff.since"),
        Binding("c", "context", "Context", id="diff.context"),
        Binding("left_square_bracket", "file(-1)", "File before", show=False, id="diff.before"),
        Binding("right_square_bracket", "file(1)", "Next file", show=False, id="diff.next"),
        Binding("e", "edit", "Edit", id="memory.edit"),
        Binding("d", "retire", "Retire", id="memory.retire"),
        *ACTS,
    ]
    OF: ClassVar[dict[str, int]] = {
        "shape": 1, "since": 1, "context": 1, "file": 1, "edit": 3, "retire": 3, "verify": 4, "filter": 4,
    }  # fmt: skip
    """Actions that only one tab has."""

    def __init__(self, journal: Journal, run: str, view: View | None = None) -> None:
        super().__init__()
        self.journal, self.run_id = journal, run
        self.view = view
        self.tabs = (
            TranscriptTab(journal, run), DiffTab(journal), GatesTab(), MemoryTab(journal, run), EventsTab(journal, run),
        )  # fmt: skip
        self.front = 0
        self._begun = {0}
        """Tabs that have read what they begin with."""
        self._newest = view.state.seq if view else newest(journal, run)
        if view is None and self._newest <= AT_ONCE:
            self.view = Tail(journal, run)
        self._card = of_view(self.view) if self.view else of_summary(journal.summary(run))
        self._now = time.time_ns() // 1000
        self._trouble = ""
        self.words = ""
        """What was looked for last."""
        self._header = Bar(self._draw_header, id="header")
        self._tabs = Bar(self._draw_tabs, clicked=self._turn_to, id="tabs")
        self._ask = Ask("find")

    def compose(self) -> ComposeResult:
        yield self._header
        yield self._tabs
        yield from self.tabs
        yield self._ask
        yield Keys()

    @property
    def target(self) -> Card | None:
        """The run that the keys act on."""
        return self._card

    @property
    def iteration(self) -> int | None:
        """The iteration that a tab shows, where one was chosen."""
        return self.tabs[2].chosen if self.front == 2 else self.tabs[1].chosen if self.front == 1 else None

    @property
    def repo(self) -> str:
        """Where the run's repository is; where the screen was opened, while that is not known."""
        created = self.view.state.created if self.view else None
        return created.repo if created else "."

    @property
    def now(self) -> int:
        """The time that the screen shows, in microseconds since 1970."""
        return self._now

    def on_mount(self) -> None:
        with told(self.app):
            self.tabs[0].start(self._newest, self.view.end if self.view else None)
        self.action_show(0)
        if self.view is None:  # what is on the screen comes first
            self.call_after_refresh(self.run_worker, self._fold, thread=True)
        self.look()
        self.set_interval(LOOK, self.look)

    def _fold(self) -> None:
        try:
            tail = Tail(self.journal, self.run_id)
        except JournalError as error:
            self._trouble = str(error)
            self.app.call_from_thread(self._header.refresh)
        else:
            self.app.call_from_thread(self._take, tail)

    def _take(self, tail: Tail) -> None:
        """The long run has been folded: what came meanwhile is read, too."""
        with told(self.app):
            self.tabs[0].take(tuple(self.journal.read(self.run_id, self._newest)))
        self.view = tail
        self.look()

    def look(self) -> None:
        """Read what is new and show it, if this screen is in view."""
        if not in_view(self) or self.view is None:
            return
        second, card, trouble = self._now // 1_000_000, self._card, self._trouble
        self._now = time.time_ns() // 1000
        try:
            self.refresh_view()
            self._trouble = ""
        except JournalError as error:
            self._trouble = str(error)
        if (card, trouble) != (self._card, self._trouble) or (self._card.live and self._now // 1_000_000 != second):
            self._header.refresh()
        if (card.live, card.word) != (self._card.live, self._card.word):
            self.refresh_bindings()

    def refresh_view(self) -> None:
        """Take what the view brings to the tabs."""
        if self.view is None:
            return
        records = self.view.look()
        self._card = of_view(self.view)
        for n in self._begun:
            self.tabs[n].take(records)
        tab = self.tabs[self.front]
        tab.show(self.view)
        tab.tick()

    def _draw_header(self, width: int) -> Sequence[Line]:
        text, tone = self._note()
        return banner(self._card, width, self.now), trim(((f" {text}", tone),), width)

    def _note(self) -> tuple[str, Tone]:
        """The line under the header: what to know about a run that stands still, or who works where."""
        if self._trouble:
            return f"! {self._trouble}", "bad"
        if self.view is None:
            return "reading the whole of it", "dim"
        return note(self.view, self._card)

    def _draw_tabs(self, width: int) -> Sequence[Line]:
        spans: list[tuple[str, Tone]] = []
        for n, name in enumerate(TABS):
            label = f"{n + 1} {name}" if width >= NAMED else str(n + 1)
            spans += [(" ", "plain"), (label, "tab" if n == self.front else "dim"), (" ", "plain")]
        return (trim(tuple(spans), width),)

    def _turn_to(self, x: int) -> None:
        """A click on a tab's name."""
        at = 0
        spans = self._draw_tabs(self.size.width)[0]
        for n in range(len(TABS)):
            at += cells(spans[3 * n : 3 * n + 3])
            if x < at:
                self.action_show(n)
                return

    def on_resize(self) -> None:
        self.set_class(self.size.width < WIDE, "narrow")

    def action_back(self) -> None:
        """Leave what was searched for, or the screen."""
        pane: Pane[Any] = self.tabs[self.front].front
        if pane.needle:
            pane.needle = ""
            pane.redraw()
        else:
            self.app.pop_screen()

    def action_show(self, n: int) -> None:
        """Bring a tab to the front, and the keys to it: at once, the next key may be here already."""
        self.front = n
        for at, tab in enumerate(self.tabs):
            tab.set_class(at == n, "front")
        with told(self.app):
            if n not in self._begun:
                self.tabs[n].start(self._at(), self.view.end if self.view else None)
                self._begun.add(n)
            if self.view:
                self.tabs[n].show(self.view)
        self.set_focus(self.tabs[n].front)
        self._tabs.refresh()
        self.refresh_bindings()

    def _at(self) -> int:
        return self.view.state.seq if self.view else self._newest

    def action_turn(self, by: int) -> None:
        """Bring the next tab to the front."""
        self.action_show((self.front + by) % len(self.tabs))

    def action_step(self, by: int) -> None:
        """Go on by an iteration; among events by a family."""
        if self.view:
            self.tabs[self.front].step(self.view, by)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What only one tab has is offered there alone."""
        return self.OF.get(action, self.front) == self.front

    def action_filter(self) -> None:
        """The next family of events."""
        self.action_step(1)

    def action_verify(self) -> None:
        """Audit the run's chain."""
        reading.verify(self.tabs[4], self.journal, self.run_id)

    def action_edit(self) -> None:
        """Edit the note under the cursor."""
        reading.edit_note(self.tabs[3], self.repo)

    def action_retire(self) -> None:
        """Retire the note under the cursor."""
        reading.retire_note(self.tabs[3], self.repo)

    def action_find(self) -> None:
        """Look for words in what is in front."""
        self._ask.open()

    def action_again(self, back: bool) -> None:
        """Look on for the same words."""
        self._find(back)

    def _find(self, back: bool) -> None:
        end = self.view.end if self.view else None
        reading.find(self.tabs[self.front], self.journal, self.run_id, self.words, back=back, end=end)

    def on_ask_typed(self, event: Ask.Typed) -> None:
        pane = self.tabs[self.front].front
        pane.needle = self.words = event.text.strip()
        pane.redraw()
        if event.done:
            self.set_focus(pane)
            self._find(self.front in (0, 4))

    def on_ask_left(self) -> None:
        pane = self.tabs[self.front].front
        pane.needle = ""
        pane.redraw()
        self.set_focus(pane)

    def on_pane_chosen(self, event: Pane.Chosen[Any]) -> None:
        reading.open_chosen(self.tabs[self.front], self.journal, self.run_id, self.repo)

    def action_shape(self) -> None:
        """The diff in two columns, or one."""
        self.tabs[1].change_shape()

    def action_since(self) -> None:
        """The diff against base, or against the candidate before."""
        self.tabs[1].change_since()

    def action_context(self) -> None:
        """More unchanged lines around a change."""
        self.tabs[1].change_context()

    def action_file(self, by: int) -> None:
        """The next file of the diff."""
        self.tabs[1].next_file(by)
