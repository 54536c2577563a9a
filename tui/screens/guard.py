"""Keys that were meant for something else: those in flight when a question opens or the terminal gets the focus."""

from collections.abc import Callable
from typing import Any

from textual.screen import Screen

SECONDS = 0.4
"""For so long after opening, and after a focus-in, no key answers: it was typed to what was there before."""


class Guard:
    """Says whether a key can have been meant for a question."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until = clock() + SECONDS

    def watch(self, screen: Screen[Any]) -> None:
        """Be deaf again whenever the terminal gets the focus: the click or key that brought it is no answer."""
        screen.watch(screen.app, "app_focus", self._focused, init=False)

    def _focused(self, focused: bool) -> None:
        if focused:
            self._until = self._clock() + SECONDS

    @property
    def hears(self) -> bool:
        """Whether a key counts."""
        return self._clock() >= self._until
