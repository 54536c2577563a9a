"""A sandbox engine and models that serve what a journal recorded, in place of containers and servers."""

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, Protocol

import msgspec

from harness.events import ModelFailed, ModelReplied, SandboxCall
from harness.loop.recording import MADE_UP, NEWS, opening, question, restored
from harness.models import ModelError, Profile, Reply, Request, ToolCall
from harness.repo import RepoError
from harness.repo.snapshot import export_of, exported
from harness.repo.source import Repository
from sandboxes import (
    Check,
    Denied,
    FileRefused,
    News,
    Result,
    SandboxError,
    SandboxGone,
    SandboxUnavailable,
    ServiceDown,
    ServiceUp,
    Spec,
)
from sandboxes.base import Progress

RAISED: dict[str, type[SandboxError]] = {
    "FileRefused": FileRefused,
    "SandboxGone": SandboxGone,
    "SandboxUnavailable": SandboxUnavailable,
}
FAR = "there was no such call then"


class Outcomes(Protocol):
    """Where the run's recording stands."""

    def lost(self, what: str, why: str, *detail: str) -> NoReturn:
        """Leave the replay: the process died here then, or this never happened."""
        ...

    def news(self) -> bool:
        """Whether something around a sandbox was told at this point."""
        ...

    def heard(self, profile: Profile, request: Request) -> ModelReplied | ModelFailed:
        """What came of the request that was announced last; compares it with the one that was sent then."""
        ...


class Served:
    """A model that gives the recorded replies to the recorded requests, and to no others."""

    def __init__(self, profile: Profile, outcomes: Outcomes) -> None:
        self.name, self._profile, self._outcomes = profile.name, profile, outcomes

    def attempt(self, request: Request, *, timeout: float, on_text: Callable[[str, str], None] | None = None) -> Reply:
        outcome = self._outcomes.heard(self._profile, request)
        if isinstance(outcome, ModelFailed):
            kind: Any = outcome.kind
            raise ModelError(kind, outcome.message, charged=outcome.cost > 0)
        if not outcome.wire:
            self._outcomes.lost("the run cannot be replayed", "replies of its models were erased from the journal")
        return Reply(
            stop_reason=outcome.stop_reason,
            text=outcome.text,
            thinking=outcome.thinking,
            calls=_calls(outcome),
            wire=outcome.wire.encode(),
            usage=outcome.usage,
            model=outcome.model,
            request_id=outcome.request_id,
            id=outcome.message,
            missed=outcome.missed,
            micros=outcome.micros,
            geo=outcome.geo,
            detail=outcome.detail,
        )

    def interrupt(self) -> None:
        """Nothing is ever under way here."""


def _calls(replied: ModelReplied) -> tuple[ToolCall, ...]:
    return tuple(
        ToolCall(block["id"], block["name"], None if block["id"] in replied.malformed else block["input"])
        for block in json.loads(replied.wire)["content"]
        if block.get("type") == "tool_use"
    )


class Desk:
    """The recorded answers of all sandboxes, found by everything that was asked of a sandbox before.

    Two sandboxes that were asked the same up to some point are the same up to there, so it makes no difference in
    which order gates open theirs. Processes that pursued the run one after the other have a desk drawer each.
    """

    def __init__(self, outcomes: Outcomes, repository: Repository, commit: str, trees: Iterable[str]) -> None:
        self._outcomes, self._repository, self._base = outcomes, repository, commit
        self._trees = list(dict.fromkeys(trees))
        self._tips: set[str] = set()
        self._answers: dict[tuple[int, str], deque[tuple[str, SandboxCall]]] = {}
        self._chains: dict[tuple[int, int], str] = {}
        self.epoch = 0
        self.served = 0

    def record(self, epoch: int, number: int, sandbox: str, calls: Iterable[SandboxCall]) -> None:
        """Take in what was asked of one sandbox."""
        chain = self._chains.get((epoch, number), "")
        for call in calls:
            at = link(chain, call.key)
            chain = chain if call.key == NEWS[1] else at
            self._answers.setdefault((epoch, at), deque()).append((sandbox, call))
        self._chains[epoch, number] = chain

    def answer(self, chain: str, asked: str) -> tuple[str, SandboxCall]:
        """The recorded call at the end of `chain`, with the sandbox's id. `asked` is for the report."""
        waiting = self._answers.get((self.epoch, chain))
        if not waiting:
            self._outcomes.lost("a sandbox is asked", FAR, asked)
        self.served += 1
        return waiting.popleft()

    def news(self, chain: str) -> list[tuple[str, dict[str, Any]]]:
        """What happened around a sandbox, if anything did at this point."""
        waiting = self._answers.get((self.epoch, link(chain, NEWS[1]))) if self._outcomes.news() else None
        found: list[tuple[str, dict[str, Any]]] = restored(waiting.popleft()[1])["value"] if waiting else []
        return found

    def raised(self, call: SandboxCall) -> SandboxError:
        """The error a recorded call ended with."""
        kind, what, why, fix = call.raised
        if kind == "TooLarge":
            self._outcomes.lost("the run cannot be replayed from here", what, call.asked)
        return RAISED.get(kind, SandboxError)(what, why, fix)

    def pack(self, tip: str) -> bytes:
        """An export's output, made again from the store's objects."""
        while tip not in self._tips and self._trees:
            self._tips.add(exported(self._repository, self._trees.pop(0), self._base))
        try:
            return export_of(self._repository, tip, self._base)
        except RepoError as gone:
            self._outcomes.lost("the run cannot be replayed from here", str(gone))


class ServedEngine:
    """An engine whose sandboxes answer from the recording."""

    uid = 1000

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def open(self, spec: Spec) -> "ServedSandbox":
        asked, key = opening(spec)
        chain = link("", key)
        sandbox, call = self._desk.answer(chain, asked)
        if call.raised:
            raise self._desk.raised(call)
        return ServedSandbox(sandbox, self._desk, chain)

    def interrupt(self) -> None:
        """Nothing is waited for."""

    def discard(self, run: str) -> None:
        """Nothing was made."""

    def gc(self, keep: frozenset[str] = frozenset(), seeds: Any = None) -> tuple[str, ...]:
        return ()

    def probe(self) -> tuple[Check, ...]:
        return ()


class ServedSandbox:
    """A sandbox that answers what it answered then."""

    def __init__(self, id: str, desk: Desk, chain: str) -> None:
        self.id, self._desk, self._chain = id, desk, chain
        self.closed = False
        self._started = 0

    def start(self, command: Any, **given: Any) -> "ServedProcess":
        self._serve("start", {"command": command, **given})
        self._started += 1
        return ServedProcess(self, self._started)

    def run(self, command: Any, **given: Any) -> Result:
        fields = self._serve("run", {"command": command, **given})
        return msgspec.convert(fields, Result)

    def read(self, path: str, **given: Any) -> bytes:
        data: bytes = self._serve("read", {"path": path, **given})["value"]
        return data

    def write(self, path: str, data: bytes) -> None:
        self._serve("write", {"path": path, "data": data})

    def reset(self) -> None:
        self._serve("reset", {})

    def allow(self, host: str) -> bool:
        return bool(self._serve("allow", {"host": host})["value"])

    def news(self) -> tuple[News, ...]:
        kinds: dict[str, Any] = {kind.__name__: kind for kind in (Denied, ServiceUp, ServiceDown)}
        return tuple(msgspec.convert(fields, kinds[name]) for name, fields in self._desk.news(self._chain))

    def interrupt(self) -> None:
        """What was interrupted then is answered as it was then."""

    def close(self) -> None:
        self.closed = True

    def progress(self, method: str, process: int, cap: int) -> Progress:
        """How a background process was doing then."""
        return msgspec.convert(self._serve(method, {"process": process, "cap": cap}), Progress)

    def _serve(self, method: str, given: dict[str, Any]) -> dict[str, Any]:
        asked, key = question(method, given)
        self._chain = link(self._chain, key)
        _, call = self._desk.answer(self._chain, asked)
        if call.raised:
            error = self._desk.raised(call)
            self.closed = self.closed or isinstance(error, SandboxGone)
            raise error
        fields = restored(call)
        if call.pack and not fields["stdout"]:
            fields["stdout"] = self._desk.pack(call.pack)
        names = dict(zip(MADE_UP.findall(call.asked), MADE_UP.findall(asked), strict=False))
        return {name: _renamed(value, names) for name, value in fields.items()} if names else fields


class ServedProcess:
    """A background process as it was then."""

    def __init__(self, sandbox: ServedSandbox, number: int) -> None:
        self._sandbox, self._number = sandbox, number

    def poll(self, *, cap: int = 100_000) -> Progress:
        return self._sandbox.progress("poll", self._number, cap)

    def kill(self, *, cap: int = 100_000) -> Progress:
        return self._sandbox.progress("kill", self._number, cap)


def link(chain: str, key: str) -> str:
    """The chain after one more call."""
    return hashlib.sha256(f"{chain}{key}".encode()).hexdigest()[:32]


def _renamed(value: Any, names: dict[str, str]) -> Any:
    """Names that were made up then, by those of now: a gate looks for its own in what its tool wrote."""
    for then, now in names.items():
        if isinstance(value, bytes):
            value = value.replace(then.encode(), now.encode())
        elif isinstance(value, str):
            value = value.replace(then, now)
    return value
