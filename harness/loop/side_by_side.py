"""Gates of one candidate at the same time, as many as the cores hold."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from gates import Gate, ready

Found = TypeVar("Found")


def width(cpus: float, cores: int | None = None) -> int:
    """How many gates run at once: as many as get all the cores that a sandbox may have, and always one."""
    return max(1, int((cores or os.cpu_count() or 1) // max(cpus, 0.01)))


def side_by_side(
    todo: Sequence[tuple[Gate, str]], run: Callable[[Gate], Found], most: int
) -> Iterator[Gate | tuple[Gate, str, Found]]:
    """Yield each gate when it is begun, and with its key and what `run` found when it is done, the first one first.

    They begin in the order given; one that reads another's results waits for it. What `run` raises is raised here
    once those that run are done. With `most` = 1 everything happens in the caller's thread.
    """
    if most == 1 or len(todo) < 2:
        for gate, key in todo:
            yield gate
            yield gate, key, run(gate)
        return
    waiting, running = list(todo), dict[Future[Found], tuple[Gate, str]]()
    with ThreadPoolExecutor(most, thread_name_prefix="gate") as pool:
        while waiting or running:
            for each in _next(waiting, [gate for gate, _ in running.values()], most):
                waiting.remove(each)
                yield each[0]
                running[pool.submit(run, each[0])] = each
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                gate, key = running.pop(future)
                yield gate, key, future.result()


def _next(waiting: Sequence[tuple[Gate, str]], running: Sequence[Gate], most: int) -> list[tuple[Gate, str]]:
    """What can be begun now."""
    before, chosen = list(running), list[tuple[Gate, str]]()
    for gate, key in waiting:
        if len(running) + len(chosen) < most and ready(gate, before):
            chosen.append((gate, key))
        before.append(gate)
    return chosen
