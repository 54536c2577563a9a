"""The full screen: a viewer of the journal. It may be closed or killed at any time, no run depends on it."""

import asyncio
import gc
import os
import signal
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, cast

from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget

from harness.journal import Journal, JournalError
from tui import acting, inputs, keys, notify
from tui.card import Card
from tui.desk import Desk
from tui.screens import Entry, FleetScreen, JumpScreen, NewRun, Palette, Reader, RunScreen
from tui.screens.shared import TIGHT, OpenRun, target, told
from tui.settings import Settings, checked
from tui.theme import THEMES

TERMINATED = 143
"""The exit code after SIGTERM."""


class Loopwright(Desk):
    """The fleet, and `first` above it when a run is named."""

    CSS_PATH = "styles.tcss"
    TITLE = "loopwright"
    ENABLE_COMMAND_PALETTE = False
    PAUSE_GC_ON_SCROLL = True
    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (40, "-wide")]  # noqa: RUF012 - as Textual declares it
    VERTICAL_BREAKPOINTS = [(0, "-tight"), (TIGHT, "-roomy")]  # noqa: RUF012 - as Textual declares it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit", id="quit"),
        Binding("ctrl+c", "quit", "Quit", show=False, priority=True, id="quit.now"),
        Binding("ctrl+z", "suspend_process", "To the background", show=False, priority=True, id="suspend"),
        Binding("ctrl+p,colon", "palette", "Palette", show=False, id="palette"),
        Binding("ctrl+o", "jump", "Jump", show=False, id="jump"),
        Binding("T", "theme", "Theme", show=False, id="theme"),
        Binding("ctrl+e", "export", "Screenshot", show=False, id="export"),
        Binding("question_mark,f1", "help", "Help", key_display="?", id="help"),
    ]

    def __init__(
        self,
        journal: Journal,
        first: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        settings: Settings | None = None,
    ) -> None:
        inputs.harden()
        super().__init__()
        self.journal, self._first, self.clock = journal, first, clock
        self.settings = checked(settings or Settings(), bindings())
        self.ascii = self.settings.ascii
        self.set_class(self.ascii, "ascii")
        self._seen: dict[str, Card] = {}
        self.drafts = {}
        for theme in THEMES.values():
            self.register_theme(theme)
        self._wear(self.settings.theme)
        self._colours = self.get_css_variables()
        self.stylesheet.set_variables(self._colours)
        self.set_keymap(self.settings.keys)

    def get_default_screen(self) -> Screen[Any]:
        return FleetScreen(self.journal)

    def on_mount(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.exit, None, TERMINATED)
        if self._first:
            self.open_run(self._first)
        self.set_interval(1.0, self._tell)
        gc.freeze()  # what is there now stays: nothing of it needs looking at again
        gc.enable()

    def _wear(self, theme: str) -> None:
        self.theme = theme
        self.set_class(THEMES[theme].ansi, "ansi")

    def refresh_css(self, animate: bool = True) -> None:
        """Parse the styles anew if the colours are other ones: at the start they are the theme's from the beginning."""
        colours = self.get_css_variables()
        if colours != self._colours:
            self._colours = colours
            super().refresh_css(animate)

    @property
    def fleet(self) -> FleetScreen:
        """The screen beneath all others."""
        return cast(FleetScreen, self.screen_stack[0])

    async def run_action(
        self, action: Any, default_namespace: DOMNode | None = None, namespaces: Mapping[str, DOMNode] | None = None
    ) -> bool:
        """Do what a key stands for. A journal that cannot be read now is said, and nobody is thrown out for it."""
        with told(self):
            if not await super().run_action(action, default_namespace, namespaces):
                return False
        return True

    def open_run(self, run: str) -> None:
        """Show one run; say why when it cannot be read."""
        try:
            screen = RunScreen(self.journal, run)
        except JournalError as error:
            self.say(str(error), bad=True)
        else:
            self.push_screen(screen)

    def on_open_run(self, wish: OpenRun) -> None:
        self.open_run(wish.run)

    def _tell(self) -> None:
        """Tell whoever looks elsewhere what needs them, once."""
        cards = self.fleet.fleet.cards
        news = notify.news(self._seen, cards)
        self._seen = {card.run: card for card in cards}
        if self.app_focus or not self._driver:
            return
        way = notify.how() if self.settings.notify == "auto" else self.settings.notify
        for words in news:
            self._driver.write(notify.sequence(words, way, tmux="TMUX" in os.environ))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What can be done to a run is offered where it can."""
        if action == "act":
            return acting.applies(str(parameters[0]), target(self.screen))
        return True

    def action_act(self, name: str) -> None:
        """Do something to the run on the screen or under the cursor."""
        card = target(self.screen)
        if card and acting.applies(name, card):
            acting.act(self, name, card)

    def action_new_run(self) -> None:
        """Ask for a goal."""
        self.push_screen(NewRun(Path.cwd()), lambda wanted: acting.new_run(self, wanted) if wanted else None)

    def action_theme(self) -> None:
        """Wear the next theme."""
        names = list(THEMES)
        self._wear(names[(names.index(self.theme) + 1) % len(names)])
        self.say(f"theme {self.theme}")

    def action_export(self) -> None:
        """Write what is on the screen as an SVG file into the directory where this was started."""
        target_ = Path.cwd() / f"loopwright-{datetime.now():%Y%m%d-%H%M%S}.svg"
        try:
            target_.write_text(self.export_screenshot(title="loopwright"))
        except OSError as error:
            self.say(f"the screenshot cannot be written: {error}", bad=True)
        else:
            self.say(f"wrote {target_}")

    def action_jump(self) -> None:
        """Put a letter on everything that takes the keys."""
        places: list[Widget] = [widget for widget in self.screen.focus_chain if widget.region.area]

        def go(place: Widget | None) -> None:
            if place:
                self.screen.set_focus(place)

        self.push_screen(JumpScreen(places), go)

    def action_palette(self) -> None:
        """Every action that works here, and every run."""
        entries = [Entry(key.text, key.shown, key.action) for key in keys.active(self)]
        runs = self.fleet.fleet.cards[:200]
        entries += [Entry(f"{card.run}  {card.word}  {card.goal}", run=card.run) for card in runs]
        self.push_screen(Palette(entries), self._chosen)

    def _chosen(self, entry: Entry | None) -> None:
        if entry and entry.run:
            self.open_run(entry.run)
        elif entry:
            focused = self.screen.focused
            for at in ([focused] if focused else []) + [self.screen, self]:
                if entry.action.startswith("app.") or hasattr(at, f"action_{entry.action.partition('(')[0]}"):
                    self.run_worker(self.run_action(entry.action, at))
                    return

    def action_help(self) -> None:
        """Show every key that works here, with the name by which `tui.toml` binds it to another."""
        if isinstance(self.screen, Reader) and self.screen.name == "help":
            return
        self.push_screen(Reader("keys that work here", list(keys.overview(keys.active(self))), name="help"))


def bindings() -> set[str]:
    """The ids of all bindings there are: what a keymap can name."""
    found: set[str] = set()
    kinds: list[type[Any]] = [Loopwright, Widget]
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        if kind.__module__.startswith("tui."):
            found |= {each.id for each in vars(kind).get("BINDINGS", ()) if isinstance(each, Binding) and each.id}
    return found
