"""The inner loop: one conversation with a model that works, or looks, through tools in a sandbox."""

from harness.agent.answer import Answer
from harness.agent.conversation import Conversation, Unreplayable, replay
from harness.agent.guards import Ending, TurnLimits
from harness.agent.instructions import instructions, prompt, section
from harness.agent.tools import MAKER_TOOLS, Toolbox, checker_tools, explorer_tools, maker_tools, no_tools
from harness.agent.turns import turns

__all__ = [
    "MAKER_TOOLS",
    "Answer",
    "Conversation",
    "Ending",
    "Toolbox",
    "TurnLimits",
    "Unreplayable",
    "checker_tools",
    "explorer_tools",
    "instructions",
    "maker_tools",
    "no_tools",
    "prompt",
    "replay",
    "section",
    "turns",
]
