"""One candidate before the tests: its runs, what they come to, and what is no result at all."""

from collections.abc import Iterable, Iterator

import msgspec

from gates import coverage, testing, trees
from gates.account import Mark
from gates.again import again
from gates.base import Failure, Gate, GateResult, Room, Severity, Violation
from gates.contents import Oversized, added_lines
from gates.coverage import Statements
from gates.flaky import excuse
from gates.naming import REQUIRED, is_required
from gates.own import own_tests
from gates.process import Invocation, TestRun
from gates.testing import UNEXPLAINED
from gates.trees import Layout, may_edit

READING = {
    "open": "opens a module of the tests while they run",
    **dict.fromkeys(
        ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"), "has a program look at the tests"
    ),
}
"""Events of a file being opened, of which the witness tells of modules of tests alone, and of programs that it was
told to tell of because their words name tests."""
USUAL = frozenset({"sys._getframe", "ctypes.dlopen", "ctypes.dlsym"})
"""Ways into the interpreter that honest code takes as well, if rarely."""


class Judgement:
    """One candidate: its runs, and what they come to."""

    def __init__(self, gate: Gate, room: Room, sides: Layout, how: Invocation, changed: Statements) -> None:
        self.gate, self.room, self.sides, self.how, self.changed = gate, room, sides, how, changed
        self.base = room.baseline.get(gate.name)
        self.touched = frozenset(change.path for change in room.diff.changes)
        self.guarded = trees.with_base_tests(room, sides)
        self.exact = trees.exact(room, sides)

    def result(self) -> GateResult:
        """The gate's result. Raises `SandboxGone`."""
        if early := again(self.gate, self.room, self.how, ((self.touched, self.exact), (frozenset(), self.guarded))):
            return early
        guarded = testing.run(self.room, self.guarded, self.how)
        if void := self._void(guarded):
            return void
        own = guarded if self.exact == self.guarded else own_tests(self.room, self.sides, self.how, self.exact)
        if void := self._void(own):
            return void
        failures = {f.id: f for f in (*guarded.failures, *self._lost(guarded), *own.failures)}
        passed = [node for node in (*guarded.passed, *own.passed) if node not in failures]
        flaky = self._flaky(failures, guarded, own)
        for node in flaky:
            del failures[node]
        for failure in tuple(self._required(guarded, own, failures)):
            failures.pop(failure.id.removeprefix(REQUIRED), None)
            failures[failure.id] = failure
        return self._judged(tuple(failures.values()), tuple(dict.fromkeys([*passed, *flaky])), guarded, own, flaky)

    def _void(self, run: TestRun) -> GateResult | None:
        """The result of a run that shows nothing. What base's own plugins do to a run, the candidate's may do."""
        if run.status in ("error", "timeout"):
            return stopped(self.gate, run, tuple(self._reaches(run)))
        strange = [trait for trait in run.traits if self.base is None or trait not in self.base.traits]
        if not strange:
            return None
        why = f"the tests did not run as at base: {'; '.join(strange[:3])}"
        run = msgspec.structs.replace(run, status="error", why=why, forged=strange[0])
        return stopped(self.gate, run, tuple(self._reaches(run)))

    def _reaches(self, *runs: TestRun) -> Iterator[Violation]:
        """Where source that the candidate changed reached for the insides of the interpreter."""
        sources = {c.path: c for c in self.room.diff.changes if not self.sides.is_test(c.path)}
        for mark in dict.fromkeys(mark for run in runs for mark in run.marks):
            try:
                lines = added_lines(sources[mark.path], self.room) if mark.path in sources else []
            except Oversized:
                lines = [(mark.line, "")]
            if any(number == mark.line for number, _ in lines):
                yield _reach(mark)

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
        self, failures: tuple[Failure, ...], passed: tuple[str, ...], guarded: TestRun, own: TestRun, flaky: list[str]
    ) -> GateResult:
        notes = [f"flaky: {node}" for node in flaky]
        if guarded.unexplained and self.guarded == self.exact:
            failures = (*failures, UNEXPLAINED)
        elif guarded.unexplained or own.unexplained:
            notes.append("pytest ended with 1 though no test failed (a coverage threshold?)")
        skipped = tuple(dict.fromkeys((*guarded.skipped, *own.skipped)))
        nothing = not failures and not passed and not skipped
        covered = coverage.measure(self.changed, guarded.ran | own.ran)
        failures = (*failures, *coverage.shortfall(self.gate, covered))
        summary = "there are no tests" if nothing else counts(passed, failures, skipped, flaky)
        return GateResult(
            gate=self.gate.name,
            kind=self.gate.kind,
            status="fail" if failures else "skipped" if nothing else "pass",
            summary=summary + (f"; {covered.percent} % of the changed lines run" if covered.lines else ""),
            failures=failures,
            violations=tuple(self._reaches(guarded, own)),
            passed=passed,
            flaky=tuple(flaky),
            skipped=skipped,
            executed=covered.executed,
            executable=covered.lines,
            notes=(*notes, *([covered.note()] if covered.lines else ())),
        )


def _reach(mark: Mark) -> Violation:
    reads = mark.event in READING
    severity: Severity = "warn" if mark.event in USUAL else "block"
    return Violation(
        rule="tests-read" if reads else "interpreter-reached",
        path=mark.path,
        line=mark.line,
        message=READING.get(mark.event, f"{mark.event}, seen while the tests ran"),
        fix="compute the answer; the tests are no input"
        if reads
        else "do it without the insides of the interpreter: from there the evidence can be reached",
        severity=severity,
    )


def stopped(gate: Gate, run: TestRun, found: tuple[Violation, ...] = ()) -> GateResult:
    """The result of a run that has none; where it was tampered with, a violation says how."""
    why = run.why or "a test that must fail could not be run"
    violation = Violation(
        rule="test-run-forged",
        path="",
        message=f"{why} ({run.forged})",
        fix="let the tests end by themselves: no exits, no patched runner, no written reports",
    )
    return GateResult(
        gate=gate.name,
        kind=gate.kind,
        status="timeout" if run.status == "timeout" else "error",
        summary=why,
        violations=(*([violation] if run.forged else ()), *found),
        output=run.output,
    )


def counts(
    passed: Iterable[str], failures: Iterable[Failure], skipped: Iterable[str], flaky: Iterable[str] = ()
) -> str:
    """`12 passed, 1 failed`; flaky tests are among the passed ones, and named as what they are."""
    sizes = ((passed, "passed"), (failures, "failed"), (skipped, "skipped"), (flaky, "of them flaky"))
    numbers = [(len(list(things)), what) for things, what in sizes]
    return ", ".join(f"{n} {what}" for n, what in numbers if n or what == "passed")


def _absence(wanted: str, run: TestRun) -> str:
    if _file(wanted) in run.broken:
        return "is in a file that cannot be collected"
    return "is skipped" if any(is_required(wanted, node) for node in run.skipped) else "does not exist"


def _failure(node: str, message: str) -> Failure:
    return Failure(id=node, message=message, path=_file(node.removeprefix(REQUIRED)))


def _file(node: str) -> str:
    return node.partition("::")[0]
