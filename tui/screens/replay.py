"""A run played back: the same screen with a slider, from any event to any other."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from harness.goal import MICRO
from harness.journal import Journal
from tui.card import Card, steps
from tui.replay import SPEEDS, Past
from tui.screens.run import RunScreen
from tui.screens.shared import told
from tui.text import Line, cells
from tui.widgets import Bar, Keys

TICK = 0.1
"""Seconds between two steps of a play."""
JUMP = 20
"""What part of the run a jump goes over."""


class ReplayScreen(RunScreen):
    """A run at one of its events. Nothing that is done here touches the run."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "play", "Play", id="replay.play"),
        Binding("full_stop", "move(1)", "Next event", key_display=".", id="replay.next"),
        Binding("comma", "move(-1)", "Event before", key_display=",", id="replay.before"),
        Binding("greater_than_sign,right", "jump(1)", "Forward", key_display=">", id="replay.forward"),
        Binding("less_than_sign,left", "jump(-1)", "Back", key_display="<", id="replay.back"),
        Binding("plus", "speed(1)", "Faster", key_display="+", id="replay.faster"),
        Binding("minus", "speed(-1)", "Slower", key_display="-", show=False, id="replay.slower"),
        Binding("home", "edge(False)", "Start", show=False, priority=True, id="replay.start"),
        Binding("end", "edge(True)", "End", show=False, priority=True, id="replay.end"),
    ]

    def __init__(self, journal: Journal, run: str) -> None:
        self._past = Past(journal, run)
        super().__init__(journal, run, self._past)
        self.add_class("replayed")
        self._slider = Bar(self._draw_slider, clicked=self._slide, id="slider")

    def compose(self) -> ComposeResult:
        yield from (widget for widget in super().compose() if not isinstance(widget, Keys))
        yield self._slider
        yield Keys()

    def on_mount(self) -> None:
        self.set_interval(TICK, self._tick)  # the handlers of both classes are called

    @property
    def target(self) -> Card | None:
        """What has been cannot be acted on."""
        return None

    @property
    def now(self) -> int:
        """The time of the event that is shown."""
        return self._past.now

    def _tick(self) -> None:
        past = self._past
        if past.playing and self.app.screen is self:
            if (to := past.after(round(TICK * MICRO))) != past.at:
                self.seek(to)
            else:
                past.behind += round(TICK * MICRO) * past.speed
            if past.at >= past.newest:
                past.playing = False
                self.refresh_bindings()

    def seek(self, at: int) -> None:
        """Show the run as it stood at the event `at`."""
        past = self._past
        with told(self.app):
            came = past.seek(at)
            for n in self._begun:
                window = getattr(self.tabs[n], "window", None)
                if window:
                    window.end = past.at
                if came:
                    self.tabs[n].take(came)
                else:
                    self.tabs[n].start(past.at, past.at)
            self.refresh_view()
        self._header.refresh()
        self._slider.refresh()

    def action_play(self) -> None:
        """Play, or hold."""
        past = self._past
        if not past.playing and past.at >= past.newest:
            self.seek(1)
        past.playing = not past.playing
        self._slider.refresh()

    def action_move(self, by: int) -> None:
        """Go on by an event that is worth a line."""
        at = self._past.at + by
        while 1 < at < self._past.newest and not self.tabs[0].shown(next(self.journal.read(self.run_id, at - 1))):
            at += by
        self.seek(at)

    def action_jump(self, by: int) -> None:
        """Go on by a part of the run."""
        self.seek(self._past.at + by * max(1, self._past.newest // JUMP))

    def action_edge(self, end: bool) -> None:
        """Go to the first event, or to the last."""
        self.seek(self._past.newest if end else 1)

    def action_step(self, by: int) -> None:
        """Go to where the next iteration begins, or the one before; other tabs step as always."""
        if self.front:
            super().action_step(by)
            return
        at = self._past.at
        starts = [talk.opened - 1 for talk in self._past.last.conversations.values() if talk.role == "maker"]
        later = [seq for seq in starts if seq > at]
        before = [seq for seq in starts if seq < at - 1]
        self.seek(min(later) if by > 0 and later else max(before) if by < 0 and before else at)

    def action_speed(self, by: int) -> None:
        """Play faster or slower."""
        here = SPEEDS.index(self._past.speed)
        self._past.speed = SPEEDS[max(0, min(here + by, len(SPEEDS) - 1))]
        self._slider.refresh()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What would change a run or the shelf is not offered in its past."""
        return False if action in ("edit", "retire") else super().check_action(action, parameters)

    def _ends(self, width: int) -> tuple[Line, Line]:
        past = self._past
        clock = datetime.fromtimestamp(past.now / MICRO).strftime("%H:%M:%S")
        left: Line = ((" replay ", "badge"), (" ▶ " if past.playing else " ‖ ", "key"))
        right: Line = ((f"  {past.at:,} / {past.newest:,}", "strong"), (f"   {clock}   {past.speed}x ", "dim"))
        if width >= 90:
            right = (*right[:1], (f"   it {steps(self._card)}", "plain"), *right[1:])
        return left, right

    def _draw_slider(self, width: int) -> Sequence[Line]:
        left, right = self._ends(width)
        room = max(width - cells(left) - cells(right), 1)
        at = (self._past.at - 1) * (room - 1) // max(self._past.newest - 1, 1)
        return ((*left, ("━" * at, "warn"), ("●", "key"), ("─" * (room - 1 - at), "rule"), *right),)

    def _slide(self, x: int) -> None:
        """A click on the slider goes there, and so does dragging."""
        left, right = self._ends(self.size.width)
        room = max(self.size.width - cells(left) - cells(right) - 1, 1)
        self.seek(1 + (x - cells(left)) * (self._past.newest - 1) // room)
