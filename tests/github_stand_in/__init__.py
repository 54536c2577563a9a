"""A GitHub to test against: stateful, and as strict as GitHub's own description of itself."""

from tests.github_stand_in.server import StandIn
from tests.github_stand_in.world import BOT, World

__all__ = ["BOT", "StandIn", "World"]
