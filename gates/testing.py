"""Running pytest in a clean room, where a result needs more than an exit code.

A run is done when pytest says 0 or 1, what our witness told the reporter is whole, in order and says the same, and
the tests of ours that must fail did fail. Everything else is an error or a forgery, and neither is ever green.
"""

import re
from collections.abc import Sequence

from gates.account import Account, Broken, End, Test
from gates.base import Failure, Room
from gates.process import Invocation, Process, TestRun
from sandboxes.base import WORKSPACE, Sandbox

UNEXPLAINED = Failure(
    id="pytest exit status",
    message="pytest ended with 1 though no test failed: a plugin objects (coverage threshold?)",
)
UNCONTROLLED = "a control test could not be run"
DETAIL = 6_000
"""Characters kept of one failure's traceback."""

FRAME = re.compile(rf"^(?:{WORKSPACE}/)?([^\s:/.][^\s:]*):(\d+): ", re.MULTILINE)
"""A frame of a short traceback that lies in the tree."""


def collect(sandbox: Sandbox, how: Invocation) -> TestRun:
    """Every node id of the tree, found by a process of its own. `failures` are the files that cannot be read."""
    process = Process(sandbox, how, ["--collect-only", "-q"], (), (0, 1, 5))
    if process.problem is not None:
        return process.problem
    broken = tuple(map(_broken, process.told.broken))
    return TestRun(
        status="done",
        collected=tuple(dict.fromkeys(process.told.ids)),
        failures=broken,
        broken=_places(broken),
        traits=_traits(process.told, process.told.end) if process.told.end else (),
        output=process.output,
        micros=process.micros,
    )


def execute(sandbox: Sandbox, how: Invocation, select: Sequence[str] = ()) -> TestRun:
    """Run the tests: all that base's configuration finds, or the files and node ids in `select`."""
    process = Process(sandbox, how, (), select, (0, 1))
    if process.problem is not None:
        return process.problem
    told, end = process.told, process.told.end
    states = {control.state for control in told.controls}
    if end is None or not states or "passed" in states:
        said = "passed" if "passed" in states else "not run"
        return process.error("pytest reports a test as passed that cannot pass", f"control test {said}")
    outcomes = _outcomes(told)
    broken = tuple(map(_broken, told.broken))
    failures = (*broken, *(_failed(told.ids[test.n], test) for test in outcomes["failed"].values()))
    if process.result.exit_code == 0 and failures:
        return process.error("pytest ended with 0 though tests failed", "exit code")
    return TestRun(
        status="done",
        passed=tuple(outcomes["passed"]),
        skipped=tuple(outcomes["skipped"]),
        failures=failures,
        broken=_places(broken),
        unexplained=process.result.exit_code == 1 and not failures,
        traits=_traits(told, end),
        marks=told.marks,
        ran=frozenset(end.ran),
        output=process.output,
        micros=process.micros,
    )


def _outcomes(told: Account) -> dict[str, dict[str, Test]]:
    """The tests by outcome and id. Of several under one id the worst counts."""
    found: dict[str, dict[str, Test]] = {"failed": {}, "skipped": {}, "passed": {}, "none": {}}
    for test in told.tests:
        found[test.outcome].setdefault(told.ids[test.n], test)
    for better, worse in (("skipped", ("failed",)), ("passed", ("failed", "skipped"))):
        found[better] = {node: t for node, t in found[better].items() if not any(node in found[w] for w in worse)}
    return found


def _traits(told: Account, end: End) -> tuple[str, ...]:
    """What is unusual about a run."""
    found = [f"{name} is replaced" for name in end.patched]
    found += [f"{path} was changed while the tests ran" for path in end.changed]
    found += end.strange
    if any(control.state != "failed" for control in told.controls):
        found.append(UNCONTROLLED)
    if any(test.whitewashed for test in told.tests):
        found.append("a test that raised is reported as passed")
    if any(test.swapped for test in told.tests):
        found.append("another function ran in the place of a test")
    return tuple(found)


def run(room: Room, tree: str, how: Invocation, select: Sequence[str] = ()) -> TestRun:
    """Run the tests of `tree` in a clean room, or what another gate of this room already saw of that very run."""
    key = f"pytest {tree} {how.config} {how.extra} {sorted(select)}"
    known = room.shared.get(key)
    if not isinstance(known, TestRun):
        with room.open(tree) as sandbox:
            room.shared[key] = known = execute(sandbox, how, select)
    return known


def _failed(node: str, test: Test) -> Failure:
    said = [report for report in test.reports if report.outcome == "failed"]
    text = "\n".join(report.text for report in said)
    message = said[0].message.strip().splitlines()
    path, line = _where(text) or (node.partition("::")[0], 0)
    return Failure(
        id=node, message=(message[0] if message else "failed")[:300], path=path, line=line, detail=_cap(text)
    )


def _broken(error: Broken) -> Failure:
    """A file that cannot be collected: the last line that pytest marks as error says why."""
    reasons = [text[1:].strip() for text in error.text.splitlines() if text.startswith("E ")]
    path, line = _where(error.text) or (error.id.partition("::")[0], 0)
    message = f"cannot be collected: {reasons[-1] if reasons else error.text.strip().rpartition(chr(10))[2]}"[:300]
    return Failure(id=error.id, message=message, path=path, line=line, detail=_cap(error.text))


def _places(broken: Sequence[Failure]) -> tuple[str, ...]:
    """What cannot be collected, and the files it is in."""
    return tuple(dict.fromkeys(place for failure in broken for place in (failure.id, failure.id.partition("::")[0])))


def _where(text: str) -> tuple[str, int] | None:
    frames = [(path, line) for path, line in FRAME.findall(text) if "site-packages" not in path and len(line) < 8]
    return (frames[-1][0], int(frames[-1][1])) if frames else None


def _cap(text: str) -> str:
    return text if len(text) <= DETAIL else f"{text[: DETAIL // 2]}\n...\n{text[-DETAIL // 2 :]}"
