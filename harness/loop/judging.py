"""Judging a tree: every gate in clean rooms that the host composes, or from the journal when it was done before."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import msgspec

import gates
from gates import Gate, GateResult, Room, cache_key, is_green, is_required, new_failures, old_failures
from gates.naming import REQUIRED
from gates.required import is_known, owners
from harness.events import CandidateMade, Event, GateFinished, GateStarted, Notice, Place, SandboxClosed, SandboxOpened
from harness.exits import ENVIRONMENT
from harness.goal import Goal
from harness.journal import State
from harness.loop.endings import Ended
from harness.loop.exchange import put
from harness.loop.rooms import room_at
from harness.loop.run import Run
from harness.loop.side_by_side import side_by_side, width
from harness.memory.flaky import among
from sandboxes.base import Sandbox

READING = ("integrity", "security", "ruff")
"""Kinds of gates that read the tree and run nothing of it: their rooms need no services."""


def baseline(run: Run) -> Generator[Event, None, None]:
    """Judge the base. A required gate that cannot run there ends the run before a cent is spent."""
    yield from _judge(run, "base", 0, run.base.tree)
    for gate in run.gates:
        result = run.state.baseline[gate.name]
        if result.status in ("error", "timeout") and gate.required:
            raise Ended(
                "failed",
                f"the gate {gate.name} cannot run at base: {result.summary}",
                ENVIRONMENT,
                f"make it run first, or take it out of [gates]\n{result.output[-1500:]}".strip(),
            )
        if result.status == "fail" and gate.kind == "command" and not gate.format and not run.state.iterations:
            yield Notice(
                what=f"the gate {gate.name} fails at base: {result.summary}",
                why="its exit status cannot tell new failures from old ones, so a candidate has to make it pass",
                fix=f"mend it first, or set required = false in [gates.{gate.name}]",
            )

    for wanted in run.rules.must_pass:
        those = owners(wanted, run.state.baseline)
        if len(those) != 1 and not is_known(wanted, run.state.baseline):
            raise Ended(
                "failed",
                f"no gate has the required test {wanted} at base; it could belong to {' or '.join(those) or 'none'}",
                ENVIRONMENT,
                "name a test as a gate names it at base, or keep one gate of tests required",
            )


def judge(run: Run, candidate: CandidateMade) -> Generator[Event, None, None]:
    """Judge a candidate's tree against the baseline."""
    yield from _judge(run, "candidate", candidate.n, candidate.tree)


def _judge(run: Run, place: Place, n: int, tree: str) -> Generator[Event, None, None]:
    done = run.state.baseline if place == "base" else _results(run, n)
    room = room_at(
        run.store,
        run.base,
        tree,
        rules=run.rules,
        open=lambda wanted: _clean_room(run, wanted, []),
        baseline={} if place == "base" else run.state.baseline,
        message=run.goal.text,
        flaky=_flaky(run),
        first=_first(run, n) if place == "candidate" else {},
    )
    todo = []
    for gate in gates.order(run.gates, _seen(run)):
        if gate.name in done and done[gate.name].status not in ("error", "timeout"):
            continue
        key = cache_key(gate, room, _environment(run))
        known = run.recall(key)
        if known is not None and known.result is not None:
            yield _finish(run, place, n, gate, tree, key, known.result, cached=True)
        else:
            todo.append((gate, key))
    for step in side_by_side(todo, partial(_one, run, room), width(run.config.sandbox.cpus)):
        if isinstance(step, Gate):
            first = len(room.first.get(step.name, ()))
            yield GateStarted(place=place, iteration=n, gate=step.name, tree=tree, first=first)
            continue
        gate, key, (result, opened) = step
        yield from opened
        yield _finish(run, place, n, gate, tree, key, result, cached=False)


def _one(run: Run, room: Room, gate: Gate) -> tuple[GateResult, list[SandboxOpened | SandboxClosed]]:
    """Run one gate, in whatever thread; with the events of its rooms."""
    opened: list[SandboxOpened | SandboxClosed] = []
    runs = gate.kind not in READING
    room = msgspec.structs.replace(room, open=lambda wanted: _clean_room(run, wanted, opened, services=runs))
    result = gates.run(gate, room)
    if result.died and run.cancel.cause is None:  # the room's death says nothing about the tree: once more
        result = gates.run(gate, room)
    return result, opened


def _seen(run: Run) -> dict[str, gates.Seen]:
    """What this run knows of its gates: their time, and how often their candidates were red."""
    known = {name: gates.Seen(result.micros, 0, 0) for name, result in run.state.baseline.items()}
    for iteration in run.state.iterations:
        for name, event in iteration.gates.items():
            before = known.get(name, gates.Seen(0, 0, 0))
            known[name] = gates.Seen(event.micros or before.micros, before.times + 1, before.red + (not event.green))
    return known


def _first(run: Run, n: int) -> dict[str, tuple[str, ...]]:
    return failed_last(run.goal, run.state, run.gates, n) if run.config.evidence.failed_first else {}


def failed_last(goal: Goal, state: State, tried: Sequence[Gate], n: int) -> dict[str, tuple[str, ...]]:
    """What failed last, by gate: on the candidate before this one or, where there was none, of base's tests what is
    required. Never twice in a row, nor on the last candidate, so that a test which fails only when it is run by
    itself cannot keep a good candidate from being judged whole."""
    if n >= goal.limits.iterations:
        return {}
    judged = [it.gates for it in state.iterations if it.n < n and it.gates]
    found = dict[str, tuple[str, ...]]()
    for gate in tried:
        if gate.kind != "pytest" or not gate.required:
            continue
        if not judged:
            red = (failure.id for failure in state.baseline[gate.name].failures)
            found[gate.name] = tuple(id_ for id_ in red if any(is_required(test, id_) for test in goal.must_pass))
        elif (last := judged[-1].get(gate.name)) and last.result and not last.result.early:
            found[gate.name] = tuple(id_.removeprefix(REQUIRED) for id_ in last.new_failures)
    return {name: tests for name, tests in found.items() if tests}


def _flaky(run: Run) -> Callable[[str], bool]:
    """What was known of flaky tests when the run began."""
    return among(run.state.created.flaky if run.state.created else ())


def _results(run: Run, n: int) -> dict[str, GateResult]:
    iteration = run.iteration(n)
    found = iteration.gates if iteration else {}
    return {name: gate.result for name, gate in found.items() if gate.result is not None}


def _environment(run: Run) -> str:
    """What decides a result besides gate and trees: image, the sandbox's configuration, and the commit (a build may
    ask git for it)."""
    return f"{run.image} {run.base.commit} {msgspec.json.encode(run.config.sandbox).decode()}"


def _finish(
    run: Run, place: Place, n: int, gate: Gate, tree: str, key: str, result: GateResult, *, cached: bool
) -> GateFinished:
    base = run.state.baseline.get(gate.name) if place == "candidate" else None
    lasting = result.status not in ("error", "timeout") and not result.early
    return GateFinished(
        place=place,
        iteration=n,
        gate=gate.name,
        tree=tree,
        key=key if lasting else "",
        status=result.status,
        summary=result.summary,
        green=is_green(result, base) or not (gate.required or _blocked(result)),
        new_failures=tuple(f.id for f in new_failures(result, base)) if place == "candidate" else (),
        baseline_failures=tuple(f.id for f in old_failures(result, base) or ())
        if place == "candidate"
        else tuple(f.id for f in result.failures),
        violations=len(result.violations),
        micros=result.micros,
        cached=cached,
        result=result,
    )


def _blocked(result: GateResult) -> bool:
    return any(violation.severity == "block" for violation in result.violations)


@contextmanager
def _clean_room(
    run: Run, tree: str, opened: list[SandboxOpened | SandboxClosed], *, services: bool = True
) -> Iterator[Sandbox]:
    begun = time.monotonic()
    sandbox = run.open("gates", services=services)
    run.cancel.busy.add(sandbox.interrupt)
    try:
        if tree != run.base.tree:
            commit = run.store.commit(tree, run.base.commit, "clean room")
            put(sandbox, run.store, commit, run.base.commit, fresh=True)
        opened.append(run.opened(sandbox, "gates", begun))
        yield sandbox
    finally:
        run.cancel.busy.discard(sandbox.interrupt)
        sandbox.close()
        opened.append(SandboxClosed(sandbox=sandbox.id))
