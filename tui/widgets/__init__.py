"""What the screens are made of: virtual panes and single rows, painted from spans."""

from tui.widgets.bars import Bar, Keys
from tui.widgets.pane import Pane

__all__ = ["Bar", "Keys", "Pane"]
