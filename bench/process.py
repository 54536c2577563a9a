"""One process from its start to its end: wall clock, CPU and the most memory it had."""

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

LOOK = 0.02
"""Seconds between two looks at a process's memory. The mark only rises, so what is missed is its last moment."""


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """What a process did and took."""

    code: int
    out: str
    err: str
    started: int
    """Nanoseconds of the monotonic clock: on Linux it is the same clock for every process."""
    wall: float
    """Seconds."""
    cpu: float
    """Seconds of user and system time, with the children it has waited for."""
    peak: float
    """The largest resident set in MB (VmHWM). `ru_maxrss` would hold the parent's, too: a vfork shares its memory."""


def run(command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> Ran:
    """Run `command` to its end."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.monotonic_ns()
        process = subprocess.Popen(command, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        memory = _Memory(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        ended = time.monotonic_ns()
        process.returncode = os.waitstatus_to_exitcode(status)
        memory.end()
        for stream in (out, err):
            stream.seek(0)
        return Ran(
            code=process.returncode,
            out=out.read().decode(errors="replace"),
            err=err.read().decode(errors="replace"),
            started=started,
            wall=(ended - started) / 1e9,
            cpu=usage.ru_utime + usage.ru_stime,
            peak=memory.peak,
        )


class _Memory:
    """Watches one process until `end`."""

    def __init__(self, pid: int) -> None:
        self.peak = 0.0
        self._status = Path(f"/proc/{pid}/status")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            try:
                for line in self._status.read_text().splitlines():
                    if line.startswith("VmHWM:"):
                        self.peak = max(self.peak, int(line.split()[1]) / 1024)
            except OSError:
                return
            if self._over.wait(LOOK):
                return
