"""The files that a gate's own command line names: whoever changes them changes the gate."""

from collections.abc import Iterator

from gates.base import Gate, Room, Severity, Violation
from gates.command import NAMED_BY, deciding
from gates.pins import named_by_goal

RUNNERS = frozenset(name for names in NAMED_BY.values() for name in names)


def redefined(gate: Gate, room: Room) -> Iterator[Violation]:
    """Changes of what the gate's line runs. The gate ran base's copy; a module of Python may be what the goal is
    about, and is only a warning."""
    if not (gate.command and room.baseline):
        return
    named = deciding(gate, room)
    for change in room.diff.changes:
        if change.path in named and not named_by_goal(change.path, room.rules.scope):
            source = change.path.endswith(".py") and change.path.rpartition("/")[2] not in RUNNERS
            severity: Severity = "warn" if source else "block"
            yield Violation(
                rule="gate-command-changed",
                path=change.path,
                message=f"the gate {gate.name} runs this file by `{gate.command[:120]}`; it ran base's copy",
                fix="take the change back, or have the goal's scope name the file",
                severity=severity,
            )
