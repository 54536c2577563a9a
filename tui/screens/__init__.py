"""The screens: all runs, one run, a question before stopping, and long texts."""

from tui.screens.ask import AskStop
from tui.screens.fleet import FleetScreen
from tui.screens.reader import Reader
from tui.screens.run import RunScreen

__all__ = ["AskStop", "FleetScreen", "Reader", "RunScreen"]
