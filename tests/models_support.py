"""What the tests of the models share: credentials for the scripted server, profiles, requests, a drained call."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.events import Event
from harness.models import Ledger, MessagesModel, Model, ModelError, Profile, Reply, Request, ToolSchema, ask, load
from tests.scripted import ScriptedServer, Step, Tool
from tests.scripted.words import user

NAME = "claude-sonnet-5-5"
KEY = "sk-ant-test-0123456789abcdef"
SONNET = load().profile(NAME)
TOOLS = (ToolSchema("bash", "runs a command", {"type": "object", "properties": {"command": {"type": "string"}}}),)
LS = Step(text="looking", thinking="hm", tools=(Tool(name="bash", input={"command": "ls"}),))


def credentials(monkeypatch: pytest.MonkeyPatch, place: Path, key: str = KEY) -> None:
    """An environment in which the SDK finds `key` and nothing of this machine's user."""
    for name in ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "ANTHROPIC_PROFILE", "ANTHROPIC_CUSTOM_HEADERS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ANTHROPIC_CONFIG_DIR", str(place))
    monkeypatch.setenv("ANTHROPIC_API_KEY", key)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def playing(*conversation: Any, **options: Any) -> ScriptedServer:
    """A server that plays one conversation."""
    return ScriptedServer({NAME: [list(conversation)]}, **options)


def hello(**more: Any) -> Request:
    """The first request of a conversation."""
    given: dict[str, Any] = {
        "system": "be good",
        "tools": TOOLS,
        "messages": (user("hello"),),
        "max_tokens": 1_000,
    }
    return Request(**(given | more))


def attempted(server: ScriptedServer, request: Request | None = None, profile: Profile = SONNET) -> Reply:
    """One attempt with a model of its own."""
    return MessagesModel(profile, base_url=server.url).attempt(request or hello(), timeout=30)


def failed(server: ScriptedServer, **more: Any) -> ModelError:
    """How one attempt fails."""
    with pytest.raises(ModelError) as failure:
        MessagesModel(SONNET, base_url=server.url).attempt(hello(), **({"timeout": 30} | more))
    return failure.value


class Pauses:
    """Waits for nothing and remembers how long it should have."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


class Called:
    """A call that was drained: its events, and its reply or how it failed."""

    def __init__(self, model: Model, ledger: Ledger, profile: Profile = SONNET, **more: Any) -> None:
        self.events: list[Event] = []
        self.pauses = Pauses()
        self.reply: Reply | None = None
        self.error: Exception | None = None
        given: dict[str, Any] = {
            "conversation": "maker.1",
            "call": 1,
            "prompt_bound": 5_000,
            "deadline": time.monotonic() + 600,
            "wait": self.pauses,
        }
        request = more.pop("request", None) or hello()
        asking = ask(model, profile, ledger, request, **(given | more))
        try:
            self.reply = yield_all(asking, self.events)
        except Exception as error:  # handed to the test, which says what it must be
            self.error = error

    def kinds(self) -> list[str]:
        """The events by name."""
        return [type(event).__name__ for event in self.events]


def yield_all(asking: Iterator[Event], into: list[Event]) -> Any:
    """Drain a generator and give what it returns."""
    while True:
        try:
            into.append(next(asking))
        except StopIteration as stop:
            return stop.value
