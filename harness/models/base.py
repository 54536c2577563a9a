"""What a model is: one interface, one request, one reply."""

from collections.abc import Callable
from typing import Any, Literal, Protocol

import msgspec

from harness.events import Usage


class ToolSchema(msgspec.Struct, frozen=True):
    """A tool as the model sees it."""

    name: str
    description: str
    input_schema: dict[str, Any]


Effort = Literal["low", "medium", "high", "xhigh", "max"]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One call. `messages` are wire JSON, encoded once and never again: each request extends the one before."""

    system: str
    tools: tuple[ToolSchema, ...]
    messages: tuple[bytes, ...]
    max_tokens: int
    schema: dict[str, Any] | None = None
    """A JSON schema the reply's text must follow (`output_config.format`)."""
    effort: Effort | None = None
    """How hard the model should try, where its profile knows of effort."""
    previous: str = ""
    """The id of the reply before, for servers that say why a cache was missed."""


class ToolCall(msgspec.Struct, frozen=True):
    """A tool the model wants run. `input` is None when its JSON was cut off or malformed: never execute that."""

    id: str
    name: str
    input: dict[str, Any] | None


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One whole reply. `wire` is the assistant message as JSON, to be sent back verbatim, never to be shown."""

    stop_reason: str
    text: str
    thinking: str
    calls: tuple[ToolCall, ...]
    wire: bytes
    usage: Usage
    model: str
    request_id: str = ""
    micros: int = 0
    geo: str = ""
    """The region the server says it ran in; some regions cost more."""
    id: str = ""
    """The message's own."""
    missed: str = ""
    """Why the server could not serve the prompt from its cache, in its own word (`tools_changed`)."""
    detail: str = ""
    """With the stop reason `refusal`: its category, where the server names one."""


ErrorKind = Literal[
    "rate_limited", "overloaded", "server", "cut", "timeout", "unreachable",  # worth another attempt
    "auth", "permission", "credit", "bad_request", "too_large", "not_found",  # not
]  # fmt: skip


class ModelError(Exception):
    """One attempt failed. `charged` tells whether the server may have billed it (unknown outcome = True)."""

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        *,
        charged: bool,
        retry_after: float | None = None,
        status: int = 0,
    ) -> None:
        super().__init__(message)
        self.kind, self.message, self.charged = kind, message, charged
        self.retry_after, self.status = retry_after, status

    @property
    def transient(self) -> bool:
        return self.kind in ("rate_limited", "overloaded", "server", "cut", "timeout", "unreachable")


class Model(Protocol):
    """A model behind the Messages API. One instance serves many threads and conversations."""

    @property
    def name(self) -> str: ...

    def attempt(self, request: Request, *, timeout: float, on_text: Callable[[str, str], None] | None = None) -> Reply:
        """Make one attempt, streaming; no retries of its own.

        `timeout` (seconds) bounds the whole attempt. `on_text(kind, delta)` hears `text` and `thinking` as they
        arrive, an empty delta at the end of each block of them, and of a call that begins the name of its `tool`.
        Raises `ModelError`; a reply that was cut before its end is an error, never a partial reply.
        """
        ...

    def interrupt(self) -> None:
        """Close the streams that are open, from another thread: their attempts fail as `cut`."""
        ...
