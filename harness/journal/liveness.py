"""Whether a run is being pursued on this machine: a locked file, which the kernel frees at kill -9."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.journal.base import RunHeld

GRACE = 0.5
"""Seconds for which a holder tries: a look by `held` takes the lock for some microseconds."""


@contextmanager
def hold(path: Path, run: str) -> Iterator[None]:
    """Hold the lock file at `path` for `run`. Raises `RunHeld` when a living process has it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    deadline = time.monotonic() + GRACE
    while (fd := _take(path)) is None:
        if time.monotonic() > deadline:
            raise RunHeld(run)
        time.sleep(0.01)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(fd)


def held(path: Path) -> bool:
    """Whether a living process holds the lock file at `path`."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def locks(directory: Path) -> set[str]:
    """The runs that have a lock file in `directory`: no other one is held. One look, however many runs there are."""
    return {path.stem for path in directory.glob("*.lock")}


def _take(path: Path) -> int | None:
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.stat().st_ino == os.fstat(fd).st_ino:  # else its holder removed it while we waited
            return fd
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    return None
