"""A run asks: what, why, until when, and the keys that answer. Enter allows nothing; whoever answers first has."""

import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import ModalScreen

from harness.events import QuestionAnswered, QuestionAsked
from harness.goal import MICRO
from harness.journal import Journal, JournalError
from tui.card import Card, clock
from tui.screens.guard import Guard
from tui.screens.shared import room
from tui.text import Line, Span, cut, opening, wrap
from tui.widgets import Ask, Bar

LOOK = 0.25
"""Seconds between two looks at whether somebody else has answered."""
KEYS = {
    "allow_once": ("a", "once"), "allow_run": ("A", "this run"), "deny": ("d", "deny"),
    "reply": ("r", "reply in words"),
}  # fmt: skip
DEFAULTS = {"deny": "denied"}
LABEL = 10
"""Cells of the words on the left."""

Answer = tuple[str, str, str]
"""The question's id, the answer, and words for the maker."""


class Question(ModalScreen[Answer | None]):
    """One question of a run. Its result is the answer, None for later."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "answer('allow_once')", "Allow once", id="question.once"),
        Binding("A", "answer('allow_run')", "Allow for this run", id="question.run"),
        Binding("d", "answer('deny')", "Deny", id="question.deny"),
        Binding("r", "reply", "Reply in words", id="question.reply"),
        Binding("escape", "later", "Later", id="question.later"),
        Binding("down,j,pagedown", "scroll(1)", "Down", show=False, id="question.down"),
        Binding("up,k,pageup", "scroll(-1)", "Up", show=False, id="question.up"),
    ]

    def __init__(
        self,
        journal: Journal,
        card: Card,
        question: QuestionAsked,
        asked: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(classes="modal")
        self._journal, self._card, self._question, self._asked = journal, card, question, asked
        self._guard = Guard(clock)
        self._now = time.time_ns() // 1000
        self._words = ""
        """What was typed as a reply and not sent."""
        self._top = 0
        """The first row of a text that is longer than the screen."""
        self._bar = Bar(self._draw, rows=lambda width: len(self._draw(width)))
        self._ask = Ask("reply")

    def compose(self) -> ComposeResult:
        with Container(classes="box"):
            yield self._bar
            yield self._ask

    def on_mount(self) -> None:
        self._guard.watch(self)
        self.set_interval(LOOK, self.look)

    @property
    def expired(self) -> bool:
        """Whether its time is over: then it is denied, whatever is pressed."""
        return self._now >= self._question.deadline

    def look(self) -> None:
        """Leave when somebody else was first; the clock goes on."""
        second, self._now = self._now // MICRO, time.time_ns() // 1000
        try:
            said = self._journal.state(self._card.run).answers.get(self._question.question)
        except JournalError:
            return
        if said:
            self._close(said)
        elif second != self._now // MICRO:
            self._bar.refresh()

    def _close(self, said: QuestionAnswered) -> None:
        who = "nobody in time" if said.expired else said.principal or "somebody"
        self.app.notify(f"{self._card.run}: answered by {who}: {said.answer}", markup=False)
        self.dismiss(None)

    def _draw(self, width: int) -> Sequence[Line]:
        asked = self._question
        left = max(0, asked.deadline - self._now)
        then = DEFAULTS.get(asked.default, asked.default)
        waited = f"{clock(self._now - self._asked)} · {clock(left)} left, then it is {then}"
        rows: list[Line] = [((cut(f"{self._card.run} asks", width), "warn strong"),)]
        rows += [((row, "strong"),) for row in wrap(asked.text.strip(), width)]
        facts = (("about", asked.kind), ("subject", asked.subject), ("goal", self._card.goal), ("waiting", waited))
        rows.append(())
        for name, text in facts:
            if text:
                rest = wrap(text, width - LABEL)
                rows += [((f"{name if n == 0 else '':<{LABEL}}", "dim"), (row, "plain")) for n, row in enumerate(rest)]
        foot: list[Line] = [()]
        if self.expired:
            foot.append((("its time is over: it counts as denied", "bad"),))
            foot.append(((" esc", "key"), (" close: then ", "plain"), ("r", "key"), (" resumes the run", "plain")))
        elif self._ask.opened:
            foot.append(((" enter", "key"), (" sends it    ", "plain"), ("esc", "key"), (" not yet", "plain")))
        else:
            foot += _keys(asked.options, width)
        letters = " ".join(KEYS[name][0] for name in KEYS if name in asked.options)
        brief: Line = ((f" {'' if self.expired else letters} esc", "key"),)
        shown, self._top = opening(rows, foot, room(self) - self._ask.opened, self._top, brief)
        return shown

    def action_scroll(self, by: int) -> None:
        """Read on in a long question."""
        self._top = max(0, self._top + by * max(1, room(self) // 3))
        self._bar.refresh(layout=True)

    def on_resize(self) -> None:
        self._bar.refresh(layout=True)

    def action_answer(self, word: str) -> None:
        """Answer with one of the options, unless the key came too early to be meant."""
        if self._guard.hears and not self.expired and word in self._question.options:
            self.dismiss((self._question.question, word, ""))

    def action_reply(self) -> None:
        """Answer in words, which the maker is told."""
        if self._guard.hears and not self.expired and self._replies:
            self._ask.open(self._words)
            self._bar.refresh(layout=True)

    @property
    def _replies(self) -> bool:
        return "reply" in self._question.options or "deny" in self._question.options

    def on_ask_left(self) -> None:
        """Back to the question; what was typed is there again the next time."""
        self.set_focus(None)
        self._bar.refresh(layout=True)

    def on_ask_typed(self, event: Ask.Typed) -> None:
        self._words = event.text
        if event.done and event.text.strip() and not self.expired:
            word = "reply" if "reply" in self._question.options else "deny"
            self.dismiss((self._question.question, word, event.text.strip()))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While words are typed, letters are letters."""
        if action in ("answer", "reply", "later"):
            return not self._ask.opened
        return True

    def action_later(self) -> None:
        """Answer nothing now."""
        self.dismiss(None)


def _keys(options: Sequence[str], width: int) -> list[Line]:
    """The keys that answer, in as many rows as they need."""
    words = {"reply": "reply in words"} if "reply" in options else {"reply": "deny and say why"}
    shown = [KEYS[name] for name in KEYS if name in options]
    if "reply" not in options and "deny" in options:
        shown.append(("r", words["reply"]))
    rows: list[list[Span]] = [[]]
    for key, text in (*shown, ("esc", "later")):
        if sum(len(part) for part, _ in rows[-1]) + len(key) + len(text) + 3 > width:
            rows.append([])
        rows[-1] += [(f" {key}", "key"), (f" {text}   ", "plain")]
    return [tuple(row) for row in rows]
