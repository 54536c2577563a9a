"""What the kernel tells of the limits that a container ran into."""

from __future__ import annotations

import contextlib
import os

COUNTERS = {
    "oom": (b"oom_kill", "/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"),
    "pids": (b"max", "/sys/fs/cgroup/pids.events", "/sys/fs/cgroup/pids/pids.events"),
}
"""Where the kernel counts what it refused this container: the line's name, cgroup v2's file, v1's."""


class Counters:
    """The files, opened once: they are read before and after every command."""

    def __init__(self) -> None:
        self.files: dict[str, int] = {}
        for name, (_, *paths) in COUNTERS.items():
            for path in paths:
                with contextlib.suppress(OSError):
                    self.files.setdefault(name, os.open(path, os.O_RDONLY | os.O_CLOEXEC))

    def read(self) -> dict[str, int]:
        """Processes killed for memory, and forks refused; without what the kernel does not tell."""
        found = {}
        for name, file in self.files.items():
            with contextlib.suppress(OSError, ValueError):
                for line in os.pread(file, 4096, 0).splitlines():
                    word, _, count = line.partition(b" ")
                    if word == COUNTERS[name][0]:
                        found[name] = int(count)
        return found
