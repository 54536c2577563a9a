"""Kinds of gates and the one way to run them."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from typing import NamedTuple

import msgspec

from gates.base import Gate, GateResult, GateUnknown, Room
from gates.command import command
from gates.definitions import redefined
from gates.inner import ROOTED, inner, told
from gates.integrity import integrity, shadows
from gates.projects import OWN, inputs, standing
from gates.proof import proof
from gates.pytest import pytest
from gates.reported import reported
from gates.required import names_tests, scoped
from gates.ruff import ruff
from gates.security import security
from sandboxes.base import SandboxGone

Kind = Callable[[Gate, Room], GateResult]


def _command(gate: Gate, room: Room) -> GateResult:
    """A command is judged by the report it writes or, without one, by its exit status."""
    return reported(gate, room) if gate.format else command(gate, room)


KINDS: Mapping[str, Kind] = {
    "integrity": integrity,
    "ruff": ruff,
    "security": security,
    "command": _command,
    "pytest": pytest,
    "proof": proof,
}
"""The kinds of this package, in the order in which they are run: what is cheap and says most comes first."""

GROUP = "loopwright.gates"
"""The entry-point group through which another package adds a kind: its name, and a function like these."""

MEANING = 5
"""Raised whenever a gate's result would mean something else than before, so that no old result is reused."""


def kind(name: str) -> Kind:
    """The function of a kind, our own or another package's. Raises `GateUnknown`."""
    if name in KINDS:
        return KINDS[name]
    others = entry_points(group=GROUP)
    for entry in others:
        if entry.name == name:
            found: Kind = entry.load()
            return found
    raise GateUnknown(name, (*KINDS, *(entry.name for entry in others)))


def run(gate: Gate, room: Room) -> GateResult:
    """Run one gate on the room's tree. A sandbox that dies on the way is an `error` of the gate, never a verdict.

    Raises `GateUnknown`; what a gate's own defect raises is not hidden.
    """
    judge = kind(gate.kind)
    started = time.monotonic()
    room = scoped(gate, room)
    try:
        result = standing(gate, room) or _judge(judge, gate, room)
    except SandboxGone as gone:
        why = f"the clean room died: {gone}"[:300]
        result = GateResult(gate=gate.name, kind=gate.kind, status="error", summary=why, output=gone.fix, died=True)
    micros = int((time.monotonic() - started) * 1_000_000)
    return msgspec.structs.replace(
        result,
        micros=micros,
        required=gate.required,
        tests=names_tests(gate),
        violations=(*result.violations, *redefined(gate, room)),
    )


def _judge(judge: Kind, gate: Gate, room: Room) -> GateResult:
    if not gate.project:
        return judge(gate, room)
    inside = inner(gate, room)
    result = told(judge(gate, inside), f"{gate.project}/") if gate.kind in ROOTED else judge(gate, room)
    # a project's root is an import path of its own, which the whole repository's `integrity` need not know
    more = tuple(shadows(inside, f"{gate.project}/")) if room.baseline and gate.kind in (*ROOTED, "command") else ()
    return msgspec.structs.replace(result, violations=(*result.violations, *more))


USUAL = {"integrity": 0.1, "ruff": 1.0, "security": 2.0, "command": 10.0, "pytest": 20.0, "proof": 30.0}
"""Seconds that a gate of a kind takes, as long as nothing is known of it: a guess that only has to rank them."""


class Seen(NamedTuple):
    """What is known of a gate of this repository: how long it took at last, how often it ran, how often it was red."""

    micros: int
    times: int
    red: int


def order(gates: Sequence[Gate], seen: Mapping[str, Seen] = {}) -> tuple[Gate, ...]:
    """Integrity first, proof last; between them what finds most in its time: cheap gates, and those that are often
    red."""

    def rank(gate: Gate) -> tuple[int, float]:
        known = seen.get(gate.name)
        seconds = known.micros / 1e6 if known else USUAL.get(gate.kind, USUAL["command"])
        likely = (known.red + 1) / (known.times + 2) if known else 0.5
        return {"integrity": 0, "proof": 2}.get(gate.kind, 1), seconds / likely

    return tuple(sorted(gates, key=rank))


def ready(gate: Gate, others: Sequence[Gate]) -> bool:
    """Whether a gate can be run while these are not done: proof reads what the tests of its project have shown."""
    return gate.kind != "proof" or not any(o.kind == "pytest" and o.project == gate.project for o in others)


def cache_key(gate: Gate, room: Room, image: str) -> str:
    """Names everything that decides a gate's result: the same key means the same result, in any run."""
    baseline = {
        name: (
            result.status,
            sorted(f.id for f in result.failures),
            sorted(result.passed),
            sorted(result.skipped),
            result.traits,
        )
        for name, result in room.baseline.items()
        if gate.kind not in OWN or name == gate.name
    }
    trees = (inputs(gate, room, room.base), inputs(gate, room, room.head))
    rules = scoped(gate, room).rules
    parts = (MEANING, gate.digest(), *trees, bool(room.baseline), rules, image, sorted(baseline.items()))
    message = room.message if gate.kind == "security" and room.baseline else ""  # at base nothing is said yet
    return hashlib.sha256(repr((*parts, message)).encode(errors="backslashreplace")).hexdigest()[:32]
