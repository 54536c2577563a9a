"""What is known about a candidate: the gates' results and the checker's verdict."""

from typing import Literal

import msgspec

from gates.base import GateResult
from harness.events.base import Fact, Place


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One objection of the checker; it counts only when `path:line` exists in the candidate."""

    severity: Literal["blocking", "minor"]
    path: str
    line: int
    claim: str


class CriterionJudged(msgspec.Struct, frozen=True, kw_only=True):
    """How one acceptance criterion stands, and what shows it."""

    id: str
    state: Literal["met", "not_met", "not_verifiable"]
    evidence: str


class GateStarted(Fact, frozen=True, kw_only=True, tag="gate.started"):
    place: Place
    iteration: int
    gate: str
    tree: str
    first: int = 0
    """Tests that failed last, tried before all others: where all fail again, the gate ends there."""


class GateFinished(Fact, frozen=True, kw_only=True, tag="gate.finished"):
    """`key` names gate definition, trees, rules and image: the same key gives the same result, in any run."""

    bulk = ("result",)
    place: Place
    iteration: int
    gate: str
    tree: str
    key: str
    status: str
    summary: str
    green: bool
    new_failures: tuple[str, ...] = ()
    baseline_failures: tuple[str, ...] = ()
    violations: int = 0
    micros: int = 0
    cached: bool = False
    result: GateResult | None = None


class VerdictGiven(Fact, frozen=True, kw_only=True, tag="verdict.given"):
    n: int
    model: str
    decision: Literal["accept", "revise", "escalate"]
    summary: str
    findings: tuple[Finding, ...] = ()
    dropped: tuple[Finding, ...] = ()
    """Findings whose file:line does not exist."""
    refuted: tuple[Finding, ...] = ()
    """Findings that another model has shown to be wrong."""
    criteria: tuple[CriterionJudged, ...] = ()


DRILL = "drill"
"""The source of a drill's goal, by which its record is found."""


class Drilled(msgspec.Struct, frozen=True, kw_only=True):
    """One exercise of a drill: what was played against which gate, what it had to do, and what it did."""

    gate: str
    what: str
    expected: Literal["red", "green", "named"]
    ok: bool
    said: str = ""
    micros: int = 0


class DrillFinished(Fact, frozen=True, kw_only=True, tag="drill.finished"):
    """Every gate was tried in both directions on the user's own repository."""

    exercises: tuple[Drilled, ...]
    micros: int = 0
