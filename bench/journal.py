"""The journal: how fast a fact is safe, and how fast the past is there again."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from bench import figures, history
from bench.context import Context
from bench.figures import Figure
from harness.journal import Journal

APPENDS, BATCHES, BATCH = 200, 10, 1_000
PAGE = b"x" * 4_096


def measure(context: Context) -> Iterator[Figure]:
    """Appends beside what the disk itself needs, then the long run and the long list."""
    if context.wants("append", "append_floor", "batch"):
        yield from _appends(context.scratch / "journal-append")
    if context.wants("open_100000"):
        path = history.long(context.scratch) / "journal.db"
        yield figures.of("open_100000", [_timed(_open, path) for _ in range(context.runs)])
    if context.wants("list_10000"):
        path = history.home(context.scratch, history.MANY) / "journal.db"
        yield figures.of("list_10000", [_timed(_list, path) for _ in range(context.runs)])


def _appends(place: Path) -> Iterator[Figure]:
    place.mkdir(exist_ok=True)
    with Journal(place / "journal.db") as journal, (place / "raw").open("wb", buffering=0) as raw:
        journal.create("bench", history.CREATED)
        ours, floor = [], []
        for n in range(APPENDS):
            event = history.output("maker.1", f"toolu_{n}")
            ours.append(_timed(journal.append, "bench", 0, event))
            floor.append(_timed(_written, raw.fileno()))
        yield figures.of("append", ours, beside=("a page written and fsynced", floor))
        yield Figure(name="append_floor", value=median(ours) / median(floor))
        batches = []
        for n in range(BATCHES):
            events = [history.output("maker.1", f"toolu_{n}_{m}") for m in range(BATCH)]
            batches.append(_timed(journal.append, "bench", 0, *events))
        each = f"{BATCH / median(batches) * 1000:,.0f} appends a second"
        yield figures.of("batch", batches, note=each)


def _written(file: int) -> None:
    os.write(file, PAGE)
    os.fsync(file)


def _open(path: Path) -> None:
    with Journal(path) as journal:
        state = journal.state("long")
    if state.seq != history.LONG:
        raise figures.Unmeasurable(f"the run has {state.seq} events")


def _list(path: Path) -> None:
    with Journal(path) as journal:
        found = len(journal.runs())
    if found != history.MANY:
        raise figures.Unmeasurable(f"the journal lists {found} runs")


def _timed(what: Callable[..., object], *args: object) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    what(*args)
    return (time.perf_counter() - began) * 1000
