"""What the screens have in common: wishes that the app fulfils, and whether a screen is seen at all."""

from typing import Any

from textual.message import Message
from textual.screen import Screen

from tui.card import Card


class OpenRun(Message):
    """The reader wants to see a run."""

    def __init__(self, run: str) -> None:
        super().__init__()
        self.run = run


class StopRun(Message):
    """The reader wants to stop a run; nothing has been asked yet."""

    def __init__(self, card: Card) -> None:
        super().__init__()
        self.card = card


def in_view(screen: Screen[Any]) -> bool:
    """Whether anything of `screen` can be seen: it is on top, or right under a question."""
    stack = screen.app.screen_stack
    return stack[-1] is screen or (stack[-1].is_modal and len(stack) > 1 and stack[-2] is screen)
