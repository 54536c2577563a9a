"""Gates: the checks that the harness executes itself, in rooms that no candidate can reach."""

from gates.base import (
    Change,
    Diff,
    Failure,
    Gate,
    GateResult,
    GateUnknown,
    Room,
    Rules,
    Severity,
    Status,
    Violation,
    is_green,
    new_failures,
    old_failures,
)
from gates.detect import complete, detect, explain
from gates.feedback import feedback, fingerprint, score
from gates.globs import matches
from gates.kinds import KINDS, cache_key, kind, order, run
from gates.protection import PROTECTED
from gates.trees import is_test

__all__ = [
    "KINDS",
    "PROTECTED",
    "Change",
    "Diff",
    "Failure",
    "Gate",
    "GateResult",
    "GateUnknown",
    "Room",
    "Rules",
    "Severity",
    "Status",
    "Violation",
    "cache_key",
    "complete",
    "detect",
    "explain",
    "feedback",
    "fingerprint",
    "is_green",
    "is_test",
    "kind",
    "matches",
    "new_failures",
    "old_failures",
    "order",
    "run",
    "score",
]
