"""The reply, collected from the server-sent events of a stream."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from harness.events import Usage
from harness.models.base import Reply, ToolCall

EMPTY_REPLY = "(no reply)"
"""Stands for a reply without content, which the API sends but does not take back."""


_FOREIGN = re.compile("[^\x00-\x7e]+")


class _Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""
    stop_reason: str | None = None
    stop_details: dict[str, Any] | None = None


class _Written(msgspec.Struct):
    ephemeral_1h_input_tokens: int | None = None


class _Counted(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation: _Written | None = None
    inference_geo: str | None = None


class _Diagnosed(msgspec.Struct):
    cache_miss_reason: dict[str, Any] | None = None


class _Message(msgspec.Struct):
    id: str = ""
    model: str = ""
    usage: _Counted | None = None
    diagnostics: _Diagnosed | None = None


class ErrorBody(msgspec.Struct):
    """What an error answer or event says."""

    type: str = ""
    message: str = ""
    details: dict[str, Any] | None = None

    @property
    def code(self) -> str:
        code = (self.details or {}).get("error_code")
        return code if isinstance(code, str) else ""


class Event(msgspec.Struct):
    """An event of any type: the fields that matter, of all of them."""

    type: str = ""
    index: int = 0
    message: _Message | None = None
    content_block: dict[str, Any] | None = None
    delta: _Delta | None = None
    usage: _Counted | None = None
    error: ErrorBody | None = None


_events = msgspec.json.Decoder(Event)
_objects = msgspec.json.Decoder(dict[str, Any])


class Broken(Exception):
    """The stream holds something that is no event."""


def events(chunks: Iterable[bytes]) -> Iterator[Event]:
    """The events of a stream of bytes, however it was cut into chunks. Raises `Broken`.

    Only `data` lines are read: each event names its type in its data, too. The API writes every event's data on
    one line; data over several lines is joined, as the standard for server-sent events has it.
    """
    rest, data = b"", b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for raw in lines:
            line = raw.rstrip(b"\r")
            if line.startswith(b"data:"):
                data = data + b"\n" + line[5:] if data else line[5:]
            elif not line and data:
                whole, data = data, b""
                if whole.strip() == b"[DONE]":  # some servers end the way another vendor's API does
                    continue
                try:
                    yield _events.decode(whole)
                except msgspec.DecodeError as error:
                    raise Broken(str(error)) from None


class _Block:
    """A content block that is still arriving."""

    def __init__(self, first: dict[str, Any]) -> None:
        self.first = first
        self.parts: dict[str, list[str]] = {}

    @property
    def kind(self) -> str:
        """`text`, `thinking`, `tool_use` and whatever else there is."""
        return str(self.first.get("type", ""))

    def add(self, field: str, piece: str) -> None:
        if piece:
            self.parts.setdefault(field, []).append(piece)

    def joined(self, field: str) -> str:
        before = self.first.get(field)
        return (before if isinstance(before, str) else "") + "".join(self.parts.get(field, ()))


class Collector:
    """Puts a reply together. It is whole only after `message_stop` with a stop reason: see `whole`."""

    def __init__(self, on_text: Callable[[str, str], None] | None = None) -> None:
        self.error: ErrorBody | None = None
        self._on_text = on_text
        self._blocks: dict[int, _Block] = {}
        self._counts: dict[str, int] = {}
        self._model, self._geo, self._stop, self._detail, self._ended = "", "", "", "", False
        self._id, self._missed = "", ""

    @property
    def whole(self) -> bool:
        """Whether the reply came to its end; before that nothing of it may be used."""
        return self._ended and bool(self._stop) and self.error is None

    @property
    def begun(self) -> bool:
        """Whether the server has begun to answer."""
        return bool(self._counts or self._blocks)

    def feed(self, event: Event) -> None:
        """Take the next event."""
        match event.type:
            case "content_block_delta" if event.delta is not None and event.index in self._blocks:
                self._delta(self._blocks[event.index], event.delta)
            case "content_block_start" if event.content_block is not None:
                self._blocks[event.index] = block = _Block(event.content_block)
                if self._on_text is not None and block.kind == "tool_use":
                    self._on_text("tool", block.joined("name"))
            case "content_block_stop" if self._on_text is not None and event.index in self._blocks:
                if (kind := self._blocks[event.index].kind) in ("text", "thinking"):
                    self._on_text(kind, "")
            case "message_start" if event.message is not None:
                self._model, self._id = event.message.model, event.message.id
                if event.message.diagnostics is not None:
                    self._missed = str((event.message.diagnostics.cache_miss_reason or {}).get("type", ""))
                self._count(event.message.usage)
            case "message_delta":
                self._count(event.usage)
                if event.delta is not None and event.delta.stop_reason:
                    self._stop = event.delta.stop_reason
                    self._detail = str((event.delta.stop_details or {}).get("category") or "")
            case "message_stop":
                self._ended = True
            case "error":
                self.error = event.error or ErrorBody(type="api_error")
            case "" if event.error is not None:
                self.error = event.error

    def _delta(self, block: _Block, delta: _Delta) -> None:
        for field in ("text", "thinking", "signature", "partial_json"):
            block.add(field, getattr(delta, field))
        if self._on_text is not None and (delta.text or delta.thinking):
            self._on_text("text" if delta.text else "thinking", delta.text or delta.thinking)

    def _count(self, usage: _Counted | None) -> None:
        if usage is None:
            return
        for field in ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"):
            count = getattr(usage, field)
            if count is not None:
                self._counts[field] = max(0, count)
        if usage.cache_creation is not None:
            self._counts["1h"] = usage.cache_creation.ephemeral_1h_input_tokens or 0
        self._geo = usage.inference_geo or self._geo

    def usage(self) -> Usage:
        """What the server counted. Cache writes it does not break down are taken for the dearer kind."""
        written = self._counts.get("cache_creation_input_tokens", 0)
        hour = min(written, self._counts.get("1h", written))
        return Usage(
            input=self._counts.get("input_tokens", 0),
            output=self._counts.get("output_tokens", 0),
            cache_read=self._counts.get("cache_read_input_tokens", 0),
            cache_write_5m=written - hour,
            cache_write_1h=hour,
        )

    def reply(self, *, model: str, request_id: str, micros: int) -> Reply:
        """The reply, once it is `whole`."""
        blocks = [self._blocks[index] for index in sorted(self._blocks)]
        calls = []
        content: list[dict[str, Any]] = []
        for place, block in enumerate(blocks):
            cut = self._stop != "tool_use" and place == len(blocks) - 1
            match block.first.get("type"):
                case "tool_use":
                    call, raw = _call(block, cut)
                    calls.append(call)
                    content.append({**block.first, "input": raw})
                case "text" if not block.joined("text").strip():
                    continue  # the API sends blank text, but does not take it back
                case _:
                    fields = {field: block.joined(field) for field in ("text", "thinking", "signature")}
                    content.append({**block.first, **{k: v for k, v in fields.items() if v or k in block.first}})
        content = content or [{"type": "text", "text": EMPTY_REPLY}]
        return Reply(
            stop_reason=self._stop,
            text="".join(block.joined("text") for block in blocks),
            thinking="".join(block.joined("thinking") for block in blocks),
            calls=tuple(calls),
            wire=_ascii({"role": "assistant", "content": content}),
            usage=self.usage(),
            model=self._model or model,
            request_id=request_id,
            micros=micros,
            geo=self._geo,
            id=self._id,
            missed=self._missed,
            detail=self._detail,
        )


def _call(block: _Block, cut: bool) -> tuple[ToolCall, msgspec.Raw]:
    """A tool call, and its input as it goes back: the very bytes that came, or `{}` where those are no object."""
    partial = "".join(block.parts.get("partial_json", ()))
    name, id_ = str(block.first.get("name", "")), str(block.first.get("id", ""))
    given: dict[str, Any] | None = block.first.get("input") or {}
    raw = msgspec.json.encode(given)
    if partial:
        try:
            given, raw = _objects.decode(partial), partial.encode()
        except msgspec.DecodeError:
            given, raw = None, b"{}"
    elif cut and not given:
        given = None
    return ToolCall(id_, name, given), msgspec.Raw(raw)


def _ascii(message: dict[str, Any]) -> bytes:
    """`message` as JSON that no terminal acts on, wherever it is printed: what is not plain ASCII is escaped."""
    encoded = msgspec.json.encode(message)
    if encoded.isascii() and b"\x7f" not in encoded:
        return encoded
    return _FOREIGN.sub(lambda found: json.dumps(found[0])[1:-1], encoded.decode()).encode()
