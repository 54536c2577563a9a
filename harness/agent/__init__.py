"""The inner loop: one conversation with a model that works, or looks, through tools in a sandbox."""

from harness.agent.conversation import Conversation, Unreplayable, replay
from harness.agent.guards import Ending, TurnLimits
from harness.agent.instructions import instructions, prompt, section
from harness.agent.tools import Toolbox, checker_tools, maker_tools
from harness.agent.turns import turns

__all__ = [
    "Conversation",
    "Ending",
    "Toolbox",
    "TurnLimits",
    "Unreplayable",
    "checker_tools",
    "instructions",
    "maker_tools",
    "prompt",
    "replay",
    "section",
    "turns",
]
