"""The full screen: a viewer of the journal. It may be closed or killed at any time, no run depends on it."""

import asyncio
import signal
import time
from collections.abc import Callable
from typing import Any, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.theme import Theme

from harness.journal import Journal, JournalError
from tui import control, inputs
from tui.fleet import Fleet
from tui.follow import Tail
from tui.screens import AskStop, FleetScreen, Reader, RunScreen
from tui.screens.shared import OpenRun, StopRun
from tui.text import Item

TERMINATED = 143
"""The exit code after SIGTERM."""
DARK = Theme(
    name="loopwright",
    primary="#6cb6ff",
    secondary="#b48ead",
    warning="#ffb454",
    error="#ff6b6b",
    success="#8bd649",
    accent="#7fd1b9",
    foreground="#d5d9e0",
    background="#0f1217",
    surface="#161b22",
    panel="#1c232d",
)


class Loopwright(App[None]):
    """The fleet, and `first` above it when a run is named. `clock` is what guards a question against early keys."""

    CSS_PATH = "styles.tcss"
    TITLE = "loopwright"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit", id="quit"),
        Binding("ctrl+c", "quit", "Quit", show=False, priority=True, id="quit.now"),
        Binding("question_mark,f1", "help", "Help", key_display="?", id="help"),
    ]

    def __init__(self, journal: Journal, first: str | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        inputs.harden()
        super().__init__()
        self._journal, self._first, self._clock = journal, first, clock
        self.register_theme(DARK)
        self.theme = DARK.name

    def get_default_screen(self) -> Screen[Any]:
        return FleetScreen(Fleet(self._journal))

    def on_mount(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.exit, None, TERMINATED)
        if self._first:
            self.open_run(self._first)

    def open_run(self, run: str) -> None:
        """Show one run; say why when it cannot be read."""
        try:
            tail = Tail(self._journal, run)
        except JournalError as error:
            self.notify(str(error), severity="error", markup=False)
        else:
            self.push_screen(RunScreen(self._journal, tail))

    def on_open_run(self, wish: OpenRun) -> None:
        self.open_run(wish.run)

    def on_stop_run(self, wish: StopRun) -> None:
        def answered(stop: bool | None) -> None:
            if stop:
                self.run_worker(self._stop(wish.card.run))

        self.push_screen(AskStop(wish.card, self._clock), answered)

    async def _stop(self, run: str) -> None:
        try:
            await asyncio.to_thread(control.stop, self._journal, run)  # another process may be writing just now
        except JournalError as error:
            self.notify(str(error), severity="error", markup=False)
        else:
            self.notify(f"asked {run} to stop", markup=False)

    def action_help(self) -> None:
        """Show every key that works here."""
        if isinstance(self.screen, Reader) and self.screen.name == "help":
            return
        keys: dict[tuple[str, str], list[str]] = {}
        for active in self.screen.active_bindings.values():
            if active.enabled and active.binding.description:
                shown = self.get_key_display(active.binding)
                keys.setdefault((active.binding.action, active.binding.description), []).append(shown)
        items = [Item(text=f"{' '.join(dict.fromkeys(shown)):<16} {text}") for (_, text), shown in keys.items()]
        self.push_screen(Reader("keys", items, name="help"))
