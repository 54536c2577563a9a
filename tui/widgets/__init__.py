"""What screens are made of: rows on demand, a pane of any length, the keys that work, a line to type into."""

from tui.widgets.bars import Bar, Keys
from tui.widgets.field import Ask, Field
from tui.widgets.paint import signs
from tui.widgets.pane import Pane
from tui.widgets.story import Story

__all__ = ["Ask", "Bar", "Field", "Keys", "Pane", "Story", "signs"]
