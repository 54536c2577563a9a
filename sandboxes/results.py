"""What comes of a command: its result, and the handle of one that runs in the background."""

from typing import Literal, Protocol

import msgspec


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one command did. `exit_code` is 128 + signal for a killed command, 124 for a timed out one."""

    exit_code: int
    stdout: bytes
    """With `merge`, stdout and stderr in the order written. Capped: head and tail are kept, see `elided`."""
    stderr: bytes = b""
    micros: int = 0
    timed_out: bool = False
    oom: bool = False
    disk: bool = False
    """It was killed because the workspace had outgrown `Resources.disk_mb`, or the host's disk was nearly full."""
    pids: bool = False
    """It was refused a process or thread: it had `Resources.pids` of them."""
    file: bool = False
    """It ended because a file would have outgrown `Resources.file_mb`."""
    elided: int = 0
    """Bytes left out in the middle of the output."""
    report: bytes = b""
    """What the command wrote to its descriptor 3, when a report was asked for."""
    report_lost: int = 0
    """Bytes of the report over its limit: then it is not whole."""
    spill: str | None = None
    """Path inside the sandbox of the whole output, when some was elided: the first 64 MB of it at most."""
    cwd: str = ""
    """Where its shell ended, of a command that was run with `cwd=None`."""

    @property
    def bomb(self) -> Literal["", "oom", "disk", "pids", "timeout", "file"]:
        """The limit that it ran into, if any: the one that explains the others first."""
        if self.oom:
            return "oom"
        if self.disk:
            return "disk"
        if self.pids:
            return "pids"
        return "timeout" if self.timed_out else "file" if self.file else ""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How a background process is doing."""

    exit_code: int | None
    """None while it runs; 128 + signal for a killed one."""
    output: bytes
    """What it printed since the last time, stdout and stderr in the order written; of much, the end."""
    elided: int = 0
    """Bytes before that which were dropped."""


class Process(Protocol):
    """A process in the background of a sandbox. It outlives commands, and dies with the container.

    All methods raise `SandboxGone` once the container is dead. What it starts belongs to it as long as it stays in
    its session; a daemon that leaves it dies with the next command that ends.
    """

    def poll(self, *, cap: int = 100_000) -> Progress:
        """How it is doing, and at most `cap` bytes of what it printed since the last time. Returns at once."""
        ...

    def kill(self, *, cap: int = 100_000) -> Progress:
        """Kill it and its session, and return once they are dead."""
        ...
