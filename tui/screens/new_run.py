"""A new run from a goal: where, and how far it may go. Enter goes to the next line; only Ctrl+S starts it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.text import Line, cut
from tui.widgets import Bar, Field


class Wanted(msgspec.Struct, frozen=True):
    """What `loopwright run` is called with."""

    goal: str
    repo: Path
    flags: tuple[str, ...]


LIMITS = (("dollars", "--max-cost"), ("minutes", "--max-minutes"), ("iterations", "--max-iterations"))


class NewRun(ModalScreen[Wanted | None]):
    """The form; its result is what to start."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "start", "Start", priority=True, id="new.start"),
        Binding("escape", "leave", "Leave", id="new.leave"),
    ]

    def __init__(self, repo: Path) -> None:
        super().__init__(classes="modal quiet")
        self.goal = Field(placeholder="what is wanted, in a sentence")
        self.repo = Field(str(repo))
        self.limits = [Field(placeholder="as configured") for _ in LIMITS]
        self._trouble = ""
        self._foot = Bar(self._draw_foot, rows=lambda width: 2)

    def compose(self) -> ComposeResult:
        names = ("goal", "repository", *(name for name, _ in LIMITS))
        with Container(classes="box"):
            yield Bar(lambda width: ((("New run", "gate strong"),), ()), rows=lambda width: 2)
            for name, field in zip(names, (self.goal, self.repo, *self.limits), strict=True):
                with Horizontal(classes="form"):
                    yield Bar(_label(name), rows=lambda width: 1)
                    yield field
            yield self._foot

    def on_mount(self) -> None:
        self.goal.focus()

    def _draw_foot(self, width: int) -> Sequence[Line]:
        keys: Line = (
            ("ctrl+s", "key"),
            (" starts it, and it may spend money    ", "plain"),
            ("esc", "key"),
            (" leave", "plain"),
        )
        return ((cut(self._trouble, width), "bad"),), keys

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_next()

    def action_start(self) -> None:
        """Start the run, if everything makes sense."""
        repo = Path(self.repo.value or ".").expanduser().absolute()
        flags: list[str] = []
        self._trouble = "" if self.goal.value.strip() else "a run needs a goal"
        if not repo.is_dir():
            self._trouble = f"there is no directory {repo}"
        for (name, flag), field in zip(LIMITS, self.limits, strict=True):
            if value := field.value.strip():
                if not _number(value, whole=name == "iterations"):
                    self._trouble = f"{name}: not a number above 0: {value}"
                flags += [flag, value]
        if self._trouble:
            self._foot.refresh()
        else:
            self.dismiss(Wanted(self.goal.value.strip(), repo, tuple(flags)))

    def action_leave(self) -> None:
        """Start nothing."""
        self.dismiss(None)


def _label(name: str) -> Callable[[int], Sequence[Line]]:
    return lambda width: (((cut(name, width - 1), "dim"),),)


def _number(text: str, *, whole: bool) -> bool:
    try:
        return float(text) > 0 and (not whole or text.isdecimal())
    except ValueError:
        return False
