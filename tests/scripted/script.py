"""What the scripted model plays: conversations of steps, from Python or from JSON.

    {"claude-sonnet-5-5": [[step, step], {"match": "parse_range", "steps": [step], "repeat": 50, "then": [step]}]}

A step is an object with the fields of `Step`, or a list of such objects: the attempts at that step in order, of
which the last one answers for ever. The model name `*` stands for every model that is not named.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec


class Tool(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One tool call of a reply. `partial` is sent as the JSON of the input instead of `input`: a call cut off."""

    name: str
    input: dict[str, Any] = {}
    id: str = ""
    partial: str | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One answer of the model, and what goes wrong with it.

    `stop_reason` defaults to `tool_use` when there are tools and to `end_turn` otherwise. `usage` overrides what
    the server counts. The three `*_after` fields count events of the stream as a slice does, so that -1 is
    everything but `message_stop`.
    """

    text: str = ""
    thinking: str = ""
    tools: tuple[Tool, ...] = ()
    json: Any = None
    """Structured output: becomes the text."""
    stop_reason: str | None = None
    usage: dict[str, int] = {}
    delay_ms: int = 0
    """Before the answer begins."""
    pace_ms: int = 0
    """Between events."""
    chunk: int = 400
    """Characters of each delta."""
    packet: int = 0
    """Bytes of each write of the stream; 0 writes as much as there is."""

    status: int = 200
    """Another status is an error; 0 closes the connection without an answer."""
    error: str = ""
    """The error's type, where it is not the usual one of `status`, and that of `error_after`."""
    code: str = ""
    """The error's finer code (`details.error_code`)."""
    message: str = ""
    retry_after: str | None = None
    cut_after: int | None = None
    """End the stream after this many events: cleanly, or with the connection when `abrupt`."""
    abrupt: bool = False
    error_after: int | None = None
    """Send an `error` event after this many events, inside the 200."""
    hang_after: int | None = None
    """Send nothing any more after this many events, until the client or the server leaves."""

    @property
    def whole(self) -> bool:
        """Whether the reply arrives complete."""
        faults = (self.cut_after, self.error_after, self.hang_after)
        return self.status == 200 and all(fault is None for fault in faults)


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What a Python function that plays a step gets to see."""

    model: str
    conversation: int
    step: int
    attempt: int
    body: dict[str, Any]


Play = Callable[[Ask], Step]
Turn = Step | tuple[Step, ...] | Play


class Conversation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`steps`, played `repeat` times, and `then`; after that `default`, if there is one."""

    steps: Sequence[Any] = ()
    repeat: int = 1
    then: Sequence[Any] = ()
    default: Any = None
    match: str = ""
    """Take this conversation only for a first request (system and first message) that contains these words."""
    again: bool = False
    """May be taken any number of times."""
    shared: bool = False
    """Several clients play this very conversation with the same words at once: each may be at its own step."""

    def turn(self, step: int) -> Turn | None:
        """What is played as the answer number `step`; None when the script ends before it."""
        played = len(self.steps) * self.repeat
        if step < played:
            return _turn(self.steps[step % len(self.steps)])
        if step - played < len(self.then):
            return _turn(self.then[step - played])
        return None if self.default is None else _turn(self.default)


Script = dict[str, list[Conversation]]


def _turn(raw: Any) -> Turn:
    match raw:
        case Step():
            return raw
        case list() | tuple():
            return tuple(msgspec.convert(one, Step) if isinstance(one, dict) else one for one in raw)
        case dict():
            return msgspec.convert(raw, Step)
        case _ if callable(raw):
            play: Play = raw
            return play
        case _:
            raise TypeError(f"not a step: {raw!r}")


def _conversation(raw: Any) -> Conversation:
    match raw:
        case Conversation():
            made = raw
        case Mapping():
            made = msgspec.convert(dict(raw), Conversation)
        case Sequence():
            made = Conversation(steps=raw)
        case _ if callable(raw):
            made = Conversation(default=raw)
        case _:
            raise TypeError(f"not a conversation: {raw!r}")
    for step in [*made.steps, *made.then]:
        _turn(step)
    return made


def script(raw: Mapping[str, Sequence[Any]] | Path) -> Script:
    """Read a script, from JSON when `raw` is a path. Raises on anything that is not understood."""
    whole = msgspec.json.decode(raw.read_bytes()) if isinstance(raw, Path) else raw
    return {model: [_conversation(one) for one in conversations] for model, conversations in whole.items()}
