"""One live container: requests to PID 1, one at a time, and what becomes of it when PID 1 does not answer."""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sandboxes.base import WORKSPACE, FileRefused, News, Progress, Result, SandboxGone
from sandboxes.frames import Broken, Data, Hello, Line, Ran, Refusal, Reply, Told
from sandboxes.inside.disk import Watch
from sandboxes.inside.output import SPILL
from sandboxes.inside.pump import DEATH, GRACE
from sandboxes.inside.runner import FILE_SECONDS
from sandboxes.inside.wire import BODY_LIMIT
from sandboxes.pod import Pod

PATIENCE = 15.0
"""Seconds over a command's own deadline, grace and death before a silent container is given up."""


class Container:
    """A `Sandbox` made of a container with our PID 1. `end` destroys it and tells what is known of its death."""

    def __init__(
        self,
        name: str,
        line: Line,
        end: Callable[[], str],
        close: Callable[[], None],
        watch: Watch | None = None,
        pod: Pod | None = None,
    ) -> None:
        self._name, self._line, self._watch, self._pod = name, line, watch, pod
        self._end, self._close = end, close
        self._turn = threading.Lock()
        self._sending = threading.Lock()
        self._number = 0
        self._running = 0
        self._gone: SandboxGone | None = None
        self._closed = False

    @property
    def id(self) -> str:
        return self._name

    @property
    def closed(self) -> bool:
        return self._closed

    def run(
        self,
        command: str | Sequence[str],
        *,
        timeout: float = 120.0,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str | None = WORKSPACE,
        cap: int = 100_000,
        merge: bool = True,
        report: int = 0,
    ) -> Result:
        """See `Sandbox.run`."""
        if len(stdin) > BODY_LIMIT or not 0 <= cap <= BODY_LIMIT // 4 or not 0 <= report <= BODY_LIMIT // 4:
            raise ValueError(f"standard input is limited to {BODY_LIMIT} bytes, cap and report to a quarter of that")
        header = {
            "op": "run", **started(command, env, cwd), "timeout": timeout, "cap": cap, "merge": merge, "report": report,
        }  # fmt: skip
        silence = timeout + GRACE + DEATH
        outgrown = False
        if self._watch:
            self._watch.begin()

        def tick() -> float:
            nonlocal outgrown
            over, pause = self._watch.look() if self._watch else (False, silence)
            if over:
                outgrown = True
                self.interrupt()
            return pause

        reply, body = self._ask(header, stdin, cap * (1 if merge else 2) + report, silence, tick=tick)
        if not isinstance(reply, Ran) or reply.out + reply.err + reply.report != len(body):
            raise self._lost("it answered something else than was asked")
        if self._pod:
            self._pod.catch_up()
        return Result(
            exit_code=reply.exit,
            stdout=body[: reply.out],
            stderr=body[reply.out : reply.out + reply.err],
            report=body[reply.out + reply.err :],
            report_lost=reply.lost,
            micros=reply.micros,
            timed_out=reply.timed_out,
            oom=reply.oom,
            disk=reply.disk or (outgrown and reply.exit == 137),
            pids=reply.pids,
            file=reply.file,
            cwd=reply.cwd,
            elided=reply.elided,
            spill=None if reply.spill is None else f"{SPILL}/{reply.spill}",
        )

    def start(
        self, command: str | Sequence[str], *, env: Mapping[str, str] | None = None, cwd: str = WORKSPACE
    ) -> "Background":
        """See `Sandbox.start`."""
        reply, _ = self._ask({"op": "start", **started(command, env, cwd)}, b"", 0, FILE_SECONDS)
        match reply:
            case Told(job=job):
                return Background(self, job)
            case Refusal(why=why):
                raise FileRefused("the process cannot be started", why)
            case _:
                raise self._lost("it answered something else than was asked")

    def ask_of(self, op: str, job: int, cap: int) -> Progress:
        """Ask PID 1 for a background process (`poll`), or to kill it (`kill`)."""
        reply, body = self._ask({"op": op, "job": job, "cap": cap}, b"", cap, FILE_SECONDS)
        match reply:
            case Told():
                return Progress(exit_code=reply.exit, output=body, elided=reply.elided)
            case Refusal():
                return Progress(exit_code=137, output=b"")
            case _:
                raise self._lost("it answered something else than was asked")

    def read(self, path: str, *, limit: int = 1_000_000) -> bytes:
        """See `Sandbox.read`."""
        if not 0 <= limit < BODY_LIMIT:
            raise ValueError(f"the limit is {BODY_LIMIT} bytes")
        reply, body = self._ask({"op": "read", "path": absolute(path), "limit": limit}, b"", limit, FILE_SECONDS)
        return self._file("read", path, reply, body)

    def write(self, path: str, data: bytes) -> None:
        """See `Sandbox.write`."""
        if len(data) > BODY_LIMIT:
            raise ValueError(f"the limit is {BODY_LIMIT} bytes")
        reply, body = self._ask({"op": "write", "path": absolute(path)}, data, 0, FILE_SECONDS)
        self._file("written", path, reply, body)

    def reset(self) -> None:
        """See `Sandbox.reset`."""
        reply, _ = self._ask({"op": "reset"}, b"", 0, FILE_SECONDS)
        if not isinstance(reply, Data):
            raise self._lost(f"it could not be emptied: {getattr(reply, 'why', 'another answer')}")

    def interrupt(self) -> None:
        """See `Sandbox.interrupt`. A command that ended in the meantime is left in peace, and so is the next."""
        if target := self._running:
            with contextlib.suppress(Broken), self._sending:
                self._line.send({"op": "interrupt", "target": target})

    def live(self, pause: float) -> None:
        """Say every `pause` seconds that the harness lives, until this is closed: to interrupt nothing is to say so."""
        while not self._closed:
            with contextlib.suppress(Broken), self._sending:
                self._line.send({"op": "interrupt", "target": -1})
            time.sleep(pause)

    def allow(self, host: str) -> bool:
        """See `Sandbox.allow`."""
        return self._pod is not None and self._pod.allow(host)

    def news(self) -> tuple[News, ...]:
        """See `Sandbox.news`."""
        return self._pod.news() if self._pod else ()

    def close(self) -> None:
        """See `Sandbox.close`. A command that is running in another thread ends with `SandboxGone`."""
        if not self._closed:
            self._closed = True
            self._gone = self._gone or SandboxGone("the sandbox is closed", "", "open another one")
            self._close()

    def greet(self, hello: dict[str, Any], timeout: float) -> int:
        """Shake hands: PID 1 has to be ours. Returns the owner of the workspace."""
        reply, _ = self._ask({"op": "hello", **hello}, b"", 0, timeout, number=0)
        if not isinstance(reply, Hello) or reply.nonce != hello["nonce"]:
            raise self._lost("it did not answer the handshake as agreed")
        return reply.owner

    def _file(self, done: str, path: str, reply: Reply, body: bytes) -> bytes:
        match reply:
            case Data():
                return body
            case Refusal(why=why):
                raise FileRefused(f"{path} cannot be {done}", why)
            case _:
                raise self._lost("it answered something else than was asked")

    def _ask(
        self,
        header: dict[str, Any],
        body: bytes,
        limit: int,
        seconds: float,
        number: int | None = None,
        tick: Callable[[], float] | None = None,
    ) -> tuple[Reply, bytes]:
        """One request and its reply. Whatever interrupts this leaves the line out of step: the sandbox is gone."""
        with self._turn:
            if (gone := self._gone) is not None:
                raise SandboxGone(gone.what, gone.why, gone.fix)
            if number is None:
                self._number += 1
                number = self._number
            self._running = number
            try:
                with self._sending:
                    self._line.send({**header, "id": number}, body)
                reply, data = self._line.receive(number, limit, time.monotonic() + seconds + PATIENCE, tick)
            except Broken as error:
                raise self._lost(str(error)) from error
            except BaseException:
                self._lost("the harness was interrupted")
                raise
            finally:
                self._running = 0
            if getattr(reply, "stuck", False):
                self._lost("a process hangs in the kernel and cannot be killed")
            return reply, data

    def _lost(self, why: str) -> SandboxGone:
        """Give the container up for good."""
        if self._gone is None:
            self._closed = True
            known = self._end()
            why = f"{why} ({known})" if known else why
            self._gone = SandboxGone(f"sandbox {self._name} is gone", why, "open another one")
        return self._gone


class Background:
    """A `Process` of a container."""

    def __init__(self, box: Container, job: int) -> None:
        self._box, self._job = box, job
        self._end: int | None = None

    def poll(self, *, cap: int = 100_000) -> Progress:
        """See `Process.poll`."""
        return self._ask("poll", cap)

    def kill(self, *, cap: int = 100_000) -> Progress:
        """See `Process.kill`."""
        return self._ask("kill", cap)

    def _ask(self, op: str, cap: int) -> Progress:
        if self._end is not None:
            return Progress(exit_code=self._end, output=b"")
        told = self._box.ask_of(op, self._job, max(1, min(cap, BODY_LIMIT // 2)))
        self._end = told.exit_code
        return told


def started(command: str | Sequence[str], env: Mapping[str, str] | None, cwd: str | None) -> dict[str, Any]:
    """What PID 1 needs to start a command."""
    argv = command if isinstance(command, str) else list(command)
    if not argv:
        raise ValueError("an empty command")
    return {"argv": argv, "cwd": cwd, "env": dict(env or {})}


def absolute(path: str) -> str:
    return path if path.startswith("/") else f"{WORKSPACE}/{path}"
