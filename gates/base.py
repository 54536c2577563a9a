"""What a gate is: frozen data that says what to check, and what a check found.

A gate never trusts its exit code alone and never the tree it judges: definitions and protected files come
from base, results are compared with the baseline, and only *new* failures count.
"""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Literal

import msgspec

from sandboxes.base import WORKSPACE, Sandbox

Status = Literal["pass", "fail", "error", "timeout", "skipped"]
"""`error` means the gate itself could not run: never a statement about the code it was to judge.
`skipped` means there was nothing for it to look at, and says so in `summary`."""

Severity = Literal["block", "warn"]


class Gate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The definition of one gate. `kind` names the function that runs it (see `gates.kinds`)."""

    name: str
    kind: str
    command: str | None = None
    """For `command` gates the shell line; for the others extra arguments of the tool."""
    timeout: int = 600
    """Seconds; a gate that takes longer has the status `timeout`."""
    required: bool = True
    """A gate that is not required is reported and fed back, but does not keep a candidate from being green."""
    coverage: int = 0
    """For tests: per cent of the changed lines that they have to execute."""
    mutation: bool = False
    """For proof: try the suite on mutants of the changed lines."""
    format: str = ""
    """How the report of a `command` is read (`gates.parsers.FORMATS`); `` judges it by its exit status."""
    report: str = ""
    """Glob of the report files in the work tree; `` for the file that `$LOOPWRIGHT_REPORT` names, else stdout."""
    project: str = ""
    """The directory of the project it judges; `` for the whole repository."""
    inputs: tuple[str, ...] = ()
    """Globs of the paths that can change its result; none: whatever its kind looks at."""
    apart: tuple[str, ...] = ()
    """Directories that cannot change its result: the projects that its own does not depend on."""

    def digest(self) -> str:
        """Names this definition in cache keys: any change of it changes the digest."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:16]


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a gate found. `id` stays the same when lines move, so that new failures can be told from old."""

    id: str
    message: str
    path: str = ""
    line: int = 0
    detail: str = ""
    """The assertion, traceback or source excerpt, capped."""


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """One act against the integrity of the evidence: a rule by name, where, and what to do about it."""

    rule: str
    path: str
    line: int = 0
    message: str
    fix: str
    severity: Severity = "block"


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one gate found on one tree."""

    gate: str
    kind: str
    status: Status
    summary: str
    """One line for people: `12 passed, 1 failed`."""
    failures: tuple[Failure, ...] = ()
    violations: tuple[Violation, ...] = ()
    passed: tuple[str, ...] = ()
    """Ids of what was run and passed (tests): what the base had must still be there."""
    flaky: tuple[str, ...] = ()
    """Ids of tests that failed and passed on the same tree: among the passed ones, and always reported."""
    traits: tuple[str, ...] = ()
    """What was unusual about how base's tests ran; in a candidate's run nothing else may be."""
    executed: int = 0
    executable: int = 0
    """Changed lines that the tests executed, of those that can be."""
    skipped: tuple[str, ...] = ()
    """Ids of what was found but skipped (tests): with `passed` and `failures`, every test the tree has."""
    notes: tuple[str, ...] = ()
    """Facts worth reporting that are no failures: tests that prove nothing, dependencies added."""
    output: str = ""
    """The end of the tool's output, capped; for the feedback of an `error`."""
    micros: int = 0
    required: bool = True
    tests: bool = False
    """Its ids are tests, so that a goal can require one of them."""
    early: bool = False
    """It ended at tests that failed last time and fail again, and the rest was not run: red, whatever else it says."""
    died: bool = False
    """Its clean room died: an `error` that the next room may not have."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One changed path between base and candidate, from the raw trees. Modes are octal strings, `` for none."""

    path: str
    status: Literal["added", "modified", "deleted"]
    old_mode: str = ""
    new_mode: str = ""


class Diff(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate's change: raw path changes and the unified text (renames shown as delete + add)."""

    changes: tuple[Change, ...] = ()
    text: str = ""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What the goal and the configuration allow a candidate to touch (globs over repository paths)."""

    scope: tuple[str, ...] = ("**",)
    protected: tuple[str, ...] = ()
    """In addition to `gates.protection.PROTECTED`."""
    may_edit_tests: tuple[str, ...] = ()
    must_pass: tuple[str, ...] = ()


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What a gate may use: files by tree, trees made by the host, and fresh sandboxes at such a tree.

    At base, `head == base` and the diff is empty.
    """

    base: str
    """Tree id of the base."""
    head: str
    """Tree id under judgement."""
    diff: Diff
    rules: Rules
    file: Callable[[str, str], bytes | None]
    """(tree id, path) -> content of a regular file in that tree, read from the host's object store."""
    paths: Callable[[str], tuple[str, ...]]
    """tree id -> every path in it."""
    compose: Callable[[str, Mapping[str, str | None]], str]
    """(onto tree id, {path: tree id to take it from, or None to remove it}) -> new tree id."""
    open: Callable[[str], AbstractContextManager[Sandbox]]
    """tree id -> a fresh throw-away sandbox whose workspace is exactly that tree."""
    baseline: Mapping[str, GateResult]
    """What each gate found at base, by gate name; empty while the base itself is judged."""
    flaky: Callable[[str], bool] = lambda test: False
    """Whether earlier runs found a test to be flaky."""
    first: Mapping[str, tuple[str, ...]] = {}
    """By gate name, the tests to try before all others: where every one of them fails again, a gate may end early.
    It is no part of what names a result: a result that is not `early` never depends on it."""
    entries: Callable[[str], Mapping[str, str]] | None = None
    """tree id -> path -> mode and object id: what names the part of a tree that a gate looks at."""
    link: Callable[[str, str], str | None] | None = None
    """(tree id, path) -> what the symbolic link there says."""
    root: str = WORKSPACE
    """Where the paths begin inside a sandbox: the directory of a project, for a gate that works there."""
    message: str = ""
    """What people wrote that goes with the change into its commit."""
    shared: dict[str, Any] = {}
    """What one gate of this room has found out and another can use, by a key of its own (test runs by tree)."""


class GateUnknown(Exception):
    """A gate of a kind that nobody provides; `known` lists the kinds there are."""

    def __init__(self, kind: str, known: tuple[str, ...]) -> None:
        super().__init__(f"no gate of the kind {kind!r}; there are: {', '.join(known)}")
        self.kind, self.known = kind, known


def new_failures(result: GateResult, baseline: GateResult | None) -> tuple[Failure, ...]:
    """The failures that were not there at base."""
    old = {failure.id for failure in baseline.failures} if baseline else set()
    return tuple(failure for failure in result.failures if failure.id not in old)


def old_failures(result: GateResult, baseline: GateResult | None) -> tuple[Failure, ...]:
    """The failures that base already had: reported, never counted against a candidate."""
    old = {failure.id for failure in baseline.failures} if baseline else set()
    return tuple(failure for failure in result.failures if failure.id in old)


def is_green(result: GateResult, baseline: GateResult | None) -> bool:
    """Whether this gate has nothing new against the candidate."""
    if result.early or any(violation.severity == "block" for violation in result.violations):
        return False
    match result.status:
        case "pass" | "skipped":
            return True
        case "fail":
            return not new_failures(result, baseline)
        case "error" | "timeout":
            return False
