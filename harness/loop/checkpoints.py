"""Checkpoints: a work tree as it stood, to which a sandbox is rolled back or from which others are forked.

A checkpoint is a commit in the harness's own store, so it outlives every container. It holds what git would: files
that are ignored, and what lies outside of the work tree, are no part of it.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from harness.loop.exchange import put, take
from harness.repo import Store
from sandboxes.base import Sandbox

AT_ONCE = 8
"""Sandboxes that are opened at the same time."""


def checkpoint(sandbox: Sandbox, store: Store, run: str, base: str) -> str:
    """Hold the sandbox's work tree as it is now; returns the checkpoint's id. Raises `Rejected`."""
    return store.checkpoint(run, take(sandbox, store, base).tree, base)


def rollback(sandbox: Sandbox, store: Store, checkpoint: str, base: str) -> None:
    """Make the sandbox what one fresh from the checkpoint would be: no process, no other file, HEAD at base.

    Raises `SandboxGone` when that cannot be done; `fork` then makes another one in its place.
    """
    sandbox.reset()
    put(sandbox, store, checkpoint, base, rewind=True)


def fork(open_one: Callable[[int], Sandbox], store: Store, checkpoint: str, base: str, count: int) -> list[Sandbox]:
    """So many sandboxes that stand at the checkpoint, from one seed; `open_one` is given the number of each, from 0.

    When one cannot be made the others are closed, and its error is raised.
    """
    opened: list[Sandbox] = []

    def one(number: int) -> Sandbox:
        sandbox = open_one(number)
        opened.append(sandbox)
        put(sandbox, store, checkpoint, base)
        return sandbox

    with ThreadPoolExecutor(min(count, AT_ONCE) or 1, thread_name_prefix="fork") as pool:
        tasks = [pool.submit(one, number) for number in range(count)]
    try:
        return [task.result() for task in tasks]
    except BaseException:
        for sandbox in opened:
            sandbox.close()
        raise
