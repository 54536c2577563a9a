"""Failing tests first: those that failed last time, tried before a candidate's whole suite is run.

Where all of them fail again, the candidate is no better than the one before it, and running the rest would only say
by how much. Where one passes, nothing is decided: the whole suite is run in rooms of its own and in its own order,
as if this had not been.
"""

from collections.abc import Sequence

from gates import testing
from gates.base import Failure, Gate, GateResult, Room
from gates.process import Invocation
from gates.required import named

MOST = 100
"""Tests that failed above which the whole suite is run at once."""

EARLY = "early"
"""In what a room's gates share: the tests ended early, so that nothing is to be proven of them."""


def again(gate: Gate, room: Room, how: Invocation, trees: Sequence[tuple[frozenset[str], str]]) -> GateResult | None:
    """The early end of the gate, or None when the whole suite has to be run. Raises `SandboxGone`.

    `trees` says on which tree the tests of which files are judged; the last one has all others.
    """
    tests = room.first.get(gate.name, ())
    if not tests or len(tests) > MOST or not gate.required:
        return None
    left, found = list(tests), dict[str, Failure]()
    for files, tree in trees:
        here = [node for node in left if not files or _file(node) in files]
        left = [node for node in left if node not in here]
        if any(room.file(tree, _file(node)) is None for node in here):
            return None
        failed = _failed(room, tree, how, here) if here else {}
        if any(node not in failed for node in here):
            return None
        found |= {node: failed[node] for node in here}
    room.shared[EARLY] = True
    failures = named(room.rules.must_pass, found)
    return GateResult(
        gate=gate.name,
        kind=gate.kind,
        status="fail",
        summary=f"{len(found)} of {len(found)} tests that failed last fail again; the rest was not run",
        failures=tuple(failures.values()),
        early=True,
    )


def _failed(room: Room, tree: str, how: Invocation, nodes: Sequence[str]) -> dict[str, Failure]:
    """The failures among these tests, run alone. A run that has no result, or was tampered with, shows none."""
    with room.open(tree) as sandbox:
        run = testing.execute(sandbox, how, nodes)
    return {failure.id: failure for failure in run.failures} if run.status == "done" and not run.traits else {}


def _file(node: str) -> str:
    return node.partition("::")[0]
