"""What is taken away in the background: closing a sandbox takes no time, and nobody waits for an engine for ever."""

import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

import docker.errors
import requests

SECONDS = 120.0
"""How long `settle` waits: some requests to an engine that hardly answers (`connect.REQUEST_SECONDS`)."""


class Removals:
    """Work that may fail: `gc` finds what it has left."""

    def __init__(self) -> None:
        self._workers = ThreadPoolExecutor(4, thread_name_prefix="sandbox-removal")
        self._pending: set[Future[None]] = set()

    def later(self, work: Callable[[], object]) -> None:
        """Do it in the background; at the very end of the process, at once."""
        try:
            task = self._workers.submit(quietly, work)
        except RuntimeError:
            quietly(work)
            return
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    def settle(self) -> None:
        """Wait until it is done, or has taken too long."""
        wait(list(self._pending), SECONDS)


def quietly(work: Callable[[], object]) -> None:
    """What cannot be removed now is left to `gc`."""
    with contextlib.suppress(docker.errors.DockerException, requests.RequestException, OSError):
        work()
