"""One pytest process in a sandbox: how it is started, and whether it came to an end that means something."""

import json
import re
import secrets
import shlex
import time
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from gates import account
from gates.base import Failure
from gates.inside import witness
from sandboxes.base import WORKSPACE, FileRefused, Result, Sandbox

START = 'exec "$(command -v python || command -v python3)" "$@"'
NO_PYTEST = 97
"""The exit code by which our starter says that there is no pytest."""

ENV = {"PYTHONHASHSEED": "0", "PYTEST_ADDOPTS": ""}
"""A fixed hash seed: sets give parameters, and so node ids, their order."""


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
    traits: tuple[str, ...] = ()
    """What is unusual about the run. The plugins of a repository may have it so at base; nothing else may."""
    marks: tuple[account.Mark, ...] = ()
    """Lines of the tree that reached for the insides of the interpreter."""
    ran: frozenset[tuple[str, int]] = frozenset()
    """The probed statements that were executed, by path and line."""
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
    root: str = WORKSPACE
    """The directory inside the sandbox that pytest is run in, and that node ids begin at."""
    roots: tuple[str, ...]
    """What comes first on the import path."""
    extra: tuple[str, ...]
    deadline: float
    """On the monotonic clock: the gate's whole time."""
    required: tuple[str, ...] = ()
    """Tests that are controlled in every run: a test of ours under their name has to be reported as failed."""
    probes: Mapping[str, tuple[int, ...]] = {}
    """Statements of the tree, by path and first line, that say when they are executed."""

    def left(self) -> float:
        """Seconds until the deadline, at least a moment, so that a run can say that it timed out."""
        return max(0.1, self.deadline - time.monotonic())


def invocation(
    config: str | None,
    command: str | None,
    timeout: int,
    paths: Sequence[str],
    *,
    root: str = WORKSPACE,
    required: tuple[str, ...] = (),
    probes: Mapping[str, tuple[int, ...]] = {},
) -> Invocation:
    """The way to call pytest on a tree with these `paths`; a `src` directory of packages is importable."""
    layered = any(re.fullmatch(r"src/[^/]+/__init__\.py", path) for path in paths)
    return Invocation(
        config=config,
        root=root,
        roots=(root, f"{root}/src") if layered else (root,),
        extra=tuple(shlex.split(command or "")),
        deadline=time.monotonic() + timeout,
        required=required,
        probes=probes,
    )


class Process:
    """One pytest process, with a directory of random name of its own, outside the workspace.

    What it found comes over the reporter's channel: nothing that it prints or leaves in a file counts.
    `problem` says why there is no result to look at, and is None when there is one.
    """

    def __init__(
        self, sandbox: Sandbox, how: Invocation, args: Sequence[str], select: Sequence[str], good: tuple[int, ...]
    ) -> None:
        self.name = f"lw{secrets.token_hex(8)}"
        self.path = f"/tmp/{self.name}"  # noqa: S108 - inside the sandbox
        self.started = time.monotonic()
        self._sandbox = sandbox
        try:
            self.result = self._run(how, args, select)
        except FileRefused as refused:
            self.result = Result(exit_code=-1, stdout=str(refused).encode())
            self.told = account.Account()
            self.problem: TestRun | None = self.error("there is no room for a test run in /tmp")
        else:
            self.told = account.read(self.result.report, self.result.report_lost)
            self.problem = self._problem(good)

    @property
    def micros(self) -> int:
        return int((time.monotonic() - self.started) * 1_000_000)

    @property
    def output(self) -> str:
        return self.result.stdout.decode(errors="replace")[-4_000:]

    def error(self, why: str, forged: str = "") -> TestRun:
        return TestRun(status="error", why=why, forged=forged, output=self.output, micros=self.micros)

    def _run(self, how: Invocation, args: Sequence[str], select: Sequence[str]) -> Result:
        program = f"{self.path}/{self.name}.py"
        self._sandbox.write(program, witness())
        self._sandbox.write(f"{self.path}/pytest.ini", b"[pytest]\n")
        config = f"{how.root}/{how.config}" if how.config else f"{self.path}/pytest.ini"
        options = [
            *("-c", config, f"--rootdir={how.root}", f"--confcutdir={how.root}", "--color=no", "--tb=short"),
            *("-o", f"cache_dir={self.path}/cache", "--continue-on-collection-errors", "--maxfail=0"),
        ]
        orders = json.dumps(
            {"root": how.root, "roots": how.roots, "required": how.required, "probes": dict(how.probes)}
        )
        command = ["/bin/sh", "-c", START, "sh", program, *options, *how.extra, *args, *select]
        return self._sandbox.run(
            command, timeout=how.left(), env=ENV, stdin=orders.encode(), cwd=how.root, report=account.LIMIT
        )

    def _problem(self, good: tuple[int, ...]) -> TestRun | None:
        code, said = self.result.exit_code, self.told.end.exit if self.told.end else None
        if self.result.timed_out:
            return TestRun(status="timeout", why="pytest ran out of time", output=self.output, micros=self.micros)
        if code == NO_PYTEST and not self.told.began:
            return self.error('pytest is not in the image; fix: [sandbox] setup = ["pip install pytest"]')
        if self.result.disk:
            return self.error("pytest was killed: the disk is full; fix: raise [sandbox] disk_mb")
        if code == 137 or (self.result.oom and said is None):
            return self.error("pytest was killed (out of memory?); fix: raise [sandbox] memory_mb")
        if self.told.problem:
            forged = "" if self.result.report_lost else "account"
            return self.error(f"what the run told is no result: {self.told.problem}", forged)
        if said != code:
            forged = f"exit code {code}" if code in good else ""
            return self.error(f"pytest was cut short: exit code {code} without having finished", forged)
        if code == 5 and code not in good:
            return TestRun(status="empty", why="pytest finds no tests", output=self.output)
        return None if code in good else self.error(_USAGE.get(code, f"pytest ended with {code}"))


_USAGE = {
    2: "pytest was interrupted",
    3: "pytest had an internal error",
    4: "pytest was called wrongly: an option or plugin of the configuration is missing here"
    "; fix: install what it needs by [sandbox] setup",
}
