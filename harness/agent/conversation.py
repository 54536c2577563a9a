"""A conversation: append-only, and the same bytes whether it lives or is rebuilt from its events."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from harness.events import (
    ConversationOpened,
    Event,
    ModelReplied,
    ModelRequested,
    Role,
    Told,
    ToolFinished,
    ToolStarted,
    Usage,
)
from harness.models import bound
from harness.models.base import Request, ToolCall, ToolSchema

_FLEETING = re.compile(r"\b\d+(?:\.\d+)? ?(?:ms|s|sec|seconds)\b|\b0x[0-9a-f]{4,}\b")
_tools = msgspec.json.Decoder(tuple[ToolSchema, ...])


class Unreplayable(Exception):
    """The events of a conversation do not give it back: erased, incomplete or not of one conversation."""

    def __init__(self, conversation: str, why: str) -> None:
        self.what = f"the conversation {conversation} cannot be taken up again"
        self.why, self.fix = why, "start a new conversation from the work tree"
        super().__init__(f"{self.what}: {why}")


class Conversation:
    """A fold over the events of one conversation: `apply` takes each in, `request` closes the user message.

    Whoever holds it live applies each event that was stored, `replay` applies the stored ones: so both are the
    same, byte for byte. What the model is told is exactly `ToolFinished.output` and `Told.text`.
    """

    def __init__(self, opened: ConversationOpened) -> None:
        if not opened.tools or not opened.first:
            raise Unreplayable(opened.conversation, "its opening was erased from the journal")
        self._opened = opened
        self.id, self.role, self.model, self.system = opened.conversation, opened.role, opened.model, opened.system
        self.tools = _tools.decode(opened.tools)
        self._names = {tool.name for tool in self.tools}
        self.call = 0
        """The number of the last model call that was begun."""
        self.turns = 0
        """Replies so far."""
        self.usage: Usage | None = None
        """What the last reply used."""
        self.previous = ""
        """The last reply's own id."""
        self.written = 0
        """Tokens of all replies so far."""
        self.cuts = 0
        """Replies in a row that ran into their length limit."""
        self.foreign: list[str] = []
        """Names of tools that were called and are not in the list."""
        self.shrank = 0
        """Tokens by which the last prompt was smaller than the one it extends: the server had cut it."""
        self.bytes_since = 0
        """Bytes of the messages after the last reply (before the first reply: of all messages)."""
        self.stop_reason, self.text = "", ""
        self.calls: tuple[ToolCall, ...] = ()
        """What the last reply wants run."""
        self.waiting = False
        """The last message is the user's: it is sent or about to be, and nothing can be added to it."""
        self.final: tuple[ToolFinished, ToolCall] | None = None
        """The call that ended the conversation."""
        self.said: list[str] = []
        """Why things were told in the user message that is being written."""
        self.told: set[str] = set()
        """Why things were ever told."""
        self.keys: list[bytes] = []
        """What each call did, as a digest of tool, arguments and result; equal ones of one turn count once."""
        self.statuses: list[str] = []
        """The status of each call that was tried."""
        self._messages: list[bytes] = []
        self._texts = [opened.first]
        self._answers: list[ToolFinished | None] = []
        self._started: set[str] = set()
        self._turn_keys: set[bytes] = set()
        self._bytes = len(opened.system.encode()) + len(opened.tools.encode())
        self._schema = 0

    @classmethod
    def open(
        cls, *, id: str, role: Role, model: str, system: str, tools: tuple[ToolSchema, ...], first: str
    ) -> "Conversation":
        """A new conversation; `opened()` is the event that has to be stored before anything is sent."""
        wire = msgspec.json.encode(tools).decode()
        return cls(ConversationOpened(conversation=id, role=role, model=model, system=system, tools=wire, first=first))

    def opened(self) -> ConversationOpened:
        """The event this conversation began with."""
        return self._opened

    def request(self, max_tokens: int, schema: dict[str, Any] | None = None) -> Request:
        """The next call. Closes the user message: what is told from here on goes into the one after."""
        self._seal()
        self._schema = len(msgspec.json.encode(schema)) if schema else 0
        return Request(
            system=self.system,
            tools=self.tools,
            messages=tuple(self._messages),
            max_tokens=max_tokens,
            schema=schema,
            previous=self.previous,
        )

    def bound(self) -> int:
        """Tokens that the prompt of the current request cannot exceed."""
        if self.usage is None or not self.usage.prompt:  # some servers do not count
            return bound(None, self._bytes + self._schema)
        return bound(self.usage, self.bytes_since)

    def unanswered(self) -> Iterator[tuple[ToolCall, bool]]:
        """The calls of the last reply without a result, and whether each was started; answer as you go."""
        for place, call in enumerate(self.calls):
            if self._answers[place] is None:
                yield call, call.id in self._started

    def apply(self, event: Event) -> None:
        """Take one event in. Events that say nothing to a conversation are ignored."""
        match event:
            case ModelRequested():
                self._seal()
                self.call = max(self.call, event.call)
            case ModelReplied():
                self._reply(event)
            case ToolStarted():
                self._started.add(event.call)
            case ToolFinished():
                self._finish(event)
            case Told():
                self._texts.append(event.text)
                self.said.append(event.why)
                self.told.add(event.why)
            case _:
                pass

    def _seal(self) -> None:
        if self.waiting:
            return
        blocks = [_result(answer) for answer in self._answers if answer is not None]
        blocks += [{"type": "text", "text": text} for text in self._texts if text.strip()]
        message = msgspec.json.encode({"role": "user", "content": blocks})
        self._add(message)
        self.bytes_since += len(message)
        self._texts, self.said, self.waiting = [], [], True

    def _add(self, message: bytes) -> None:
        self._messages.append(message)
        self._bytes += len(message)

    def _reply(self, event: ModelReplied) -> None:
        if not event.wire:
            raise Unreplayable(self.id, f"reply {event.call} was erased from the journal")
        self._seal()
        self._add(event.wire.encode())
        blocks = json.loads(event.wire)["content"]
        self.calls = _calls(blocks, event.stop_reason)
        self._answers = [None] * len(self.calls)
        self.waiting = False
        if self.usage and self.usage.prompt and event.usage.prompt:
            self.shrank = max(0, self.usage.prompt - event.usage.prompt)
        self.stop_reason, self.text, self.usage = event.stop_reason, event.text, event.usage
        self.previous = event.message
        self.written += event.usage.output
        self.cuts = self.cuts + 1 if event.stop_reason == "max_tokens" else 0
        self.turns += 1
        self.bytes_since = 0
        self._started.clear()
        self._turn_keys.clear()

    def _finish(self, event: ToolFinished) -> None:
        for place, call in enumerate(self.calls):
            if call.id == event.call and self._answers[place] is None:
                break
        else:
            raise Unreplayable(self.id, f"the result of {event.call} answers no call")
        self._answers[place] = event
        self._started.discard(event.call)
        if event.final is not None:
            self.final = event, call
        if event.status == "skipped":
            return
        self.statuses.append(event.status)
        if call.name not in self._names:
            self.foreign.append(event.name)
        key = _key(call, event)
        if key not in self._turn_keys:
            self._turn_keys.add(key)
            self.keys.append(key)


def replay(events: Iterable[Event], conversation: str) -> Conversation:
    """The conversation that left these events (those of others are skipped). Raises `Unreplayable`."""
    found: Conversation | None = None
    for event in events:
        if getattr(event, "conversation", None) != conversation:
            continue
        if isinstance(event, ConversationOpened):
            found = Conversation(event)
        elif found is not None:
            found.apply(event)
    if found is None:
        raise Unreplayable(conversation, "the journal has no such conversation")
    return found


def _result(event: ToolFinished) -> dict[str, Any]:
    block = {"type": "tool_result", "tool_use_id": event.call, "content": event.output}
    return block if event.status == "ok" else block | {"is_error": True}


def _calls(blocks: list[dict[str, Any]], stop_reason: str) -> tuple[ToolCall, ...]:
    """The tool calls of a reply; an empty one at the end of a reply that ran out of room was cut off."""
    cut = blocks[-1] if stop_reason == "max_tokens" else None
    return tuple(
        ToolCall(block["id"], block["name"], block["input"] or (None if block is cut else {}))
        for block in blocks
        if block.get("type") == "tool_use"
    )


def _key(call: ToolCall, event: ToolFinished) -> bytes:
    """What a call did: durations and addresses of a result are left out, since they make no progress."""
    result = _FLEETING.sub("", event.output)
    return hashlib.blake2b(
        f"{call.name}\0{call.input!r}\0{result}".encode(errors="backslashreplace"), digest_size=16
    ).digest()
