"""Fork: a new run that begins where another one stood, at one of its candidates, with what had been judged by then."""

import secrets
import string
from collections.abc import Sequence
from pathlib import Path

import msgspec

from harness.events import (
    DRILL,
    CandidateMade,
    Event,
    GateFinished,
    IterationFinished,
    IterationStarted,
    RunCreated,
    RunForked,
    VerdictGiven,
)
from harness.goal import Limits
from harness.journal import CannotFork, Journal, Record
from harness.loop.scene import store_of

EVIDENCE = (GateFinished, IterationStarted, CandidateMade, VerdictGiven, IterationFinished)
"""What of the other run's past holds in this one: its evidence, not its talk and not its money."""


def fork(journal: Journal, home: Path, run: str, iteration: int, note: str = "", limits: Limits | None = None,
         principal: str = "") -> str:  # fmt: skip
    """Create a run that goes on from `run` as it stood after `iteration` (0: its base), and return its id.

    It has its own money and as many further iterations as the other was given, unless `limits` say otherwise. `note`
    is told to its first maker. The other run is only read. Raises `CannotFork`, `UnknownRun`.
    """
    records = tuple(journal.read(run))
    created = records[0].event
    if not isinstance(created, RunCreated) or not created.settings:
        raise CannotFork(f"run {run} cannot be forked", "its first event was erased", "start anew")
    if created.goal.source == DRILL:
        raise CannotFork(f"run {run} cannot be forked", "it is the record of a drill", "call: loopwright drill")
    past, last = prefix(records, iteration)
    new = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))
    before = created.goal.limits
    wanted = limits or msgspec.structs.replace(before, iterations=before.iterations + iteration)
    goal = msgspec.structs.replace(created.goal, limits=wanted)
    store = store_of(home, created)
    first = msgspec.structs.replace(created, goal=goal, principal=principal or created.principal)
    forked = RunForked(run=run, iteration=iteration, seq=last.seq, head=last.hash, note=note, principal=principal)
    with journal.hold(new):  # `gc` lets go of what no run has, unless it is held
        for event in past:
            if isinstance(event, CandidateMade):
                store.keep(new, event.n, event.commit)
        journal.create(new, first, forked, *past)
    return new


def prefix(records: Sequence[Record], iteration: int) -> tuple[tuple[Event, ...], Record]:
    """The evidence up to the end of `iteration`, and the other run's last event that it covers."""
    finished = [r for r in records if isinstance(r.event, IterationFinished)]
    known = [r.event.n for r in finished if isinstance(r.event, IterationFinished)]
    if iteration and iteration not in known:
        there = ", ".join(map(str, known)) or "none"
        raise CannotFork(
            f"run {records[0].run} has no finished iteration {iteration}",
            f"there are: {there}",
            "name one, or 0 for the base",
        )
    end = next((r for r in finished if isinstance(r.event, IterationFinished) and r.event.n == iteration), records[0])
    past = [
        r.event
        for r in records
        if isinstance(r.event, EVIDENCE) and (_base(r.event) if not iteration else r.seq <= end.seq)
    ]
    return tuple(past), end


def _base(event: Event) -> bool:
    return isinstance(event, GateFinished) and event.place == "base"
