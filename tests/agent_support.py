"""What the tests of the agent share: conversations by hand, and the real parts under them."""

import time
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import strategies as st

from harness.agent import Conversation, Ending, Toolbox, TurnLimits, checker_tools, maker_tools, prompt, turns
from harness.events import Event, ModelReplied, ModelRequested, Told, ToolFinished, ToolStarted, Usage
from harness.models import Ledger, MessagesModel, Profile, Reply, Request, ToolCall, ToolSchema, ask, load
from sandboxes.base import Sandbox, Spec
from sandboxes.docker import DockerEngine
from sandboxes.owner import give
from sandboxes.workspace import agent_uid
from tests.scripted import ScriptedServer, Step, Tool

NAME = "maker.1"
ECHO = ToolSchema("echo", "Says it.", {"type": "object", "properties": {"words": {"type": "string"}}})


def opened(**fields: Any) -> Conversation:
    """A conversation that has just begun."""
    given = {"id": NAME, "role": "maker", "model": "m", "system": "Work.", "tools": (ECHO,), "first": "Do it."}
    return Conversation.open(**(given | fields))


def requested(call: int, attempt: int = 1) -> ModelRequested:
    return ModelRequested(conversation=NAME, call=call, attempt=attempt, model="m", reserved=7)


def replied(call: int, *blocks: dict[str, Any], stop: str = "tool_use", prompt: int = 100) -> ModelReplied:
    words = "".join(block.get("text", "") for block in blocks)
    return ModelReplied(
        conversation=NAME,
        call=call,
        model="m",
        stop_reason=stop,
        usage=Usage(input=prompt, output=10),
        cost=1,
        calls=sum(block["type"] == "tool_use" for block in blocks),
        micros=1,
        text=words,
        wire=msgspec.json.encode({"role": "assistant", "content": blocks}).decode(),
    )


def use(id: str, name: str = "echo", **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": name, "input": given}


def said(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def started(id: str, name: str = "echo") -> ToolStarted:
    return ToolStarted(conversation=NAME, call=id, name=name, summary="")


def finished(id: str, output: str = "done", status: Any = "ok", **more: Any) -> ToolFinished:
    return ToolFinished(conversation=NAME, call=id, name="echo", status=status, micros=1, output=output, **more)


def told(text: str, why: str = "steer") -> Told:
    return Told(conversation=NAME, why=why, text=text)


def messages(conversation: Conversation) -> tuple[bytes, ...]:
    """What would be sent now."""
    return conversation.request(1_000).messages


NASTY = "ab <>/\\\"'\n\t\r\x00\x7fé\u2028\ufeff\uffff😀"


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Everything that can happen in a conversation up to any moment, failed attempts and interleaving included."""
    words = st.text(NASTY, max_size=12)
    events: list[Event] = []
    for call in range(1, draw(st.integers(0, 5)) + 1):
        events += [requested(call, attempt) for attempt in range(1, draw(st.integers(1, 3)) + 1)]
        events += [told(draw(words))] * draw(st.integers(0, 1))
        ids = [f"{call}.{place}" for place in range(draw(st.integers(0, 3)))]
        blocks = [said(draw(words)), *(use(id, words=draw(words)) for id in ids)]
        events.append(replied(call, *blocks, stop=draw(st.sampled_from(["tool_use", "end_turn", "max_tokens"]))))
        for id in ids:
            events += [started(id)] * draw(st.integers(0, 1))
            status = draw(st.sampled_from(["ok", "error", "environment", "skipped"]))
            events.append(finished(id, draw(words), status))
        events += [told(draw(words), draw(st.sampled_from(["steer", "quiet"]))) for _ in range(draw(st.integers(0, 2)))]
        if not ids:
            events.append(told("go on", "quiet"))
    return events[: draw(st.integers(0, len(events)))]


@contextmanager
def opened_sandbox(
    place: Path, image: str, files: Mapping[str, str | bytes], env: Mapping[str, str] | None = None
) -> Iterator[Sandbox]:
    """A real container whose work tree holds `files`."""
    seed, run = place / "seed", f"test-{uuid.uuid4().hex[:12]}"
    for name, content in files.items():
        path = seed / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    give(seed, agent_uid())
    engine = DockerEngine(place / "home")
    sandbox = engine.open(Spec(image=image, seed=seed, run=run, purpose="maker", env=env or {}))
    try:
        yield sandbox
    finally:
        sandbox.close()
        engine.discard(run)


MAKER, CHECKER = "claude-sonnet-5-5", "claude-opus-5-5"


@cache
def model_of(url: str, name: str) -> tuple[MessagesModel, Profile]:
    """The real client of a model, pointed at a scripted server."""
    profile = msgspec.structs.replace(load().profile(name), base_url=url)
    return MessagesModel(profile), profile


def ledger(micro_usd: int = 100_000_000) -> Ledger:
    return Ledger(micro_usd, 100_000_000)


def held(
    server: ScriptedServer,
    conversation: Conversation,
    toolbox: Toolbox,
    limits: TurnLimits | None = None,
    account: Ledger | None = None,
    **options: Any,
) -> Generator[Event, None, Ending]:
    """The conversation's turns, over the real `ask`; failed attempts are repeated without a pause."""
    model, profile = model_of(server.url, conversation.model)
    account = account or ledger()

    def say(request: Request, call: int) -> Generator[Event, None, Reply]:
        return ask(
            model,
            profile,
            account,
            request,
            conversation=conversation.id,
            call=call,
            prompt_bound=conversation.bound(),
            deadline=time.monotonic() + 60,
            wait=lambda seconds: None,
        )

    return turns(conversation, toolbox, say, limits or TurnLimits(), **options)


def drained(generator: Generator[Event, None, Ending]) -> tuple[list[Event], Ending]:
    """All events, and the ending."""
    events: list[Event] = []
    while True:
        try:
            events.append(next(generator))
        except StopIteration as stop:
            return events, stop.value


TREE: dict[str, str | bytes] = {
    "a.py": "def f():\n    return 1\n",
    "src/b.py": "import a\n\n\ndef g():\n    return a.f()\n",
    "src/-v.py": "needle = 1\n",
    "latin.txt": "caf\xe9 one\ntwo\n".encode("latin-1"),
    "dos.txt": b"one\r\ntwo\r\nthree\r\n",
    "broken.py": "def f(:\n",
    "binary.bin": b"\x00\x01needle\n",
    "empty.txt": b"",
    ".git/config": "needle\n",
    "secrets.py": 'KEY = "ghp_' + "a" * 36 + '"\nuse = 1\n',
}


def call(tools: Toolbox, name: str, **given: Any) -> ToolFinished:
    """Run one call."""
    return tools.run(NAME, ToolCall("t1", name, given))


def bash(command: str, **more: Any) -> Tool:
    return Tool(name="bash", input={"command": command, **more})


FINISH = Step(tools=(Tool(name="finish", input={"summary": "Done.", "evidence": {"c1": "ran it"}}),))


def begun(toolbox: Toolbox, first: str = "Do it.", **fields: Any) -> Conversation:
    given: dict[str, Any] = {"id": "maker.1", "role": "maker", "model": MAKER, "system": prompt("maker")}
    return Conversation.open(**(given | fields), tools=toolbox.schemas, first=first)


class Played:
    """A conversation that was played to its end, and what the server saw of it."""

    def __init__(self, server: ScriptedServer, events: list[Event], ending: Ending) -> None:
        self.events, self.ending = events, ending
        self.bodies = [request.body for request in server.requests]

    def told(self, request: int) -> list[dict[str, Any]]:
        """The blocks of the last message of a request."""
        content: list[dict[str, Any]] = self.bodies[request]["messages"][-1]["content"]
        return content

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


Play = Callable[..., Played]


def player(sandbox: Sandbox) -> Play:
    """Plays steps as a maker in this sandbox, or as a checker."""

    def run(*steps: Any, limits: TurnLimits | None = None, checker: bool = False, **options: Any) -> Played:
        toolbox = checker_tools(lambda: sandbox) if checker else maker_tools(sandbox)
        role: dict[str, Any] = {"id": "checker.1", "role": "checker", "model": CHECKER} if checker else {}
        with ScriptedServer({"*": [list(steps)]}) as server:
            events, ending = drained(held(server, begun(toolbox, **role), toolbox, limits, **options))
        assert server.breaches == []
        assert server.cold == []
        return Played(server, events, ending)

    return run
