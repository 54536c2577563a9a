"""The body of a request to the Messages API.

Messages go out as the bytes they were made of. Only the head of the body is encoded for each request; it holds
nothing that changes within a conversation, so that every request extends the one before it.
"""

from typing import Any

import msgspec

from harness.models.base import Request
from harness.models.catalog import Profile

HOUR = {"type": "ephemeral", "ttl": "1h"}
TAIL = {"type": "ephemeral"}


def body(profile: Profile, request: Request) -> bytes:
    """The body of a streaming request.

    Where the server caches, system and tools are marked for an hour, for they are the same in every conversation
    of a role; a top-level mark, which the server moves to the last block, covers the growing rest for 5 minutes.
    """
    tools: list[dict[str, Any]] = [msgspec.to_builtins(tool) for tool in request.tools]
    head: dict[str, Any] = {"model": profile.name, "max_tokens": request.max_tokens, "stream": True}
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
    return b"".join((msgspec.json.encode(head)[:-1], b',"messages":[', b",".join(request.messages), b"]}"))
