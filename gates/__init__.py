"""Gates: the checks that the harness executes itself, in rooms that no candidate can reach."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
from gates.globs import matches

if TYPE_CHECKING:
    from gates.detection import detect, explain
    from gates.kinds import KINDS, Seen, cache_key, kind, order, ready, run
    from gates.naming import is_required, is_test
    from gates.protection import PROTECTED
    from gates.telling import feedback, fingerprint, score

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
    "Seen",
    "Severity",
    "Status",
    "Violation",
    "cache_key",
    "detect",
    "explain",
    "feedback",
    "fingerprint",
    "is_green",
    "is_required",
    "is_test",
    "kind",
    "matches",
    "new_failures",
    "old_failures",
    "order",
    "ready",
    "run",
    "score",
]

_LATE = dict.fromkeys(("KINDS", "Seen", "cache_key", "kind", "order", "ready", "run"), "gates.kinds")
_LATE |= dict.fromkeys(("detect", "explain"), "gates.detection")
_LATE |= dict.fromkeys(("feedback", "fingerprint", "score"), "gates.telling")
_LATE |= dict.fromkeys(("is_required", "is_test"), "gates.naming")
_LATE["PROTECTED"] = "gates.protection"


def __getattr__(name: str) -> Any:
    """What runs gates is loaded when the first one is run: `loopwright ls` needs only the words for their results."""
    if name not in _LATE:
        raise AttributeError(f"module 'gates' has no attribute {name!r}")
    return getattr(import_module(_LATE[name]), name)
