"""Journals with a past: many runs, or one long one."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gates.base import GateResult, Status
from harness.events import (
    CandidateMade,
    ConversationOpened,
    DiffStat,
    Event,
    GateFinished,
    IterationFinished,
    IterationStarted,
    ModelReplied,
    ModelRequested,
    RunCreated,
    RunFinished,
    ToolFinished,
    ToolStarted,
    Usage,
)
from harness.goal import Goal
from harness.journal import Journal

MANY, LONG = 10_000, 100_000
TURNS = 100
"""Turns of an iteration in the long run."""
MEMORY = Path("/dev/shm")
"""Where there is one, a journal is filled in memory and then copied: filling is not what is measured."""

CREATED = RunCreated(
    goal=Goal(text="parse_range() drops the last byte of an open-ended range"),
    repo="/home/user/httprange",
    repo_id="0123456789abcdef",
    base="1" * 40,
    base_tree="2" * 40,
    base_ref="main",
    branch="loopwright/parse-range",
    maker="maker",
    checker="checker",
    image="sha256:" + "3" * 64,
    settings="{}",
)


def home(scratch: Path, runs: int) -> Path:
    """A LOOPWRIGHT_HOME whose journal lists so many runs; made once."""
    found = scratch / f"home-{runs}"
    if not found.exists():
        with _filling(found) as journal:
            for n in range(runs):
                journal.create(f"r{n:07d}", CREATED)
                journal.append(f"r{n:07d}", 0, *_short())
    return found


def long(scratch: Path) -> Path:
    """A LOOPWRIGHT_HOME with the one run `long`, of `LONG` events; made once."""
    found = scratch / "home-long"
    if not found.exists():
        with _filling(found) as journal:
            journal.create("long", CREATED)
            batch: list[Event] = []
            left = LONG - 1
            for event in endless():
                batch.append(event)
                left -= 1
                if len(batch) == 1_000 or not left:
                    journal.append("long", 0, *batch)
                    batch.clear()
                if not left:
                    break
    return found


class _filling:  # noqa: N801 - used like the function it stands for
    """A journal to fill, brought to its home when it is full."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._place = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else home.parent)
        self._journal = Journal(Path(self._place.name, "journal.db"))

    def __enter__(self) -> Journal:
        return self._journal

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._journal.close()
        if kind is None:
            self._home.mkdir()
            shutil.copy(Path(self._place.name, "journal.db"), self._home)
        self._place.cleanup()


def _short() -> tuple[Event, ...]:
    """A run that proved its point at once."""
    return (
        IterationStarted(n=1, parent="1" * 40, model="maker"),
        *_judged(1, green=True),
        RunFinished(outcome="succeeded", reason="every gate is green", exit_code=0, branch="loopwright/parse-range"),
    )


def endless() -> Iterator[Event]:
    """Iterations of many turns that never get anywhere."""
    n = 0
    while True:
        n += 1
        yield IterationStarted(n=n, parent="1" * 40, model="maker")
        yield ConversationOpened(
            conversation=f"maker.{n}", role="maker", model="maker", system="s" * 4_000, tools="[]", first="f" * 4_000
        )
        for call in range(1, TURNS + 1):
            yield from turn(f"maker.{n}", call)
        yield from _judged(n, green=False)


def turn(conversation: str, call: int) -> tuple[Event, ...]:
    """One turn: a call of the model, and one command with 200 bytes of output."""
    id, said = f"toolu_{call}", f"Looking at place {call}."
    wire = f'{{"role":"assistant","content":[{{"type":"text","text":"{said}"}},{{"type":"tool_use","id":"{id}"}}]}}'
    return (
        ModelRequested(conversation=conversation, call=call, attempt=1, model="maker", reserved=200_000),
        ModelReplied(
            conversation=conversation,
            call=call,
            model="maker",
            stop_reason="tool_use",
            usage=Usage(input=30, output=60, cache_read=100 * call),
            cost=1_000,
            calls=1,
            micros=1_500_000,
            text=said,
            wire=wire,
        ),
        ToolStarted(conversation=conversation, call=id, name="bash", summary="ls", input='{"command":"ls"}'),
        output(conversation, id),
    )


def output(conversation: str, call: str) -> ToolFinished:
    """The end of a command, with 200 bytes of output that are like no others."""
    said = f"{call}\n".ljust(200, ".")
    return ToolFinished(conversation=conversation, call=call, name="bash", status="ok", micros=1_000, output=said)


def _judged(n: int, *, green: bool) -> tuple[Event, ...]:
    tree = f"{n:040x}"
    status: Status = "pass" if green else "fail"
    tests = tuple(f"tests/test_parse.py::test_{case}" for case in range(20))
    result = GateResult(gate="tests", kind="pytest", status=status, summary="20 passed", passed=tests)
    return (
        CandidateMade(n=n, commit=tree, tree=tree, parent="1" * 40, diff=DiffStat(files=1, insertions=n)),
        GateFinished(
            place="candidate", iteration=n, gate="tests", tree=tree, key=f"{n:064x}", status=status,
            summary=result.summary, green=green, result=result,
        ),
        IterationFinished(n=n, ending="finish", green=green, accepted=green, score=(n,), feedback="Try again."),
    )  # fmt: skip
