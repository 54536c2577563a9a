"""The answers of the Messages API as bytes: whole messages, event streams and errors."""

from collections.abc import Iterator
from typing import Any

import msgspec

from tests.scripted.script import Step

ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""The error types of the API by status (its page on errors)."""

encode = msgspec.json.encode


def error(status: int, message: str, kind: str = "", code: str = "") -> dict[str, Any]:
    """The body of an error answer, and the data of an `error` event."""
    inner: dict[str, Any] = {"type": kind or ERRORS.get(status, "api_error"), "message": message}
    if code:
        inner["details"] = {"error_code": code}
    return {"type": "error", "error": inner, "request_id": "req_scripted"}


def content(step: Step, name: str) -> list[dict[str, Any]]:
    """The content blocks of a reply; ids are made from `name`, so that the same step always gives the same."""
    blocks: list[dict[str, Any]] = []
    if step.thinking:
        blocks.append({"type": "thinking", "thinking": step.thinking, "signature": f"sig-{name}"})
    text = encode(step.json).decode() if step.json is not None else step.text
    if text:
        blocks.append({"type": "text", "text": text})
    for n, tool in enumerate(step.tools):
        use = {"type": "tool_use", "id": tool.id or f"toolu_{name}_{n}", "name": tool.name, "input": tool.input}
        blocks.append(use)
    return blocks


def message(step: Step, name: str, model: str, usage: dict[str, Any]) -> dict[str, Any]:
    """A whole reply, as without streaming."""
    return {
        "id": f"msg_{name}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content(step, name),
        "stop_reason": step.stop_reason or ("tool_use" if step.tools else "end_turn"),
        "stop_sequence": None,
        "usage": usage,
    }


def _deltas(step: Step, block: dict[str, Any], tool: int) -> Iterator[dict[str, Any]]:
    def pieces(text: str) -> Iterator[str]:
        return (text[i : i + step.chunk] for i in range(0, len(text), step.chunk))

    match block["type"]:
        case "thinking":
            yield from ({"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"]))
            yield {"type": "signature_delta", "signature": block["signature"]}
        case "text":
            yield from ({"type": "text_delta", "text": piece} for piece in pieces(block["text"]))
        case "tool_use":
            partial = step.tools[tool].partial
            whole = encode(block["input"]).decode() if partial is None else partial
            yield {"type": "input_json_delta", "partial_json": ""}
            yield from ({"type": "input_json_delta", "partial_json": piece} for piece in pieces(whole))


def _opened(block: dict[str, Any]) -> dict[str, Any]:
    empty: dict[str, Any] = {"thinking": {"thinking": "", "signature": ""}, "text": {"text": ""}}
    return {**block, **empty.get(block["type"], {"input": {}})}


def events(step: Step, whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The events of a streamed reply, in the order and with the fields of the real API."""
    usage, blocks = whole["usage"], whole["content"]
    first = {**usage, "output_tokens": 1}
    start = {**whole, "content": [], "stop_reason": None, "usage": first}
    yield {"type": "message_start", "message": start}
    tools = 0
    for index, block in enumerate(blocks):
        yield {"type": "content_block_start", "index": index, "content_block": _opened(block)}
        if index == 0:
            yield {"type": "ping"}
        for delta in _deltas(step, block, tools):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
        tools += block["type"] == "tool_use"
    cumulative = {name: count for name, count in usage.items() if isinstance(count, int)}
    ending = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    if whole["stop_reason"] == "refusal":
        ending["stop_details"] = {"type": "refusal", "category": "cyber", "explanation": None}
    yield {"type": "message_delta", "delta": ending, "usage": cumulative}
    yield {"type": "message_stop"}


def sse(event: dict[str, Any]) -> bytes:
    """One event on the wire."""
    return b"event: " + str(event["type"]).encode() + b"\ndata: " + encode(event) + b"\n\n"
