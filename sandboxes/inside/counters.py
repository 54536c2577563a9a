"""What the kernel tells of the limits that a container ran into."""

from __future__ import annotations

import contextlib

COUNTERS = {
    "oom": ("oom_kill", "/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"),
    "pids": ("max", "/sys/fs/cgroup/pids.events", "/sys/fs/cgroup/pids/pids.events"),
}
"""Where the kernel counts what it refused this container: the line's name, cgroup v2's file, v1's."""


def counters() -> dict[str, int]:
    """Processes killed for memory, and forks refused; without what the kernel does not tell."""
    found = {}
    for name, (wanted, *paths) in COUNTERS.items():
        for path in paths:
            with contextlib.suppress(OSError, ValueError), open(path) as file:
                for line in file:
                    word, _, count = line.partition(" ")
                    if word == wanted:
                        found[name] = int(count)
    return found
