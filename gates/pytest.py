"""The gate `pytest`: what passed at base still passes, and what the candidate adds passes too.

A candidate is judged on two trees. Its source under base's own tests shows that nothing broke, whatever it did to
the tests. Its own tree shows that the tests it brings pass; there the ids come from a collection of their own.
"""

from gates import coverage, process, testing, trees
from gates.base import Gate, GateResult, Room
from gates.flaky import unsteady
from gates.own import silent
from gates.proceedings import Judgement, counts, stopped
from gates.process import Invocation, TestRun

SETUP = "install what the tests need by [sandbox] setup, or take the file out of the collection"


def pytest(gate: Gate, room: Room) -> GateResult:
    """Run the tests of the base, or of a candidate against the baseline. Raises `SandboxGone`."""
    sides = trees.layout(room)
    changed = coverage.statements(room, sides)
    how = process.invocation(
        sides.config,
        gate.command,
        gate.timeout,
        room.paths(room.head),
        root=room.root,
        required=room.rules.must_pass,
        probes=coverage.probes(changed),
    )
    if not room.baseline:
        return _at_base(gate, room, how)
    return Judgement(gate, room, sides, how, changed).result()


def _at_base(gate: Gate, room: Room, how: Invocation) -> GateResult:
    with room.open(room.base) as sandbox:
        found = testing.collect(sandbox, how)
        if found.broken:
            reasons = "; ".join(f"{f.path}:{f.line}: {f.message}" for f in found.failures[:3])
            return stopped(
                gate, TestRun(status="error", why=f"cannot run at base: {reasons}; fix: {SETUP}", output=found.output)
            )
        done = testing.execute(sandbox, how) if found.status == "done" else found
    if done.status == "empty":
        return GateResult(gate=gate.name, kind=gate.kind, status="skipped", summary="there are no tests at base")
    if done.status != "done" or done.forged:
        return stopped(gate, done)
    stable = frozenset(found.collected or ())
    left = [failure.id for failure in silent(done, stable)]
    if left:  # what never ran at base could never be missed
        why = f"{len(left)} collected tests did not run at base, {left[0]} for one (-x, --maxfail, a plugin?)"
        return stopped(gate, TestRun(status="error", why=f"{why}; fix: let every test run", output=done.output))
    unstable = tuple(node for node in done.passed if node not in stable)
    chance = unsteady([f.id for f in done.failures if "::" in f.id and f.id in stable], room, how)
    notes = (
        *(f"flaky: {node}" for node in chance),
        *([f"{len(unstable)} test ids change from run to run and are not compared"] if unstable else ()),
        *(f"the plugins of this repository change how tests run: {trait}" for trait in done.traits),
    )
    steady = (failure for failure in done.failures if failure.id not in chance)
    failures = (*steady, *((testing.UNEXPLAINED,) if done.unexplained else ()))
    passed = (*done.passed, *chance)
    return GateResult(
        gate=gate.name,
        kind=gate.kind,
        status="fail" if failures else "pass",
        summary=counts(passed, failures, done.skipped, chance),
        failures=failures,
        passed=tuple(node for node in passed if node in stable),
        flaky=tuple(chance),
        skipped=done.skipped,
        traits=done.traits,
        notes=notes,
        output=done.output if failures else "",
    )
