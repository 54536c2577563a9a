"""Watching what a workspace takes of the host's disk, while a command runs: no file system limit does it here."""

import os
import time
from pathlib import Path

MB = 1 << 20
RESERVE_MB = 512
"""What always stays free on the host's file system, whatever a sandbox is allowed."""
INODE = 4_096
"""What an empty file counts: there are only so many inodes, too (ext4 makes one for 16 KB)."""
SLACK = 4 * MB
"""What the file system may still add of itself to files that were written (extents, late allocation)."""
SHARE = 20.0
"""A measurement is made at most so often that it takes a twentieth of the time."""


class Watch:
    """Tells when the upper layer of an overlay has grown over its limit. It looks, and touches nothing.

    Once a command was stopped over the limit, others may still run as long as the tree does not grow under them:
    cleaning up has to be possible.
    """

    def __init__(self, upper: Path, limit_mb: int) -> None:
        self._upper, self._limit = upper, limit_mb * MB
        self._next = 0.0
        self._stopped = False
        self._floor = 0

    def begin(self) -> None:
        """A command is about to start. What it finds is measured now: the last one wrote until it was dead."""
        if self._stopped:
            self._floor = usage(self._upper) + SLACK
            self._next = 0.0

    def over(self) -> bool:
        """Whether the command that runs has to be stopped. Cheap to ask often."""
        began = time.monotonic()
        if began < self._next:
            return False
        used = usage(self._upper)
        self._next = time.monotonic() + SHARE * (time.monotonic() - began)
        if used <= self._limit and not self._full():
            self._stopped, self._floor = False, 0
            return False
        if used <= self._floor:
            return False
        self._stopped = True
        return True

    def _full(self) -> bool:
        try:
            state = os.statvfs(self._upper)
        except OSError:
            return False
        return state.f_bavail * state.f_frsize < RESERVE_MB * MB


def usage(top: Path) -> int:
    """Bytes on the disk under `top`. What cannot be read counts as nothing."""
    total, waiting = 0, [str(top)]
    while waiting:
        try:
            entries = os.scandir(waiting.pop())
        except OSError:
            continue
        with entries:
            for entry in entries:
                try:
                    info = entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                except OSError:
                    continue
                total += max(info.st_blocks * 512, INODE)
    return total
