"""One live container: requests to PID 1, one at a time, and what becomes of it when PID 1 does not answer."""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sandboxes.base import WORKSPACE, FileRefused, News, Result, SandboxGone
from sandboxes.disk import Watch
from sandboxes.frames import Broken, Data, Hello, Line, Ran, Refusal, Reply
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

    def run(
        self,
        command: str | Sequence[str],
        *,
        timeout: float = 120.0,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str = WORKSPACE,
        cap: int = 100_000,
        merge: bool = True,
        report: int = 0,
    ) -> Result:
        """See `Sandbox.run`."""
        if len(stdin) > BODY_LIMIT or not 0 <= cap <= BODY_LIMIT // 4 or not 0 <= report <= BODY_LIMIT // 4:
            raise ValueError(f"standard input is limited to {BODY_LIMIT} bytes, cap and report to a quarter of that")
        argv = command if isinstance(command, str) else list(command)
        if not argv:
            raise ValueError("an empty command")
        header = {
            "op": "run", "argv": argv, "timeout": timeout, "cwd": cwd, "cap": cap, "merge": merge,
            "env": dict(env or {}), "report": report,
        }  # fmt: skip
        silence = timeout + GRACE + DEATH
        outgrown = False

        def tick() -> None:
            nonlocal outgrown
            if self._watch and self._watch.over():
                outgrown = True
                self.interrupt()

        reply, body = self._ask(header, stdin, cap * (1 if merge else 2) + report, silence, tick=tick)
        if not isinstance(reply, Ran) or reply.out + reply.err + reply.report != len(body):
            raise self._lost("it answered something else than was asked")
        return Result(
            exit_code=reply.exit,
            stdout=body[: reply.out],
            stderr=body[reply.out : reply.out + reply.err],
            report=body[reply.out + reply.err :],
            report_lost=reply.lost,
            micros=reply.micros,
            timed_out=reply.timed_out,
            oom=reply.oom,
            disk=outgrown and reply.exit == 137,
            elided=reply.elided,
            spill=None if reply.spill is None else f"{SPILL}/{reply.spill}",
        )

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

    def interrupt(self) -> None:
        """See `Sandbox.interrupt`. A command that ended in the meantime is left in peace, and so is the next."""
        if target := self._running:
            with contextlib.suppress(Broken), self._sending:
                self._line.send({"op": "interrupt", "target": target})

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
        tick: Callable[[], None] | None = None,
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


def absolute(path: str) -> str:
    return path if path.startswith("/") else f"{WORKSPACE}/{path}"
