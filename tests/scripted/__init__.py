"""The scripted model: a Messages API server that plays a script and asserts that conversations only grow.

    with ScriptedServer({"claude-sonnet-5-5": [[Step(text="hello")]]}) as server:
        ...  # ANTHROPIC_BASE_URL = server.url
    assert not server.breaches

In a process of its own: `python -m tests.scripted SCRIPT.json [--port N] [--log FILE] [--strict] [--key KEY]`.
"""

from tests.scripted.script import Ask, Conversation, Step, Tool
from tests.scripted.server import Recorded, ScriptedServer

__all__ = ["Ask", "Conversation", "Recorded", "ScriptedServer", "Step", "Tool"]
