"""One long run on the full screen, measured inside it: opening, paging, finding, its diff, and what it keeps."""

import asyncio
import gc
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from textual.pilot import Pilot

from bench import figures
from bench.context import Context
from bench.figures import Figure
from bench.history import CREATED, LONG, long
from harness.events import ModelReplied, ModelRequested, Usage
from harness.journal import Journal
from tui import search
from tui.app import Loopwright
from tui.patch import parse
from tui.screens import RunScreen
from tui.sheet import Sheet
from tui.transcript import blocks
from tui.widgets import Story
from tui.window import Window

FILES, LINES, CHANGED = 20, 1_000, 25
"""The diff: files, lines in each, and one in so many is changed."""
FAR = 5_000
"""Events between a reader and what is looked for."""
PAGES = 20
STREAMED = 500_000


def measure(context: Context) -> Iterator[Figure]:
    """What a reader waits for, and what stays in memory."""
    home = long(context.scratch)
    with Journal(home / "journal.db") as journal:
        yield from asyncio.run(_screen(journal, context.runs))
        yield figures.of("screen_find", [_find(journal) for _ in range(context.runs)])
    yield figures.of("screen_diff", [_diff() for _ in range(context.runs)], note=f"{FILES * LINES:,} lines")
    yield figures.of("screen_growth", [asyncio.run(_growth(context.scratch))], note="what the transcript keeps")


async def _screen(journal: Journal, runs: int) -> list[Figure]:
    opened, pages = [], []
    app = Loopwright(journal)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        for _ in range(runs):
            began = time.perf_counter()
            app.open_run("long")
            await _painted(pilot, app)
            opened.append((time.perf_counter() - began) * 1000)
            screen = app.screen
            assert isinstance(screen, RunScreen)
            while screen.view is None:
                await pilot.pause(0.05)
            story = screen.tabs[0].story
            for _ in range(PAGES):
                began = time.perf_counter()
                story.action_page(-1)
                screen.tabs[0].tick()
                _ = screen._compositor.render_strips()
                pages.append((time.perf_counter() - began) * 1000)
            app.pop_screen()
            await pilot.pause()
    return [figures.of("screen_open", opened, note=f"{LONG:,} events"), figures.of("screen_page", pages)]


async def _painted(pilot: "Pilot[None]", app: Loopwright) -> None:
    while not (isinstance(app.screen, RunScreen) and app.screen._compositor.size == app.size):
        await asyncio.sleep(0)
    app.screen._compositor.render_strips()


def _find(journal: Journal) -> float:
    """Milliseconds to a word that stands `FAR` events before the reader, and in none between."""
    seq = next(islice(journal.read_back("long"), FAR, None)).seq
    began = time.perf_counter()
    found = search.find(
        journal, "long", "place", LONG + 1, back=True, shown=lambda record: record.seq <= seq, end=None
    )  # every reply on the way has the word, and is weighed: the worst that a search can meet
    if found is None:
        raise figures.Unmeasurable("what is there was not found")
    return (time.perf_counter() - began) * 1000


def _diff() -> float:
    """CPU seconds from git's text to a page of each layout, and to the end."""
    text = "".join(_file(n) for n in range(FILES))
    gc.collect()
    began = time.process_time()
    sheet = Sheet(parse(text))
    for two, rows in ((False, sheet.unified()), (True, sheet.split())):
        for at in (*range(40), *range(len(rows) // 2, len(rows) // 2 + 40), *range(len(rows) - 40, len(rows))):
            sheet.draw(rows[at], 120, two=two)
    return time.process_time() - began


def _file(n: int) -> str:
    rows = []
    for line in range(LINES):
        code = f"    value_{line} = compute(first={line}, second='x{line}')  # a remark"
        rows += [f"-{code}", f"+{code.replace('first', 'third')}"] if line % CHANGED == 0 else [f" {code}"]
    head = (
        f"diff --git a/src/f{n}.py b/src/f{n}.py\n--- a/src/f{n}.py\n+++ b/src/f{n}.py\n@@ -1,{LINES} +1,{LINES} @@\n"
    )
    return head + "\n".join(rows) + "\n"


async def _growth(scratch: Path) -> float:
    """Memory of the transcript's window after so many events, over that after a fifth of them."""
    import tracemalloc

    from harness.journal import Record

    with Journal(scratch / "growth.db") as journal:
        journal.create("stream", CREATED)
        app = Loopwright(journal)
        async with app.run_test(size=(120, 40)) as pilot:
            story = Story(id="stream")
            await app.screen.mount(story)
            window = Window(journal, "stream", story, blocks)
            tracemalloc.start()
            kept = []
            for seq in range(1, STREAMED + 1, 1_000):
                window.take(tuple(Record("stream", n, 1, n, _event(n), "") for n in range(seq, seq + 1_000)))
                story.action_last()
                if seq % 100_000 == 99_001:
                    await pilot.pause()
                    gc.collect()  # what is kept is meant, not what nobody has cleared away yet
                    kept.append(tracemalloc.get_traced_memory()[0])
            tracemalloc.stop()
    return kept[-1] / kept[0]


def _event(n: int) -> ModelRequested | ModelReplied:
    talk = {"conversation": "maker.1", "call": n, "model": "maker"}
    if n % 2:
        return ModelRequested(**talk, attempt=1, reserved=1)  # type: ignore[arg-type]
    return ModelReplied(
        **talk, stop_reason="tool_use", usage=Usage(), cost=1, calls=1, micros=1, text=f"Looking at place {n}." * 3
    )  # type: ignore[arg-type]
