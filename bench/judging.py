"""What evidence costs: gates whose result is known, clean rooms, the tests gate beside pytest itself; the demo."""

import sys
import time
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from bench import figures, process
from bench.context import Context
from bench.figures import Figure
from bench.house import ROOT, House, loopwright, scripted
from bench.sandbox import workplace
from harness.events import GateFinished, SandboxOpened
from harness.journal import Journal, Record

SCRIPT = ROOT / "demo" / "script.json"
T = TypeVar("T")
GOAL = "parse_range() drops the last byte of an open-ended range"


def measure(context: Context) -> Iterator[Figure]:
    """The demo's run in a warm house, read from its journal; then the demo itself."""
    if context.wants("cached_gate", "clean_room", "tests_gate"):
        records = _judged(context.house)
        yield figures.of("cached_gate", list(_cached(records)))
        rooms = [event.micros / 1e6 for event in _events(records, SandboxOpened) if event.purpose == "gates"]
        yield figures.of("clean_room", rooms)
        judged = (event for event in _events(records, GateFinished) if event.place == "candidate")
        tests = [event.micros / 1e6 for event in judged if event.gate == "tests"]
        yield figures.of("tests_gate", tests, beside=("pytest in one sandbox", list(_bare(context))))
    if context.wants("demo"):
        yield _demo(context.house)


def _judged(house: House) -> list[Record]:
    """The records of a run that is judged: its baseline is known, its candidates are not."""
    script = msgspec.json.decode(SCRIPT.read_bytes())
    with scripted(script, house.home.parent / "requests.jsonl") as (url, _):
        ran = loopwright("run", GOAL, "--progress", "none", cwd=house.repo, env=house.environ | url)
    if ran.code != 0:
        raise figures.Unmeasurable(f"the demo's run ended with {ran.code}: {ran.out} {ran.err}")
    with Journal(house.home / "journal.db") as journal:
        return list(journal.read(journal.resolve("last")))


def _events(records: list[Record], kind: type[T]) -> list[T]:
    return [record.event for record in records if isinstance(record.event, kind)]


def _cached(records: list[Record]) -> Iterator[float]:
    """Milliseconds from the fact before it to the verdict of each gate that was known."""
    for before, after in zip(records, records[1:], strict=False):
        if isinstance(after.event, GateFinished) and after.event.cached:
            yield (after.ts - before.ts) / 1000


def _bare(context: Context) -> Iterator[float]:
    """Seconds for a sandbox at base in which pytest runs as anybody would run it."""
    engine, spec = workplace(context)
    for _ in range(context.runs):
        began = time.perf_counter()
        sandbox = engine.open(spec)
        done = sandbox.run(["python", "-m", "pytest", "-q", "-p", "no:cacheprovider"])
        sandbox.close()
        yield time.perf_counter() - began
        if done.exit_code != 0:
            raise figures.Unmeasurable(f"pytest ended with {done.exit_code}: {done.stdout[-200:]!r}")
    engine.settle()


def _demo(house: House) -> Figure:
    ran = process.run([sys.executable, "-m", "demo"], cwd=ROOT, env=house.environ)
    if ran.code != 0:
        raise figures.Unmeasurable(f"the demo ended with {ran.code}: {ran.err}")
    return Figure(name="demo", value=ran.wall, note="baseline, two iterations, a checker; nothing cached but the image")
