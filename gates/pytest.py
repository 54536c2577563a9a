"""The gate `pytest`: what passed at base still passes, and what the candidate adds passes too.

A candidate is judged on two trees. Its source under base's own tests shows that nothing broke, whatever it did to
the tests. Its own tree shows that the tests it brings pass; there the ids come from a collection of their own.
"""

from collections.abc import Iterable

import msgspec

from gates import process, testing, trees
from gates.base import Failure, Gate, GateResult, Room, Violation
from gates.flaky import excuse
from gates.naming import REQUIRED, is_required
from gates.own import own_tests, silent
from gates.process import Invocation, TestRun
from gates.trees import Layout, may_edit

UNEXPLAINED = Failure(
    id="pytest exit status",
    message="pytest ended with 1 though no test failed: a plugin objects (coverage threshold?)",
)

SETUP = "install what the tests need by [sandbox] setup, or take the file out of the collection"
UNCONTROLLED = "the plugins of this repository keep our control test from running"


def pytest(gate: Gate, room: Room) -> GateResult:
    """Run the tests of the base, or of a candidate against the baseline. Raises `SandboxGone`."""
    sides = trees.layout(room)
    how = process.invocation(sides.config, gate.command, gate.timeout, room.paths(room.head))
    if not room.baseline:
        return _at_base(gate, room, how)
    return _Judgement(gate, room, sides, how).result()


def _at_base(gate: Gate, room: Room, how: Invocation) -> GateResult:
    with room.open(room.base) as sandbox:
        found = testing.collect(sandbox, how)
        if found.broken:
            reasons = "; ".join(f"{f.path}:{f.line}: {f.message}" for f in found.failures[:3])
            return _stopped(
                gate, TestRun(status="error", why=f"cannot run at base: {reasons}; fix: {SETUP}", output=found.output)
            )
        done = testing.execute(sandbox, how) if found.status == "done" else found
    if done.status == "empty":
        return GateResult(gate=gate.name, kind=gate.kind, status="skipped", summary="there are no tests at base")
    if done.status != "done" or done.forged:
        return _stopped(gate, done)
    left = [failure.id for failure in silent(done, frozenset(found.collected or ()))]
    if left:  # what never ran at base could never be missed
        why = f"{len(left)} collected tests did not run at base, {left[0]} for one (-x, --maxfail, a plugin?)"
        return _stopped(gate, TestRun(status="error", why=f"{why}; fix: let every test run", output=done.output))
    stable = frozenset(found.collected or ())
    unstable = tuple(node for node in done.passed if node not in stable)
    notes = (
        *([f"{len(unstable)} test ids change from run to run and are not compared"] if unstable else ()),
        *([UNCONTROLLED] if done.uncontrolled else ()),
    )
    failures = (*done.failures, *((UNEXPLAINED,) if done.unexplained else ()))
    return GateResult(
        gate=gate.name,
        kind=gate.kind,
        status="fail" if failures else "pass",
        summary=_counts(done.passed, failures, done.skipped),
        failures=failures,
        passed=tuple(node for node in done.passed if node in stable),
        skipped=done.skipped,
        notes=notes,
        output=done.output if failures else "",
    )


class _Judgement:
    """One candidate: its runs, and what they come to."""

    def __init__(self, gate: Gate, room: Room, sides: Layout, how: Invocation) -> None:
        self.gate, self.room, self.sides, self.how = gate, room, sides, how
        self.base = room.baseline.get(gate.name)
        self.touched = frozenset(change.path for change in room.diff.changes)
        self.guarded = trees.with_base_tests(room, sides)
        self.exact = trees.exact(room, sides)

    def result(self) -> GateResult:
        guarded = testing.run(self.room, self.guarded, self.how)
        if self._void(guarded):
            return _stopped(self.gate, guarded)
        own = guarded if self.exact == self.guarded else own_tests(self.room, self.sides, self.how, self.exact)
        if self._void(own):
            return _stopped(self.gate, own)
        failures = {f.id: f for f in (*guarded.failures, *self._lost(guarded), *own.failures)}
        passed = [node for node in (*guarded.passed, *own.passed) if node not in failures]
        flaky = self._flaky(failures, guarded, own)
        for node in flaky:
            del failures[node]
        for failure in tuple(self._required(guarded, own, failures)):
            failures.pop(failure.id.removeprefix(REQUIRED), None)
            failures[failure.id] = failure
        return self._judged(tuple(failures.values()), tuple(dict.fromkeys([*passed, *flaky])), guarded, own, flaky)

    def _void(self, run: TestRun) -> bool:
        """Whether a run shows nothing. What base's own plugins do to our control test, the candidate's may do."""
        unusual = run.uncontrolled and (self.base is None or UNCONTROLLED not in self.base.notes)
        return run.status in ("error", "timeout") or unusual

    def _lost(self, guarded: TestRun) -> Iterable[Failure]:
        """What passed at base and has no such result any more."""
        done = {*guarded.passed, *(f.id for f in guarded.failures)}
        for node in self.base.passed if self.base else ():
            if node in done or _file(node) in guarded.broken or may_edit(_file(node), self.room):
                continue
            yield _failure(node, f"passed at base, {'skipped' if node in guarded.skipped else 'not run any more'} now")

    def _flaky(self, failures: Iterable[str], guarded: TestRun, own: TestRun) -> list[str]:
        """New failures that are chance: none of a test that the candidate touches, nor of a required one, nor of one
        that failed on both trees."""
        old = {f.id for f in self.base.failures} if self.base else set()
        doubtful = [
            node
            for node in failures
            if node not in old
            and "::" in node
            and _file(node) not in self.touched
            and not any(is_required(wanted, node) for wanted in self.room.rules.must_pass)
        ]
        on_own = {f.id for f in own.failures}
        on_guarded = [node for node in doubtful if own is guarded or node not in on_own]
        passed = {*guarded.passed}
        found = excuse(on_guarded, self.room, self.guarded, self.how)
        return found + excuse([n for n in doubtful if n in on_own and n in passed], self.room, self.exact, self.how)

    def _required(self, guarded: TestRun, own: TestRun, failures: dict[str, Failure]) -> Iterable[Failure]:
        for wanted in self.room.rules.must_pass:
            run = own if _file(wanted) in self.touched else guarded
            bad = [f for f in failures.values() if is_required(wanted, f.id)]
            if not bad and any(is_required(wanted, node) for node in run.passed):
                continue
            if bad:
                yield from (msgspec.structs.replace(f, id=REQUIRED + f.id) for f in bad)
            else:
                yield _failure(REQUIRED + wanted, f"the required test {_absence(wanted, run)}")

    def _judged(
        self,
        failures: tuple[Failure, ...],
        passed: tuple[str, ...],
        guarded: TestRun,
        own: TestRun,
        flaky: list[str],
    ) -> GateResult:
        notes = [f"flaky: {node}" for node in flaky]
        if guarded.unexplained and self.guarded == self.exact:
            failures = (*failures, UNEXPLAINED)
        elif guarded.unexplained or own.unexplained:
            notes.append("pytest ended with 1 though no test failed (a coverage threshold?)")
        skipped = tuple(dict.fromkeys((*guarded.skipped, *own.skipped)))
        nothing = not failures and not passed and not skipped
        return GateResult(
            gate=self.gate.name,
            kind=self.gate.kind,
            status="fail" if failures else "skipped" if nothing else "pass",
            summary="there are no tests" if nothing else _counts(passed, failures, skipped),
            failures=failures,
            passed=passed,
            skipped=skipped,
            notes=tuple(notes),
        )


def _stopped(gate: Gate, run: TestRun) -> GateResult:
    forged = run.forged or ("control test not run" if run.uncontrolled else "")
    why = run.why or "a test that must fail could not be run"
    violation = Violation(
        rule="test-run-forged",
        path="",
        message=f"{why} ({forged})",
        fix="let the tests end by themselves: no exits, no patched runner, no written reports",
    )
    return GateResult(
        gate=gate.name,
        kind=gate.kind,
        status="timeout" if run.status == "timeout" else "error",
        summary=why,
        violations=(violation,) if forged else (),
        output=run.output,
    )


def _absence(wanted: str, run: TestRun) -> str:
    if _file(wanted) in run.broken:
        return "is in a file that cannot be collected"
    return "is skipped" if any(is_required(wanted, node) for node in run.skipped) else "does not exist"


def _failure(node: str, message: str) -> Failure:
    return Failure(id=node, message=message, path=_file(node.removeprefix(REQUIRED)))


def _counts(passed: Iterable[str], failures: Iterable[Failure], skipped: Iterable[str]) -> str:
    counts = ((len(list(passed)), "passed"), (len(list(failures)), "failed"), (len(list(skipped)), "skipped"))
    return ", ".join(f"{n} {what}" for n, what in counts if n or what == "passed")


def _file(node: str) -> str:
    return node.partition("::")[0]
