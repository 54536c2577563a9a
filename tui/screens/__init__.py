"""The screens: all runs, one run, one run played back, questions, long texts, the palette."""

from tui.screens.ask import Sure
from tui.screens.fleet import FleetScreen
from tui.screens.jump import JumpScreen
from tui.screens.new_run import NewRun
from tui.screens.palette import Entry, Palette
from tui.screens.question import Question
from tui.screens.reader import Reader
from tui.screens.replay import ReplayScreen
from tui.screens.run import RunScreen
from tui.screens.steer import Steer

__all__ = [
    "Entry", "FleetScreen", "JumpScreen", "NewRun", "Palette", "Question", "Reader", "ReplayScreen", "RunScreen",
    "Steer", "Sure",
]  # fmt: skip
