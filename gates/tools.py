"""What the gates that call a scanner share: finding it, reading its report, and naming its findings."""

import contextlib
import json
import secrets
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from gates.base import Failure, Gate, GateResult, Room, Status
from gates.contents import base_content
from sandboxes.base import WORKSPACE, FileRefused, Result, Sandbox

TOOLS = "/opt/loopwright/bin"
"""Where our images keep the gates' tools, apart from the repository's own environment."""
LIMIT = 32_000_000
BATCH = 400
"""Files named on one command line."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One finding of a scanner."""

    path: str
    line: int
    code: str
    message: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What stays the same when lines move."""
        return self.path, self.code, self.message


class ToolFailed(Exception):
    """A scanner could not do its work: `summary` for the gate's result, and the end of what it said."""

    def __init__(self, summary: str, output: str = "", *, timed_out: bool = False) -> None:
        super().__init__(summary)
        self.summary, self.output, self.timed_out = summary, output, timed_out

    def result(self, gate: Gate) -> GateResult:
        status: Status = "timeout" if self.timed_out else "error"
        return GateResult(
            gate=gate.name, kind=gate.kind, status=status, summary=self.summary, output=self.output[-4_000:]
        )


def find(sandbox: Sandbox, name: str) -> str:
    """The path of a tool in this sandbox: the image's own, else the first on the PATH. Raises `ToolFailed`."""
    result = sandbox.run(
        ["/bin/sh", "-c", 'for t in "$0/$1" "$1"; do command -v "$t" && exit 0; done; exit 1', TOOLS, name]
    )
    path = result.stdout.decode(errors="replace").strip().splitlines()
    if result.exit_code != 0 or not path or path[0].startswith(WORKSPACE):
        raise ToolFailed(
            f'{name} is not in the image; fix: [sandbox] setup = ["pip install {name}"], or take the gate out'
        )
    return path[0]


def report(sandbox: Sandbox, command: Sequence[str], option: str, timeout: float, good: tuple[int, ...]) -> Any:
    """Run a scanner that writes JSON to the file after `option`, and read it. Raises `ToolFailed`."""
    path = f"/tmp/lw{secrets.token_hex(8)}.json"  # noqa: S108 - inside the sandbox
    result = sandbox.run([*command, option, path], timeout=timeout)
    said = result.stdout.decode(errors="replace")
    if result.timed_out:
        raise ToolFailed(f"{_name(command)} ran out of time", said, timed_out=True)
    if result.exit_code not in good:
        raise ToolFailed(f"{_name(command)} cannot run: {_reason(result)}", said)
    try:
        return json.loads(sandbox.read(path, limit=LIMIT))
    except (FileRefused, ValueError, RecursionError) as error:
        raise ToolFailed(f"the report of {_name(command)} cannot be read: {error}"[:300], said) from None


def as_base_has_them(sandbox: Sandbox, room: Room, paths: Iterable[str]) -> list[str]:
    """Put base's version of these files into the work tree; the ones that base has are returned."""
    laid = []
    for path in paths:
        data = base_content(room, path)
        with contextlib.suppress(FileRefused):  # a link or directory stands there now: then base has nothing to say
            if data is not None:
                sandbox.write(f"{WORKSPACE}/{path}", data)
                laid.append(path)
    return laid


def beyond(new: Iterable[Finding], *old: Iterable[Finding]) -> list[Finding]:
    """The findings of `new` that `old` does not have as often."""
    left = Counter(finding.key for findings in old for finding in findings)
    found = []
    for finding in new:
        if left[finding.key] > 0:
            left[finding.key] -= 1
        else:
            found.append(finding)
    return found


def failures(findings: Iterable[Finding], mark: str = "") -> tuple[Failure, ...]:
    """Findings as failures. The id has no line; the second one of a kind in a file is `#2`."""
    seen: Counter[str] = Counter()
    found = []
    for finding in findings:
        name = f"{finding.path}: {finding.code} {finding.message}{mark}"
        seen[name] += 1
        found.append(
            Failure(
                id=name if seen[name] == 1 else f"{name} #{seen[name]}",
                message=f"{finding.code} {finding.message}{mark}",
                path=finding.path,
                line=finding.line,
            )
        )
    return tuple(found)


def batches(paths: Sequence[str]) -> Iterable[list[str]]:
    """The paths, as many at a time as a command line takes, and none that could be taken for an option."""
    safe = [path if not path.startswith("-") else f"./{path}" for path in paths]
    return (safe[start : start + BATCH] for start in range(0, len(safe), BATCH))


def relative(path: str) -> str:
    """A path of a scanner's report, relative to the root of the work tree."""
    return path.removeprefix(f"{WORKSPACE}/").removeprefix("./")


def _name(command: Sequence[str]) -> str:
    return command[0].rpartition("/")[2]


def _reason(result: Result) -> str:
    lines = result.stdout.decode(errors="replace").strip().splitlines()
    return (lines[-1] if lines else f"exit code {result.exit_code}")[:200]
