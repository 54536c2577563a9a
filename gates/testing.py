"""Running pytest in a clean room, where a result needs more than an exit code.

A run is done when pytest says 0 or 1, its report exists and is whole, our witness was written to the end, and the
test of ours that must fail did fail. Everything else is an error or a forgery, and neither is ever green.
"""

import re
from collections.abc import Sequence

from gates import junit
from gates.base import Failure, Room
from gates.process import Invocation, Process, TestRun
from sandboxes.base import WORKSPACE, Sandbox

DETAIL = 6_000
"""Characters kept of one failure's traceback."""

FRAME = re.compile(rf"^(?:{WORKSPACE}/)?([^\s:/.][^\s:]*):(\d+): ", re.MULTILINE)
"""A frame of a short traceback that lies in the tree."""


def collect(sandbox: Sandbox, how: Invocation) -> TestRun:
    """Every node id of the tree, found by a process of its own. `failures` are the files that cannot be read."""
    process = Process(sandbox, how, ["--collect-only", "-q"], (), (0, 1, 5))
    if process.problem is not None:
        return process.problem
    errors = (error for error in process.witness["errors"] if isinstance(error, dict))
    cases = (junit.Case(id=_plain(e.get("id")), outcome="failed", text=_plain(e.get("text"))) for e in errors)
    broken = tuple(_broken(case) for case in cases)
    return TestRun(
        status="done",
        collected=tuple(dict.fromkeys(map(_plain, process.witness["collected"]))),
        failures=broken,
        broken=tuple(failure.id for failure in broken),
        output=process.output,
        micros=process.micros,
    )


def execute(sandbox: Sandbox, how: Invocation, select: Sequence[str] = ()) -> TestRun:
    """Run the tests: all that base's configuration finds, or the files and node ids in `select`."""
    process = Process(sandbox, how, (), select, (0, 1))
    if process.problem is not None:
        return process.problem
    canary = process.witness["canary"]
    if canary in ("passed", "lost", "not run"):
        return process.error("pytest reports a test as passed that cannot pass", f"control test {canary}")
    report = process.report()
    if report.problem:
        return process.error(f"pytest's report is no result: {report.problem}", "report")
    failed = {case.id: case for case in report.cases if case.outcome == "failed"}
    skipped = tuple(dict.fromkeys(c.id for c in report.cases if c.outcome == "skipped" and c.id not in failed))
    ran = dict.fromkeys(c.id for c in report.cases if c.outcome == "passed")
    if process.result.exit_code == 0 and failed:
        return process.error("pytest ended with 0 though tests failed", "exit code")
    return TestRun(
        status="done",
        passed=tuple(node for node in ran if node not in failed and node not in skipped),
        skipped=skipped,
        failures=tuple(_broken(case) if case.collection else _failed(case) for case in failed.values()),
        broken=tuple(case.id for case in failed.values() if case.collection),
        unexplained=process.result.exit_code == 1 and not failed,
        uncontrolled=canary != "failed",
        output=process.output,
        micros=process.micros,
    )


def run(room: Room, tree: str, how: Invocation, select: Sequence[str] = ()) -> TestRun:
    """Run the tests of `tree` in a clean room, or what another gate of this room already saw of that very run."""
    key = f"pytest {tree} {how.config} {how.extra} {sorted(select)}"
    known = room.shared.get(key)
    if not isinstance(known, TestRun):
        with room.open(tree) as sandbox:
            room.shared[key] = known = execute(sandbox, how, select)
    return known


def _failed(case: junit.Case) -> Failure:
    message = case.message.strip().splitlines()
    path, line = _where(case.text) or (case.id.partition("::")[0], 0)
    said = (message[0] if message else "failed")[:300]
    return Failure(id=case.id, message=said, path=path, line=line, detail=_cap(case.text))


def _broken(case: junit.Case) -> Failure:
    """A file that cannot be collected: the last line that pytest marks as error says why."""
    reasons = [text[1:].strip() for text in case.text.splitlines() if text.startswith("E ")]
    path, line = _where(case.text) or (case.id.partition("::")[0], 0)
    message = f"cannot be collected: {reasons[-1] if reasons else case.message}"[:300]
    return Failure(id=case.id, message=message, path=path, line=line, detail=_cap(case.text))


def _where(text: str) -> tuple[str, int] | None:
    frames = [(path, line) for path, line in FRAME.findall(text) if "site-packages" not in path and len(line) < 8]
    return (frames[-1][0], int(frames[-1][1])) if frames else None


def _cap(text: str) -> str:
    return text if len(text) <= DETAIL else f"{text[: DETAIL // 2]}\n...\n{text[-DETAIL // 2 :]}"


def _plain(value: object) -> str:
    """JSON of a hostile hand can hold lone surrogates, which nothing else can."""
    return str(value).encode(errors="replace").decode()
