"""The body of a request to the Messages API.

Messages go out as the bytes they were made of. Only the head of the body is encoded for each request; it holds
nothing that changes within a conversation, so that every request extends the one before it.
"""

from typing import Any

import msgspec

from harness.models.base import Request
from harness.models.catalog import Profile

HOUR = {"type": "ephemeral", "ttl": "1h"}
VERSION = "2026-10-21"
"""Of the API, where it travels in the body: the SDK's own constant, which cannot be had without importing it."""
TAIL = {"type": "ephemeral"}


def body(profile: Profile, request: Request) -> bytes:
    """The body of a streaming request.

    Where the server caches, system and tools are marked for an hour, for they are the same in every conversation
    of a role; a top-level mark, which the server moves to the last block, covers the growing rest for 5 minutes.
    """
    tools: list[dict[str, Any]] = [msgspec.to_builtins(tool) for tool in request.tools]
    head: dict[str, Any] = {"max_tokens": request.max_tokens, "stream": True}
    if profile.platform == "vertex":  # there the path names the model
        head["anthropic_version"] = VERSION
    else:
        head["model"] = profile.wire_name
    if request.system:
        head["system"] = request.system
    if profile.cache:
        head["cache_control"] = TAIL
        if request.system:
            head["system"] = [{"type": "text", "text": request.system, "cache_control": HOUR}]
        elif tools:
            tools[-1] = {**tools[-1], "cache_control": HOUR}
    if tools:
        head["tools"] = tools
    if profile.thinking:
        head["thinking"] = {"type": "adaptive", "display": "summarized"}
    config: dict[str, Any] = {}
    if profile.format and request.schema is not None:
        config["format"] = {"type": "json_schema", "schema": request.schema}
    if profile.effort and request.effort is not None:
        config["effort"] = request.effort
    if config:
        head["output_config"] = config
    if profile.diagnostics and request.previous:
        head["diagnostics"] = {"previous_message_id": request.previous}
    return b"".join((msgspec.json.encode(head)[:-1], b',"messages":[', b",".join(request.messages), b"]}"))
