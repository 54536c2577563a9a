"""The gate `proof`: new and changed tests must fail on base's source, or they prove nothing."""

import msgspec

from gates import process, testing, trees
from gates.again import EARLY
from gates.base import Gate, GateResult, Room, Violation
from gates.contents import Oversized, content
from gates.mutation import survey
from gates.own import changed_tests, own_tests
from gates.process import Invocation, TestRun
from gates.source import Unreadable, outline, parse, same
from gates.trees import Layout

NO_TESTS = "there are no new or changed tests"
PROVES, NOTHING, CANNOT = "proves", "proves nothing", "cannot run at base"


def proof(gate: Gate, room: Room) -> GateResult:
    """Run the candidate's new and changed tests on its own tree and on base's source. Raises `SandboxGone`.

    One note a test: `proves` (fails at base, passes on the candidate), `proves nothing` (passes at base as well; a
    warning), `cannot run at base` (it needs what base does not have, so base says nothing about it). With
    `mutation`, one failure for each mutant of the changed lines that no test notices.
    """
    sides = trees.layout(room)
    if not room.baseline:
        return _result(gate, NO_TESTS)
    if room.shared.get(EARLY):
        return _result(gate, "the tests ended early", early=True)
    how = process.invocation(sides.config, gate.command, gate.timeout, room.paths(room.head), root=room.root)
    found = _tests(gate, room, sides, how)
    if not gate.mutation:
        return found
    mutated = survey(room, sides, how)
    failures = mutated.failures()
    return msgspec.structs.replace(
        found,
        status="fail" if failures else "pass" if mutated.killed else found.status,
        summary=f"{found.summary}; {mutated.summary}",
        failures=failures,
    )


def _tests(gate: Gate, room: Room, sides: Layout, how: Invocation) -> GateResult:
    """What the new and changed tests show."""
    if not any(path.endswith(".py") for path in changed_tests(room, sides)):
        return _result(gate, NO_TESTS)
    own = own_tests(room, sides, how, trees.exact(room, sides))
    new = _new(own, room)
    if not new:
        return _result(gate, f"there are no new or changed tests that run ({own.why or own.status})")
    files = sorted({_file(node) for node in new})
    at_base = testing.run(room, trees.base_with_new_tests(room, sides), how, files)
    said = {node: _judge(node, own, at_base) for node in new}
    hollow = [node for node, verdict in said.items() if verdict == NOTHING]
    counts = ", ".join(f"{sum(v == what for v in said.values())} {what}" for what in (PROVES, NOTHING, CANNOT))
    return GateResult(
        gate=gate.name,
        kind=gate.kind,
        status="pass",
        summary=counts,
        violations=tuple(_hollow(node) for node in hollow),
        notes=tuple(f"{verdict}: {node}" for node, verdict in said.items()),
        passed=tuple(node for node, verdict in said.items() if verdict == PROVES),
    )


def _new(own: TestRun, room: Room) -> list[str]:
    """The tests that base does not have, or has otherwise."""
    known = {
        node
        for result in room.baseline.values()
        if result.kind == "pytest"
        for node in (*result.passed, *result.skipped, *(failure.id for failure in result.failures))
    }
    edited: dict[str, frozenset[str]] = {}
    found = []
    for node in own.collected or ():
        path = _file(node)
        if path not in edited:
            edited[path] = _edited(path, room)
        if node not in known or node.partition("::")[2].partition("[")[0].replace("::", ".") in edited[path]:
            found.append(node)
    return found


def _edited(path: str, room: Room) -> frozenset[str]:
    """The tests of a module of base whose functions say something else now."""
    try:
        old, new = content(room, room.base, path), content(room, room.head, path)
        if old is None or new is None:
            return frozenset()
        before, after = outline(parse(old)).tests, outline(parse(new)).tests
        return frozenset(
            name
            for name in after.keys() & before.keys()
            if len(before[name]) != len(after[name]) or not all(map(same, before[name], after[name]))
        )
    except (Unreadable, Oversized, RecursionError):
        return frozenset()


def _judge(node: str, own: TestRun, base: TestRun) -> str:
    if base.status != "done" or _file(node) in base.broken or node not in base.ids:
        return CANNOT
    if node in base.passed:
        return NOTHING
    if node in base.skipped:
        return CANNOT
    return PROVES if node in own.passed else "fails on the candidate too"


def _hollow(node: str) -> Violation:
    return Violation(
        rule="proves-nothing",
        path=_file(node),
        message=f"{node} passes on base's source as well",
        fix="let the test check what this change makes true",
        severity="warn",
    )


def _result(gate: Gate, summary: str, *, early: bool = False) -> GateResult:
    return GateResult(gate=gate.name, kind=gate.kind, status="skipped", summary=summary, early=early)


def _file(node: str) -> str:
    return node.partition("::")[0]
