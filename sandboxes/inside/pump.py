"""From the start of a command to the death of all it started: pipes, clock, signals, reaping."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time

from sandboxes.inside.output import Output
from sandboxes.inside.wire import Closed, Link

GRACE = 1.5
"""Seconds between SIGTERM and SIGKILL at the deadline."""
LINGER = 0.15
"""Seconds that what a finished command left behind may take to end by itself (`cmd > >(tee log)`)."""
DEATH = 5.0
"""Seconds within which everything must be gone after SIGKILL; what is not hangs in the kernel."""
DRAIN = 0.25
"""Seconds to read what is left in the pipes; everything that could write to them is dead by then."""


class Pump:
    """Moves bytes between a command's pipes and memory while it watches the clock and the harness."""

    def __init__(self, link: Link, wake: int, number: int, main: int, outputs: dict[int, Output]) -> None:
        self.link, self.wake, self.number, self.main, self.outputs = link, wake, number, main, outputs
        self.status: int | None = None
        self.killed = False
        self.alone = False
        self.feed: int | None = None
        self.data = memoryview(b"")
        self.poll = select.poll()
        for end in (0, wake, *outputs):
            self.poll.register(end, select.POLLIN)

    def give(self, feed: int, data: bytes) -> None:
        """Write `data` to the descriptor `feed` as the command reads it, then close it."""
        os.set_blocking(feed, False)
        self.feed, self.data = feed, memoryview(data)
        self.poll.register(feed, select.POLLOUT)

    def until_exit(self, deadline: float) -> bool:
        """Until the command itself has ended; True when it had to be told to at its deadline."""
        timed_out = False
        while self.status is None and not self.killed:
            if time.monotonic() >= deadline:
                if timed_out:
                    break
                timed_out, deadline = True, time.monotonic() + GRACE
                with contextlib.suppress(OSError):
                    os.killpg(self.main, signal.SIGTERM)
            self.step(deadline)
        return timed_out

    def finish(self) -> bool:
        """Kill what is left, reap it, empty the pipes. False when something does not die."""
        if self.status is not None:
            deadline = time.monotonic() + LINGER
            while not self.reap() and time.monotonic() < deadline:
                self.step(deadline)
        deadline = time.monotonic() + DEATH
        while not self.reap() and time.monotonic() < deadline:
            self.kill()
            self.step(time.monotonic() + 0.01)
        deadline = time.monotonic() + DRAIN
        while self.outputs and time.monotonic() < deadline:
            self.step(deadline)
        for end in list(self.outputs):
            self.drop(end)
        self.stop_feeding()
        return self.alone

    def kill(self) -> None:
        """Everything in the container but this process."""
        with contextlib.suppress(OSError):
            os.kill(-1, signal.SIGKILL)

    def reap(self) -> bool:
        """Collect the dead; True when nobody is left."""
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
        return self.alone

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
