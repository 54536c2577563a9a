"""Watching what a tree takes of the disk while a command runs: no limit of the file system does it here.

The harness watches the upper layer of an overlay, PID 1 a workspace that is a volume or lies in the layer of an image.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

MB = 1 << 20
RESERVE = 512 * MB
"""What always stays free on the file system, whatever a sandbox is allowed."""
INODE = 4_096
"""What an empty file counts: there are only so many inodes, too (ext4 makes one for 16 KB)."""
SLACK = 4 * MB
"""What the file system may still add of itself to files that were written (extents, late allocation)."""
SHARE, RUSH = 20.0, 2.0
"""A tree is measured so often that it takes a twentieth of the time; half of it, when the disk loses what is left."""
SPEED = 2_000 * MB
"""Bytes that a command is taken to write in a second: fast memory before a fast disk."""
OVER = 0.1
"""The share of a limit by which it may be outgrown before that is seen."""
OFTEN, SELDOM = 0.01, 0.2
"""Seconds between two looks at the file system, which are cheap; the nearer the limit, the more often."""


class Watch:
    """Tells when a tree has grown over its limit. It looks, and touches nothing.

    Between measurements it looks at what the file system has lost, which the tree's growth cannot exceed. What hides
    in the tree (a directory that its owner may not list, a path that is too long) counts as all that was lost.

    Once a command was stopped over the limit, others may still run as long as the tree does not grow under them:
    cleaning up has to be possible.
    """

    def __init__(self, top: str, limit: int, used: int = 0) -> None:
        """`limit` is in bytes; `used` is what is known to lie there already."""
        self.top, self.limit, self.used = top, limit, used
        self.space, _ = space(top)
        self.first = used, self.space
        self.due = self.soonest = 0.0
        self.stopped, self.floor = False, 0

    def begin(self) -> None:
        """A command is about to start."""
        if self.stopped:  # what it finds is measured now: the last one wrote until it was dead
            self.measure(space(self.top)[0], 1 << 62)
            self.floor = self.used + SLACK
        self.due = max(self.due, time.monotonic() + SELDOM)

    def look(self) -> tuple[bool, float]:
        """Whether the command that runs has to be stopped, and in how many seconds to look again."""
        began = time.monotonic()
        left, full = space(self.top)
        tight = full or self.room(left) <= 0
        if began < self.due and not (tight and began >= self.soonest):
            return False, pause(self.room(left), self.limit)
        self.measure(left, max(self.limit, self.floor))
        cost = time.monotonic() - began
        self.due, self.soonest = began + max(SHARE * cost, SELDOM), began + (1 + RUSH) * cost
        if self.used <= self.limit and not full:
            self.stopped, self.floor = False, 0
        elif self.used > self.floor:
            self.stopped = True
            return True, OFTEN
        return False, pause(self.room(left), self.limit)

    def room(self, left: int) -> int:
        """Bytes that the tree can still grow by, if all that the file system has lost since went there."""
        return max(self.limit, self.floor) - self.used - (self.space - left)

    def measure(self, left: int, enough: int) -> None:
        self.used, hidden = usage(self.top, enough)
        self.space = left
        if hidden:
            self.used = max(self.used, self.first[0] + self.first[1] - left)


def pause(room: int, limit: int) -> float:
    """Seconds in which not even a fast disk takes what is left and a tenth of the limit over it."""
    return min(max((room + OVER * limit) / SPEED, OFTEN), SELDOM)


def space(top: str) -> tuple[int, bool]:
    """What is free on the file system, inodes as `usage` counts them; and whether only the reserve is left."""
    try:
        state = os.statvfs(top)
    except OSError:
        return 0, False
    free = state.f_bavail * state.f_frsize
    return free + state.f_ffree * INODE, free < RESERVE


def usage(top: str, enough: int = 1 << 62) -> tuple[int, bool]:
    """Bytes on the disk under `top`, counted until they are more than `enough`; and whether something hides there."""
    total, hidden, waiting = 0, False, [top]
    while waiting and total <= enough:
        try:
            entries = os.scandir(waiting.pop())
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            hidden = True
            continue
        with entries:
            for entry in entries:
                try:
                    info = entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                except OSError as error:
                    hidden = hidden or not isinstance(error, FileNotFoundError)
                    continue
                total += max(info.st_blocks * 512, INODE)
    return total, hidden


@contextlib.contextmanager
def reading_as(uid: int) -> Iterator[None]:
    """Look at files as another user does (setfsuid(2)): root without its capabilities may look at less than most.

    In everything else this process stays what it is, so that nothing of that user's can touch it. Where Python cannot
    do it, what is closed to us counts as hidden.
    """
    try:
        import ctypes

        system = ctypes.CDLL(None).setfsuid
    except (ImportError, OSError, AttributeError):
        yield
        return
    system(uid)
    try:
        yield
    finally:
        system(os.geteuid())
