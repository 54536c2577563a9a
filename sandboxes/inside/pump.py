"""From the start of a command to the death of all it started: pipes, clock, signals, reaping."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable

from sandboxes.inside.jobs import Jobs
from sandboxes.inside.output import Output
from sandboxes.inside.wire import Closed, Link

GRACE = 1.5
"""Seconds between SIGTERM and SIGKILL at the deadline."""
LINGER = 0.15
"""Seconds that what a finished command left behind may take to end by itself (`cmd > >(tee log)`)."""
DEATH = 5.0
"""Seconds within which everything must be gone after SIGKILL; what is not hangs in the kernel."""
BREEDING = 1.0
"""Seconds after which leftovers that cannot be killed one by one take the background jobs with them."""
DRAIN = 0.25
"""Seconds to read what is left in the pipes; everything that could write to them is dead by then."""


class Pump:
    """Moves bytes between a command's pipes and memory while it watches the clock and the harness."""

    def __init__(
        self,
        link: Link,
        jobs: Jobs,
        wake: int,
        number: int,
        main: int,
        outputs: dict[int, Output],
        disk: Callable[[], tuple[bool, float]] | None = None,
    ) -> None:
        self.link, self.jobs, self.wake, self.disk = link, jobs, wake, disk
        self.number, self.main, self.outputs = number, main, outputs
        self.status: int | None = None
        self.killed = self.full = False
        self.alone = False
        self.feed: int | None = None
        self.data = memoryview(b"")
        self.poll = jobs.poll
        for end in outputs:
            self.poll.register(end, select.POLLIN)

    def give(self, feed: int, data: bytes) -> None:
        """Write `data` to the descriptor `feed` as the command reads it, then close it."""
        os.set_blocking(feed, False)
        self.feed, self.data = feed, memoryview(data)
        self.poll.register(feed, select.POLLOUT)

    def until_exit(self, deadline: float) -> bool:
        """Until the command itself has ended; True when it had to be told to at its deadline."""
        timed_out, look = False, time.monotonic()
        while self.status is None and not self.killed:
            if self.disk and time.monotonic() >= look:
                self.full, pause = self.disk()
                look = time.monotonic() + pause
                if self.full:
                    self.killed = True
                    break
            if time.monotonic() >= deadline:
                if timed_out:
                    break
                timed_out, deadline = True, time.monotonic() + GRACE
                with contextlib.suppress(OSError):
                    os.killpg(self.main, signal.SIGTERM)
            self.step(min(deadline, look) if self.disk else deadline)
        return timed_out

    def finish(self) -> bool:
        """Kill what is left, reap it, empty the pipes. False when something does not die."""
        if self.status is not None:
            deadline = time.monotonic() + LINGER
            while not self.gone() and time.monotonic() < deadline:
                self.step(deadline)
        began = time.monotonic()
        while not self.gone() and time.monotonic() < began + DEATH:
            if time.monotonic() > began + BREEDING:
                self.jobs.known.clear()
            self.kill()
            self.step(time.monotonic() + 0.01)
        deadline = time.monotonic() + DRAIN
        while self.outputs and time.monotonic() < deadline:
            self.step(deadline)
        for end in list(self.outputs):
            self.drop(end)
        self.stop_feeding()
        return self.gone()

    def kill(self) -> None:
        """Everything in the container but this process and the background jobs."""
        for pid in self.jobs.strangers() if self.jobs.live() else [-1]:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    def gone(self) -> bool:
        """Whether nobody is left but background jobs."""
        self.reap()
        return self.alone or (bool(self.jobs.live()) and not self.jobs.strangers())

    def reap(self) -> None:
        """Collect the dead."""
        while not self.alone:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self.alone = True
                break
            if pid == 0:
                break
            if pid == self.main:
                self.status = status
            self.jobs.reaped(pid, status)

    def step(self, deadline: float) -> None:
        """Wait for something to happen, at the longest until `deadline`, and deal with it."""
        pause = min(max(deadline - time.monotonic(), 0.0), 3600.0)
        for end, _event in self.poll.poll(int(pause * 1000) + 1):
            if end == 0:
                self.listen()
            elif end == self.wake:
                os.read(end, 4096)
            elif end == self.feed:
                self.push()
            elif end in self.jobs.ends:
                self.jobs.read(end)
            elif end in self.outputs:
                chunk = os.read(end, 1 << 16)
                if chunk:
                    self.outputs[end].add(chunk)
                else:
                    self.drop(end)
        self.reap()

    def listen(self) -> None:
        """While a command runs the harness may only interrupt it, or go away."""
        self.link.feed()
        while True:
            frame = self.link.take()
            if frame is None:
                return
            if frame[0].get("op") != "interrupt":
                raise Closed
            if frame[0].get("target") == self.number:
                self.killed = True
                self.kill()

    def push(self) -> None:
        if self.feed is None:
            return
        try:
            self.data = self.data[os.write(self.feed, self.data[: 1 << 16]) :]
        except BlockingIOError:
            return
        except OSError:
            self.data = self.data[:0]
        if not self.data:
            self.stop_feeding()

    def stop_feeding(self) -> None:
        if self.feed is not None:
            self.poll.unregister(self.feed)
            os.close(self.feed)
            self.feed = None

    def drop(self, end: int) -> None:
        self.poll.unregister(end)
        os.close(end)
        del self.outputs[end]
