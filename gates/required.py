"""Whose a required test is: each of the tests that a goal names has to pass in the gate that it belongs to."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from gates.base import Failure, Gate, GateResult, Room
from gates.naming import REQUIRED, is_required
from gates.parsers import FORMATS

TESTED = tuple(name for name, form in FORMATS.items() if form.tests)
"""The formats whose ids are tests."""


def names_tests(gate: Gate) -> bool:
    """Whether the ids in a gate's results are tests, so that a goal can ask for one of them."""
    return gate.kind == "pytest" or (gate.kind == "command" and gate.format in TESTED)


def owners(wanted: str, baseline: Mapping[str, GateResult]) -> tuple[str, ...]:
    """The gates that have to show the required test: those that have it at base. For one that nobody has yet, those
    that it fits by its look, a Python file in the project of a pytest gate, or something else."""
    able = {name: result for name, result in baseline.items() if result.required and result.tests}
    if known := tuple(name for name, result in able.items() if any(is_required(wanted, n) for n in _ids(result))):
        return known
    near = {name: result.kind for name, result in able.items() if _near(name, result.kind, wanted)}
    python = wanted.partition("::")[0].endswith(".py")
    return tuple(name for name, kind in near.items() if (kind == "pytest") == python) or tuple(near)


def is_known(wanted: str, baseline: Mapping[str, GateResult]) -> bool:
    """Whether some gate has the required test at base, whatever came of it."""
    return any(is_required(wanted, node) for r in baseline.values() if r.required and r.tests for node in _ids(r))


def scoped(gate: Gate, room: Room) -> Room:
    """The room as one gate sees it: tests that belong to another gate are not required of this one. What could
    belong to none is required of all that are no other project's: nothing that a goal asks for is left out."""
    if not room.rules.must_pass or not room.baseline:
        return room
    those = {test: owners(test, room.baseline) for test in room.rules.must_pass}
    own = (t for t, names in those.items() if gate.name in names or not names and _near(gate.name, gate.kind, t))
    return msgspec.structs.replace(room, rules=msgspec.structs.replace(room.rules, must_pass=tuple(own)))


def held(
    must_pass: Iterable[str], failures: Mapping[str, Failure], passed: Iterable[str], skipped: Iterable[str]
) -> dict[str, Failure]:
    """The failures, and one more for each required test that has not passed."""
    found, passed, skipped = named(must_pass, failures), tuple(passed), tuple(skipped)
    for wanted in must_pass:
        if not any(is_required(wanted, node) for node in (*failures, *passed)):
            what = "is skipped" if any(is_required(wanted, node) for node in skipped) else "does not exist"
            found[REQUIRED + wanted] = Failure(id=REQUIRED + wanted, message=f"the required test {what}")
    return found


def named(must_pass: Iterable[str], failures: Mapping[str, Failure]) -> dict[str, Failure]:
    """The failures by id, those of required tests under ids that no baseline excuses."""
    wanted = tuple(must_pass)
    marked = {
        REQUIRED + node: msgspec.structs.replace(failure, id=REQUIRED + node)
        for node, failure in failures.items()
        if any(is_required(each, node) for each in wanted)
    }
    return marked | {node: failure for node, failure in failures.items() if REQUIRED + node not in marked}


def _near(name: str, kind: str, wanted: str) -> bool:
    """Ids of pytest begin with a path, so that a project has those beneath it; those of commands say no place."""
    project = name.rpartition(":")[0]
    return kind != "pytest" or not project or wanted.startswith(f"{project}/")


def _ids(result: GateResult) -> Iterator[str]:
    yield from result.passed
    yield from result.skipped
    yield from (failure.id for failure in result.failures)
