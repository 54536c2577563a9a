"""A command whose report is read: any tool that writes one of `gates.parsers.FORMATS` is a gate."""

import secrets

import msgspec

from gates import trees
from gates.base import Failure, Gate, GateResult, Room, Status
from gates.command import TAIL, cannot_run, where, with_base_scripts
from gates.globs import matches
from gates.parsers import FORMATS, Report, parse
from gates.parsers.base import LIMIT
from gates.required import held
from gates.trees import Layout, may_edit
from sandboxes.base import FileRefused, Result, Sandbox

VARIABLE = "LOOPWRIGHT_REPORT"
"""Names the file that a command may write its report to: outside the work tree, another one in each run."""
FILES = 5_000
"""Report files of one run."""
LISTING = 8_000_000


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the command on one tree: a report, or why there is none."""

    report: Report = Report()
    status: Status = "pass"
    why: str = ""
    output: str = ""
    notes: tuple[str, ...] = ()


def reported(gate: Gate, room: Room) -> GateResult:
    """Run the command and judge what its report says. Raises `SandboxGone`.

    The report and the exit status have to agree: a report that is not whole, or that has no failure though the
    command failed, is an error and never green. Formats of tests are run twice when the candidate changes tests:
    its source under base's own tests, where all that passed at base has to have a result, and its own tree.
    """
    if not gate.command:
        return _stopped(gate, Run(status="error", why="a gate with a format needs a command"))
    sides = trees.layout(room)
    exact = trees.exact(room, sides)
    tests = FORMATS[gate.format].tests
    first = trees.with_base_tests(room, sides) if tests else exact
    runs = [_run(gate, room, first)]
    if first != exact and runs[0].status != "error":
        runs.append(_run(gate, room, exact))
    for run in runs:
        if run.status in ("error", "timeout"):
            return _stopped(gate, run)
    return _judged(gate, room, runs, _lost(gate, room, sides, runs[0].report) if tests else ())


def _judged(gate: Gate, room: Room, runs: list[Run], lost: tuple[Failure, ...]) -> GateResult:
    reports = [run.report for run in runs]
    failures = {failure.id: failure for report in reports for failure in report.failures}
    failures |= {failure.id: failure for failure in lost if failure.id not in failures}
    passed = tuple(dict.fromkeys(node for report in reports for node in report.passed if node not in failures))
    skipped = tuple(dict.fromkeys(node for report in reports for node in report.skipped if node not in failures))
    if FORMATS[gate.format].tests and room.baseline:
        failures = held(room.rules.must_pass, failures, passed, skipped)
    if FORMATS[gate.format].tests:
        counts = ((len(passed), "passed"), (len(failures), "failed"), (len(skipped), "skipped"))
        summary = ", ".join(f"{n} {what}" for n, what in counts if n or what == "passed")
    else:
        summary = f"{len(failures)} finding{'' if len(failures) == 1 else 's'}" if failures else "no findings"
    empty = FORMATS[gate.format].tests and not (passed or failures or skipped)
    return GateResult(
        gate=gate.name,
        kind=gate.kind,
        status="fail" if failures else "skipped" if empty else "pass",
        summary="there are no tests" if empty else summary,
        failures=tuple(failures.values()),
        passed=passed,
        skipped=skipped,
        notes=tuple(dict.fromkeys(note for run in runs for note in run.notes)),
        output=runs[-1].output if failures else "",
    )


def _lost(gate: Gate, room: Room, sides: Layout, report: Report) -> tuple[Failure, ...]:
    """What passed at base and has no such result now. Where the goal lets tests change, they may also go."""
    base = room.baseline.get(gate.name)
    if base is None or any(sides.is_test(c.path) and may_edit(c.path, room) for c in room.diff.changes):
        return ()
    done = {*report.passed, *(failure.id for failure in report.failures)}
    skipped = frozenset(report.skipped)
    return tuple(
        Failure(id=node, message=f"passed at base, {'is skipped' if node in skipped else 'has no result'} now")
        for node in base.passed
        if node not in done
    )


def _run(gate: Gate, room: Room, tree: str) -> Run:
    tree, notes = with_base_scripts(gate, room, tree)
    if gate.report:  # a report that lies in the tree already was not made by this run
        tree = room.compose(tree, {path: None for path in room.paths(tree) if _is_report(gate, path)})
    form = FORMATS[gate.format]
    path = f"/tmp/lw{secrets.token_hex(8)}.report"  # noqa: S108 - inside the sandbox
    with room.open(tree) as sandbox:
        done = sandbox.run(
            gate.command or "", timeout=gate.timeout, cap=LIMIT, cwd=where(gate), merge=form.merged,
            env={VARIABLE: path}, report=LIMIT,
        )  # fmt: skip
        said = (done.stdout + b"\n" + done.stderr).decode(errors="replace").strip()[-TAIL:]
        if done.timed_out:
            return Run(status="timeout", why=f"no end after {gate.timeout} s", output=said, notes=notes)
        if reason := cannot_run(done):
            return Run(status="error", why=reason, output=said, notes=notes)
        report = _report(gate, sandbox, done, path)
    return _checked(gate, report, done.exit_code, said, notes)


def _checked(gate: Gate, report: Report, code: int, said: str, notes: tuple[str, ...]) -> Run:
    """A report and an exit status that contradict each other are no result."""
    if report.problem:
        why = f"{report.problem} (exit status {code})"
        return Run(status="error", why=why, output=said, notes=notes)
    if code and not report.failures:
        why = f"ended with exit status {code} though its {gate.format} report has no failure"
        return Run(status="error", why=why, output=said, notes=notes)
    return Run(report=report, output=said, notes=notes)


def _report(gate: Gate, sandbox: Sandbox, done: Result, path: str) -> Report:
    """The report, from where the gate says it is: files, descriptor 3, the named file, stdout."""
    if gate.report:
        return _files(gate, sandbox)
    if done.report_lost:
        return Report(problem=f"the report has more than {LIMIT} bytes")
    if done.report:
        return parse(gate.format, done.report)
    try:
        return parse(gate.format, sandbox.read(path, limit=LIMIT))
    except FileRefused as refused:
        if sandbox.run(["test", "-e", path]).exit_code == 0:
            return Report(problem=f"the report cannot be read: {refused.why or refused.what}"[:300])
    if done.elided:
        return Report(problem=f"the report has more than {LIMIT} bytes")
    return parse(gate.format, done.stdout)


def _files(gate: Gate, sandbox: Sandbox) -> Report:
    """All report files that the glob names, as one report."""
    listed = sandbox.run(["find", ".", "-name", ".git", "-prune", "-o", "-type", "f", "-print0"], cap=LISTING)
    paths = (path.removeprefix("./") for path in listed.stdout.decode(errors="surrogateescape").split("\0"))
    files = sorted(path for path in paths if path and _is_report(gate, path))
    if listed.elided or len(files) > FILES:
        return Report(problem="there are more files than can be looked at")
    if not files:
        return Report(problem=f"there is no report: no file is named {gate.report}")
    parts = []
    for path in files:
        try:
            parts.append(parse(gate.format, sandbox.read(path, limit=LIMIT)))
        except FileRefused as refused:
            return Report(problem=f"{path}: {refused.why or refused.what}"[:300])
        if parts[-1].problem:
            return Report(problem=f"{path}: {parts[-1].problem}"[:300])
    return Report(
        failures=tuple(failure for part in parts for failure in part.failures),
        passed=tuple(node for part in parts for node in part.passed),
        skipped=tuple(node for part in parts for node in part.skipped),
    )


def _is_report(gate: Gate, path: str) -> bool:
    return matches(path, (f"{gate.project}/{gate.report}" if gate.project else gate.report,))


def _stopped(gate: Gate, run: Run) -> GateResult:
    return GateResult(
        gate=gate.name, kind=gate.kind, status=run.status, summary=run.why[:300], output=run.output, notes=run.notes
    )
