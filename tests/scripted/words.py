"""The messages of a client, as the bytes that go out."""

import msgspec


def user(text: str) -> bytes:
    """A user message of one text block."""
    return msgspec.json.encode({"role": "user", "content": [{"type": "text", "text": text}]})


def result(call: str, text: str, *, error: bool = False) -> bytes:
    """A user message that answers one tool call."""
    block = {"type": "tool_result", "tool_use_id": call, "content": text}
    return msgspec.json.encode({"role": "user", "content": [block | ({"is_error": True} if error else {})]})
