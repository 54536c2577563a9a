"""Running pytest in a clean room: one process, started by us, whose result needs more than an exit code.

A run is done when pytest says 0 or 1, its report exists and is whole, our witness was written to the end, and the
test of ours that must fail did fail. Everything else is an error or a forgery, and neither is ever green.
"""

import functools
import json
import re
import secrets
import shlex
import time
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Literal

import msgspec

from gates import junit
from gates.base import Failure, Room
from sandboxes.base import WORKSPACE, FileRefused, Result, Sandbox

START = 'exec "$(command -v python || command -v python3)" "$@"'
NO_PYTEST = 97
"""The exit code by which our starter says that there is no pytest."""

DETAIL = 6_000
"""Characters kept of one failure's traceback."""

FRAME = re.compile(rf"^(?:{WORKSPACE}/)?([^\s:/.][^\s:]*):(\d+): ", re.MULTILINE)
"""A frame of a short traceback that lies in the tree."""


class TestRun(msgspec.Struct, frozen=True, kw_only=True):
    """What one run of pytest on one tree showed."""

    __test__ = False
    status: Literal["done", "empty", "error", "timeout"]
    """`empty` is exit code 5: there are no tests."""
    why: str = ""
    """In a line, when it is not `done`; with what to do about it."""
    forged: str = ""
    """How the run was tampered with, where it was."""
    passed: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    broken: tuple[str, ...] = ()
    """Files that could not be collected; each is a failure as well."""
    collected: tuple[str, ...] | None = None
    """Node ids found by a process of its own, when that was asked for."""
    unexplained: bool = False
    """Exit code 1 without a failing test: a plugin's objection, such as a coverage threshold."""
    output: str = ""
    micros: int = 0

    @property
    def ids(self) -> frozenset[str]:
        """Every test with a result."""
        return frozenset((*self.passed, *self.skipped, *(f.id for f in self.failures if f.id not in self.broken)))


class Invocation(msgspec.Struct, frozen=True, kw_only=True):
    """How pytest is called in every run of one gate."""

    config: str | None
    """Base's configuration file, relative to the root."""
    roots: tuple[str, ...]
    """What comes first on the import path."""
    extra: tuple[str, ...]
    deadline: float
    """On the monotonic clock: the gate's whole time."""

    def left(self) -> float:
        """Seconds until the deadline, at least a moment, so that a run can say that it timed out."""
        return max(0.1, self.deadline - time.monotonic())


def invocation(config: str | None, command: str | None, timeout: int, paths: Sequence[str]) -> Invocation:
    """The way to call pytest on a tree with these `paths`; a `src` directory of packages is importable."""
    layered = any(re.fullmatch(r"src/[^/]+/__init__\.py", path) for path in paths)
    return Invocation(
        config=config,
        roots=(WORKSPACE, f"{WORKSPACE}/src") if layered else (WORKSPACE,),
        extra=tuple(shlex.split(command or "")),
        deadline=time.monotonic() + timeout,
    )


def collect(sandbox: Sandbox, how: Invocation) -> TestRun:
    """Every node id of the tree, found by a process of its own. `failures` are the files that cannot be read."""
    started, place = time.monotonic(), _Place(sandbox)
    result = place.start(how, ["--collect-only", "-q"], ())
    problem = place.problem(result, (0, 1, 5))
    if problem is not None:
        return problem
    witness = place.witness
    broken = tuple(
        _broken(junit.Case(id=str(e.get("id")), outcome="failed", text=str(e.get("text"))))
        for e in witness["errors"]
        if isinstance(e, dict)
    )
    return TestRun(
        status="done",
        collected=tuple(dict.fromkeys(str(node) for node in witness["collected"])),
        failures=broken,
        broken=tuple(f.id for f in broken),
        output=_tail(result),
        micros=_since(started),
    )


def execute(sandbox: Sandbox, how: Invocation, select: Sequence[str] = ()) -> TestRun:
    """Run the tests: all that base's configuration finds, or the files and node ids in `select`."""
    started, place = time.monotonic(), _Place(sandbox)
    result = place.start(how, [f"--junitxml={place.report}"], select)
    problem = place.problem(result, (0, 1))
    if problem is not None:
        return problem
    canary = place.witness["canary"]
    if canary in ("passed", "lost", "not run"):
        return _error("pytest reports a test as passed that cannot pass", result, forged=f"canary {canary}")
    report = place.read_report()
    if report.problem:
        return _error(f"pytest's report is no result: {report.problem}", result, forged="report")
    failed = {case.id: case for case in report.cases if case.outcome == "failed"}
    skipped = tuple(dict.fromkeys(c.id for c in report.cases if c.outcome == "skipped" and c.id not in failed))
    ran = dict.fromkeys(c.id for c in report.cases if c.outcome == "passed")
    if result.exit_code == 0 and failed:
        return _error("pytest ended with 0 though tests failed", result, forged="exit code")
    return TestRun(
        status="done",
        passed=tuple(node for node in ran if node not in failed and node not in skipped),
        skipped=skipped,
        failures=tuple(_broken(c) if c.collection else _failed(c) for c in failed.values()),
        broken=tuple(case.id for case in failed.values() if case.collection),
        unexplained=result.exit_code == 1 and not failed,
        output=_tail(result),
        micros=_since(started),
    )


def run(room: Room, tree: str, how: Invocation, select: Sequence[str] = ()) -> TestRun:
    """Run the tests of `tree` in a clean room, or what another gate of this room already saw of that very run."""
    key = f"pytest {tree} {how.config} {how.extra} {sorted(select)}"
    known = room.shared.get(key)
    if isinstance(known, TestRun):
        return known
    with room.open(tree) as sandbox:
        found = execute(sandbox, how, select)
    room.shared[key] = found
    return found


class _Place:
    """A directory of random name inside the sandbox, outside the workspace, for one process."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.name = f"lw{secrets.token_hex(8)}"
        self.path = f"/tmp/{self.name}"  # noqa: S108 - inside the sandbox
        self.report = f"{self.path}/report.xml"

    def start(self, how: Invocation, args: Sequence[str], select: Sequence[str]) -> Result:
        program = f"{self.path}/{self.name}.py"
        self.sandbox.write(program, files("gates.inside").joinpath("witness.py").read_bytes())
        self.sandbox.write(f"{self.path}/pytest.ini", b"[pytest]\n")
        config = f"{WORKSPACE}/{how.config}" if how.config else f"{self.path}/pytest.ini"
        options = [
            *("-c", config, f"--rootdir={WORKSPACE}", f"--confcutdir={WORKSPACE}", "--color=no", "--tb=short"),
            *("-o", f"cache_dir={self.path}/cache", "-o", "junit_family=xunit1", "-o", "junit_logging=no"),
            *("--continue-on-collection-errors", "--maxfail=0"),
        ]
        return self.sandbox.run(
            ["/bin/sh", "-c", START, "sh", program, json.dumps(how.roots), *options, *how.extra, *args, *select],
            timeout=how.left(),
            env={"PYTHONHASHSEED": "0", "PYTEST_ADDOPTS": ""},
        )

    def problem(self, result: Result, good: tuple[int, ...]) -> TestRun | None:
        """Why this process has no result, if it has none."""
        if result.timed_out:
            return TestRun(status="timeout", why="pytest ran out of time", output=_tail(result))
        code, said = result.exit_code, self.witness.get("exit")
        if code == NO_PYTEST and said is None:
            return _error('pytest is not in the image; fix: [sandbox] setup = ["pip install pytest"]', result)
        if code == 137 or (result.oom and said is None):
            return _error("pytest was killed (out of memory?); fix: raise [sandbox] memory_mb", result)
        if said != code:
            forged = f"exit code {code}" if code in good else ""
            return _error(f"pytest was cut short: exit code {code} without having finished", result, forged=forged)
        if code == 5 and code not in good:
            return TestRun(status="empty", why="pytest finds no tests", output=_tail(result))
        return None if code in good else _error(_USAGE.get(code, f"pytest ended with {code}"), result)

    @functools.cached_property
    def witness(self) -> Mapping[str, Any]:
        """What our plugin wrote at the very end; nothing when the process did not get there."""
        try:
            said = json.loads(self.sandbox.read(f"{self.path}/witness.json", limit=junit.LIMIT))
        except (FileRefused, ValueError, RecursionError):
            return {}
        lists = isinstance(said, dict) and all(isinstance(said.get(k), list) for k in ("collected", "errors"))
        return said if lists and isinstance(said.get("canary"), str) else {}

    def read_report(self) -> junit.Report:
        try:
            return junit.parse(self.sandbox.read(self.report, limit=junit.LIMIT))
        except FileRefused as error:
            return junit.Report(problem=error.why or error.what)


_USAGE = {
    2: "pytest was interrupted",
    3: "pytest had an internal error",
    4: "pytest was called wrongly: an option or plugin of the configuration is missing here"
    "; fix: install what it needs by [sandbox] setup",
}


def _error(why: str, result: Result, forged: str = "") -> TestRun:
    return TestRun(status="error", why=why, forged=forged, output=_tail(result), micros=result.micros)


def _failed(case: junit.Case) -> Failure:
    message = case.message.strip().splitlines()
    path, line = _where(case.text) or (case.id.partition("::")[0], 0)
    return Failure(
        id=case.id,
        message=(message[0] if message else "failed")[:300],
        path=path,
        line=line,
        detail=_cap(case.text),
    )


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


def _tail(result: Result) -> str:
    return result.stdout.decode(errors="replace")[-4_000:]


def _since(started: float) -> int:
    return int((time.monotonic() - started) * 1_000_000)
