"""A run in Docker as its model sees it: how long until the first request, and what each turn costs."""

from collections.abc import Iterator
from statistics import median

from bench import figures
from bench.context import Context
from bench.figures import Figure
from bench.house import House, gaps
from harness.events import ToolFinished
from harness.journal import Journal

SHORT, LONG = 50, 200
AROUND = 2
"""A gap `at` a turn is the median over it and this many turns before and after it, in every long run."""
RSS = "resident set; the peers' are proportional sets, which are never larger"


def measure(context: Context) -> Iterator[Figure]:
    """Warm runs of 50 and of 200 turns."""
    house = context.house
    shorts = [house.run(SHORT) for _ in range(context.runs)]
    first = [(heard[0].arrived - ran.started) / 1e9 for ran, heard in shorts]
    ran, heard = context.fresh().run(2)
    cold = (heard[0].arrived - ran.started) / 1e9
    yield figures.of("first_request", first, note=f"of a repository's first run, with seed and baseline: {cold:.1f} s")
    tools = ("the command alone, as the sandbox's user sees it", list(_tools(house)))
    yield figures.of("gap", [gap for _, heard in shorts for gap in gaps(heard)], beside=tools)
    yield figures.of("wall_50", [ran.wall for ran, _ in shorts])
    yield figures.of("cpu_50", [ran.cpu for ran, _ in shorts])
    yield figures.of("memory_50", [ran.peak for ran, _ in shorts], note=RSS)
    if context.wants("gap_5", "gap_50", "gap_200", "growth"):
        longs = [gaps(house.run(LONG)[1]) for _ in range(max(1, context.runs // 2))]
        around = {turn: [gap for found in longs for gap in _at(found, turn)] for turn in (5, 50, LONG)}
        for turn, found in around.items():
            yield figures.of(f"gap_{turn}", found)
        yield Figure(name="growth", value=median(around[LONG]) / median(around[5]))


def _tools(house: House) -> Iterator[float]:
    """Milliseconds of each command of the last run, from the call of the sandbox to its answer."""
    with Journal(house.home / "journal.db") as journal:
        for record in journal.read(journal.resolve("last")):
            if isinstance(record.event, ToolFinished) and record.event.name == "bash":
                yield record.event.micros / 1000


def _at(found: list[float], turn: int) -> list[float]:
    return found[max(0, turn - 1 - AROUND) : turn + AROUND]
