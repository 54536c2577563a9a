"""The tape of a run: every sandbox it opens is recorded, so that `replay` can serve the answers without an engine.

What a run asks of its sandboxes goes into the journal with the event that follows. The recording is redacted, and is
not cleaned: gates parse it. Packs of git objects are not kept twice: the store has them.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec

from harness.clean import clean
from harness.events import SandboxCall, SandboxUsed
from harness.loop.recording import NEWS, answered, decode, encode, opening, question, told
from sandboxes import Engine, News, Result, Sandbox, SandboxError, Spec
from sandboxes.base import Process, Progress


class Tape:
    """What was asked of sandboxes and is not in the journal yet. Filled by any thread, drained by the driver."""

    def __init__(self, redact: Callable[[str], str] = str) -> None:
        self.redact = redact
        self._lock = Lock()
        self._used: list[SandboxUsed] = []
        self._opened = 0

    def number(self) -> int:
        """The number of a sandbox that is about to be opened."""
        with self._lock:
            self._opened += 1
            return self._opened

    def put(self, sandbox: str, purpose: str, number: int, call: SandboxCall) -> None:
        with self._lock:
            last = self._used[-1] if self._used else None
            if last is not None and last.number == number:
                self._used[-1] = msgspec.structs.replace(last, calls=(*last.calls, call))
            else:
                self._used.append(SandboxUsed(sandbox=sandbox, purpose=purpose, number=number, calls=(call,)))

    def drain(self, *, taken: bool = False) -> tuple[SandboxUsed, ...]:
        """What was recorded since the last call. `taken`: the packs among it are in the store by now."""
        if not self._used:
            return ()
        with self._lock:
            used, self._used = tuple(self._used), []
        return tuple(map(_without_packs, used)) if taken else used


class Recorded:
    """An engine that puts on tape what its sandboxes are asked."""

    def __init__(self, engine: Engine, tape: Tape) -> None:
        self._engine, self._tape = engine, tape

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    @property
    def uid(self) -> int:
        return self._engine.uid

    def open(self, spec: Spec) -> Sandbox:
        number = self._tape.number()
        asked, key = opening(spec)
        try:
            sandbox = self._engine.open(spec)
        except SandboxError as error:
            call = SandboxCall(asked=asked, key=key, raised=told(error, self._tape.redact))
            self._tape.put("", spec.purpose, number, call)
            raise
        self._tape.put(sandbox.id, spec.purpose, number, SandboxCall(asked=asked, key=key))
        return RecordedSandbox(sandbox, self._tape, spec.purpose, number)

    def interrupt(self) -> None:
        self._engine.interrupt()

    def discard(self, run: str) -> None:
        self._engine.discard(run)

    def gc(self, keep: frozenset[str] = frozenset(), seeds: Path | None = None) -> tuple[str, ...]:
        return self._engine.gc(keep, seeds)

    def probe(self) -> Any:
        return self._engine.probe()


class RecordedSandbox:
    """A sandbox whose calls are put on tape; what it does is the other's."""

    def __init__(self, sandbox: Sandbox, tape: Tape, purpose: str, number: int) -> None:
        self._sandbox, self._tape, self._purpose, self._number = sandbox, tape, purpose, number
        self._started = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sandbox, name)

    @property
    def id(self) -> str:
        return self._sandbox.id

    @property
    def closed(self) -> bool:
        return self._sandbox.closed

    def start(self, command: str | Sequence[str], **given: Any) -> "RecordedProcess":
        asked = {"command": command, **given}
        process: Process = self.tell("start", asked, self._sandbox.start, without=True)
        self._started += 1
        return RecordedProcess(process, self, self._started)

    def run(self, command: str | Sequence[str], **given: Any) -> Result:
        result: Result = self._call("run", {"command": command, **given})
        return result

    def read(self, path: str, **given: Any) -> bytes:
        data: bytes = self._call("read", {"path": path, **given})
        return data

    def write(self, path: str, data: bytes) -> None:
        self._call("write", {"path": path, "data": data})

    def reset(self) -> None:
        self._call("reset", {})

    def allow(self, host: str) -> bool:
        allowed: bool = self._call("allow", {"host": host})
        return allowed

    def news(self) -> tuple[News, ...]:
        found = self._sandbox.news()
        if found:
            said = [[type(one).__name__, msgspec.to_builtins(one)] for one in found]
            asked, key = NEWS
            call = answered(asked, key, said, self._tape.redact)
            self._tape.put(self.id, self._purpose, self._number, call)
        return found

    def interrupt(self) -> None:
        self._sandbox.interrupt()

    def close(self) -> None:
        self._sandbox.close()

    def _call(self, method: str, given: dict[str, Any]) -> Any:
        return self.tell(method, given, getattr(self._sandbox, method))

    def tell(
        self, method: str, given: dict[str, Any], does: Callable[..., Any], *, without: bool = False, **named: Any
    ) -> Any:
        """Do it and put it on tape. `without` its answer, when that is a handle; `named` says whose method it is."""
        asked, key = question(method, {**named, **given})
        redact = self._tape.redact
        try:
            answer = does(**given)
        except SandboxError as error:
            call = SandboxCall(asked=redact(clean(asked)), key=key, raised=told(error, redact))
            self._tape.put(self.id, self._purpose, self._number, call)
            raise
        call = answered(redact(clean(asked)), key, None if without else answer, redact)
        self._tape.put(self.id, self._purpose, self._number, call)
        return answer


class RecordedProcess:
    """A background process whose progress is put on tape."""

    def __init__(self, process: Process, sandbox: RecordedSandbox, number: int) -> None:
        self._process, self._sandbox, self._number = process, sandbox, number

    def poll(self, *, cap: int = 100_000) -> Progress:
        return self._tell("poll", cap)

    def kill(self, *, cap: int = 100_000) -> Progress:
        return self._tell("kill", cap)

    def _tell(self, method: str, cap: int) -> Progress:
        does = getattr(self._process, method)
        progress: Progress = self._sandbox.tell(method, {"cap": cap}, does, process=self._number)
        return progress


def _without_packs(used: SandboxUsed) -> SandboxUsed:
    calls = tuple(
        msgspec.structs.replace(call, answer=encode(decode(call.answer) | {"stdout": ""})) if call.pack else call
        for call in used.calls
    )
    return msgspec.structs.replace(used, calls=calls)
