"""Who stands on a seed: a lock for each, shared by the processes that use it, which the kernel releases when they end.

With the volumes that have it as their lower layer, this counts the references to a seed: only one without any is
ever removed.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path


class Holds:
    """The seeds that this process has opened sandboxes on, held until it ends."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._held: dict[Path, int] = {}

    def take(self, seed: Path) -> None:
        """Hold the seed. Once is enough for the life of the process."""
        with self._lock:
            if seed not in self._held:
                end = _open(self._home, seed)
                fcntl.flock(end, fcntl.LOCK_SH)
                self._held[seed] = end

    def release(self) -> None:
        """Let all of them go."""
        with self._lock:
            while self._held:
                os.close(self._held.popitem()[1])


@contextmanager
def unheld(home: Path, seed: Path) -> Iterator[bool]:
    """Whether no living process holds the seed; while the block runs none can begin to."""
    end = _open(home, seed)
    try:
        fcntl.flock(end, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(end)


def _open(home: Path, seed: Path) -> int:
    places = home / "held"
    places.mkdir(parents=True, exist_ok=True)
    name = sha256(os.fsencode(seed.resolve())).hexdigest()[:32]
    return os.open(places / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
