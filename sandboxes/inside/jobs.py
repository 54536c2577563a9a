"""Background processes: each is a session of its own, and lives until it ends, is killed, or the container goes.

What leaves its session (a daemon) is nobody's, and dies with the next command that ends.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal

MOST = 8
"""Jobs at once."""
KEPT = 1 << 20
"""Bytes of output kept until they are asked for; of more, the oldest are dropped."""


class Job:
    """One background process; its session has its number."""

    def __init__(self, main: int, end: int) -> None:
        self.main, self.end = main, end
        self.unread, self.elided = bytearray(), 0
        self.status: int | None = None

    def add(self, chunk: bytes) -> None:
        self.unread += chunk
        if len(self.unread) > 2 * KEPT:
            self.cut(KEPT)

    def cut(self, size: int) -> None:
        """Drop the oldest output over `size` bytes."""
        over = max(len(self.unread) - size, 0)
        self.elided += over
        del self.unread[:over]

    def take(self, cap: int) -> tuple[bytes, int]:
        """The end of the output since the last time, and how many bytes before it were dropped."""
        self.cut(cap)
        taken = bytes(self.unread), self.elided
        self.unread, self.elided = bytearray(), 0
        return taken


class Jobs:
    """All jobs of a container, and who in it belongs to none of them."""

    def __init__(self, poll: select.poll) -> None:
        self.poll = poll
        self.known: dict[int, Job] = {}
        self.ends: dict[int, Job] = {}

    def add(self, main: int, end: int) -> Job:
        job = self.known[main] = self.ends[end] = Job(main, end)
        self.poll.register(end, select.POLLIN)
        return job

    def read(self, end: int) -> None:
        """There is something to read from a job."""
        chunk = os.read(end, 1 << 16)
        if chunk:
            self.ends[end].add(chunk)
        else:
            self.shut(end)

    def shut(self, end: int) -> None:
        self.poll.unregister(end)
        os.close(end)
        del self.ends[end]

    def reaped(self, pid: int, status: int) -> None:
        """A process has ended; perhaps it is one of the jobs."""
        if pid in self.known:
            self.known[pid].status = status

    def drain(self, job: Job) -> None:
        """Read what an ended job has left in its pipe."""
        while job.end in self.ends and select.select([job.end], [], [], 0)[0]:
            self.read(job.end)

    def forget(self, job: Job) -> None:
        if job.end in self.ends:
            self.shut(job.end)
        del self.known[job.main]

    def live(self) -> set[int]:
        """The sessions that are to be spared."""
        return {job.main for job in self.known.values() if job.status is None}

    def kill(self, job: Job) -> bool:
        """Send SIGKILL to a job and all of its session; whether anybody of it was there."""
        found = [pid for pid, session in processes() if session == job.main]
        for pid in found:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        return bool(found)

    def strangers(self) -> list[int]:
        """Everybody but this process who belongs to no living job."""
        live = self.live()
        return [pid for pid, session in processes() if session not in live]


def processes() -> list[tuple[int, int]]:
    """Number and session of everybody who lives in here but PID 1; who has ended and waits for its parent is dead."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or name == "1":
            continue
        with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{name}/stat", "rb") as file:
            state, _, _, session = file.read().rpartition(b")")[2].split()[:4]
            if state not in (b"Z", b"X"):
                found.append((int(name), int(session)))
    return found
