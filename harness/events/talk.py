"""Conversations with models: requests, replies, tools, and what they cost."""

from typing import Literal

import msgspec

from harness.events.base import Fact, Role


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one call as the server counted them. `input` excludes what the cache served or stored."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0

    @property
    def prompt(self) -> int:
        """All tokens of the request, cached or not (what thresholds and context limits go by)."""
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h

    @property
    def total(self) -> int:
        return self.prompt + self.output

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input=self.input + other.input,
            output=self.output + other.output,
            cache_read=self.cache_read + other.cache_read,
            cache_write_5m=self.cache_write_5m + other.cache_write_5m,
            cache_write_1h=self.cache_write_1h + other.cache_write_1h,
        )


class ConversationOpened(Fact, frozen=True, kw_only=True, tag="conversation.opened"):
    """A new conversation: one model, one system prompt, one tool list, append-only from here."""

    bulk = ("system", "tools", "first")
    conversation: str
    """`<role>.<iteration>[.<round>]`, unique in the run."""
    role: Role
    model: str
    system: str = ""
    tools: str = ""
    """The tool list as wire JSON."""
    first: str = ""
    """The text of the first user message."""


class ModelRequested(Fact, frozen=True, kw_only=True, tag="model.requested"):
    """Intent: the worst case of this attempt is reserved, the request goes out next."""

    bulk = ("params",)
    conversation: str
    call: int
    attempt: int
    model: str
    reserved: int
    request: str = ""
    """SHA-256 of the request's body as it goes over the wire."""
    params: str = ""
    """What the body holds besides the conversation, as JSON: length limit, schema, effort."""
    tokens: int = 0
    """Reserved with it: the prompt's upper bound and a whole reply."""


class ModelReplied(Fact, frozen=True, kw_only=True, tag="model.replied"):
    bulk = ("text", "thinking", "wire")
    conversation: str
    call: int
    model: str
    stop_reason: str
    usage: Usage
    cost: int
    calls: int
    micros: int
    request_id: str = ""
    message: str = ""
    """The message's own id, by which the next request lets the server say why a cache was missed."""
    missed: str = ""
    """Why the server says that it was (`tools_changed`, `unavailable`)."""
    text: str = ""
    thinking: str = ""
    wire: str = ""
    """The assistant message as JSON, verbatim; never shown."""
    geo: str = ""
    """The region the server says it ran in."""
    detail: str = ""
    """The category of a refusal, where the server names one."""
    malformed: tuple[str, ...] = ()
    """Ids of the calls whose arguments were cut off or no JSON: the wire no longer shows it."""


class ModelFailed(Fact, frozen=True, kw_only=True, tag="model.failed"):
    conversation: str
    call: int
    attempt: int
    model: str
    kind: str
    message: str
    cost: int
    """Charged for the attempt: its whole reservation when its outcome is unknown."""
    tokens: int = 0
    """Charged with it."""
    retry_micros: int | None = None
    """The pause before the next attempt; None when there is none."""


class ToolStarted(Fact, frozen=True, kw_only=True, tag="tool.started"):
    bulk = ("input",)
    conversation: str
    call: str
    name: str
    summary: str
    input: str = ""


class ToolFinished(Fact, frozen=True, kw_only=True, tag="tool.finished"):
    """`output` is exactly what the model is told."""

    bulk = ("output",)
    conversation: str
    call: str
    name: str
    status: Literal["ok", "error", "environment", "skipped"]
    """`error` is the model's mistake, `environment` the harness's or the sandbox's; a command that ran is `ok`,
    whatever its exit code."""
    micros: int
    output: str = ""
    final: str | None = None
    """`finish` or `blocked`: this call ends the conversation."""


class Told(Fact, frozen=True, kw_only=True, tag="told"):
    """Words of the harness or of a supervisor, appended after the turn's tool results."""

    conversation: str
    why: str
    """repeat, wrap_up, steer, quiet, cut, handover"""
    text: str


class ConversationEnded(Fact, frozen=True, kw_only=True, tag="conversation.ended"):
    conversation: str
    ending: str
    detail: str = ""
    value: int = 0
    """Of the breaker that ended it, if one did, and its limit."""
    limit: int = 0
