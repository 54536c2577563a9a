"""The outer loop: a goal is pursued until its work is proven, or a breaker trips."""

from harness.loop.drive import drive
from harness.loop.endings import Ended
from harness.loop.engine import pursue
from harness.loop.plan import Plan, Wish, plan
from harness.loop.prepare import Ready, begin, engine_of, reopen
from harness.loop.run import Run

__all__ = ["Ended", "Plan", "Ready", "Run", "Wish", "begin", "drive", "engine_of", "plan", "pursue", "reopen"]
