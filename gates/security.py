"""The gate `security`: credentials in added lines and in the commit message, new findings of bandit, dependencies
named with their licences and held against advisories."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from gates import tools, trees
from gates.advisories import NOT_RUN, audit, new_pins
from gates.base import Failure, Gate, GateResult, Room
from gates.contents import Oversized, added_lines, base_content
from gates.dependencies import LOCKS, dependency_notes
from gates.licences import added, licences
from gates.secrets import scan
from gates.tools import Finding, ToolFailed, beyond, failures, report
from gates.trees import Layout
from sandboxes.base import Sandbox

KEY_FILES = re.compile(
    r"(?:^|/)(?:id_(?:rsa|dsa|ecdsa|ed25519)|\.env(?:\.(?!example|sample|template|dist)\w+)?|[^/]+\.(?:p12|pfx|jks|keystore|kdbx))$"
)
"""Files that hold credentials by their name."""

LEVEL = "-ll"
"""Medium and high severity. Bandit's low ones (an import of subprocess, an assert) are habits, not dangers."""


def security(gate: Gate, room: Room) -> GateResult:
    """Look at what the candidate changed; at base, only whether the scanner is there. Raises `SandboxGone`."""
    sides = trees.layout(room)
    try:
        if not room.baseline:
            return _at_base(gate, room, sides)
        changed = [c.path for c in room.diff.changes if c.status != "deleted"]
        sources = [path for path in changed if path.endswith(".py") and not sides.is_test(path)]
        dangers = _bandit(gate, room, sides, sources) if sources else []
        weak, said = _dependencies(room)
    except ToolFailed as error:
        return error.result(gate)
    leaks, unread = _leaks(room, sides)
    bad = (*leaks, *failures(dangers), *weak)
    counts = f"{len(leaks)} credentials, {len(dangers)} new findings"
    counts += f", {len(weak)} vulnerable dependencies" if weak else ""
    return GateResult(
        gate=gate.name,
        kind=gate.kind,
        status="fail" if bad else "pass",
        summary=counts if bad else "no credentials, no new findings",
        failures=bad,
        notes=(*dependency_notes(room.diff.changes, room), *said, *unread),
    )


def _at_base(gate: Gate, room: Room, sides: Layout) -> GateResult:
    if any(path.endswith(".py") and not sides.is_test(path) for path in room.paths(room.base)):
        with room.open(room.base) as sandbox:
            tools.find(sandbox, "bandit")
    return GateResult(gate=gate.name, kind=gate.kind, status="skipped", summary="nothing has changed yet")


def _dependencies(room: Room) -> tuple[tuple[Failure, ...], list[str]]:
    """Vulnerable versions that the change brings, and what is to be said of the new dependencies. What could not be
    looked up is named: no silence is a pass."""
    pins, new = new_pins(room.diff.changes, room), added(room.diff.changes, room)
    if not pins and not new:
        return (), []
    with room.open(room.base) as sandbox:
        weak, heard = audit(pins, sandbox) if pins else ((), (f"{NOT_RUN} for what no file pins to a version",))
        return weak, [*(licences(new, room, sandbox) if new else ()), *heard]


def _leaks(room: Room, sides: Layout) -> tuple[tuple[Failure, ...], list[str]]:
    found: dict[str, Failure] = {}
    unread = []
    for secret in scan(list(enumerate(room.message.split("\n"), start=1))):
        failure = _leak("", secret.line, secret.rule, secret.value)
        found[failure.id] = failure
    for change in room.diff.changes:
        if change.status == "deleted":
            continue
        if change.status == "added" and KEY_FILES.search(change.path):
            failure = _leak(change.path, 1, "credentials-file", change.path)
            found[failure.id] = failure
        try:
            lines = added_lines(change, room)
        except Oversized as error:
            unread.append(f"not scanned for credentials: {change.path}: {error}")
            continue
        lenient = sides.is_test(change.path) or PurePosixPath(change.path).name in LOCKS
        for secret in scan(lines, lenient=lenient):
            failure = _leak(change.path, secret.line, secret.rule, secret.value)
            found.setdefault(failure.id, failure)
    return tuple(found.values()), unread


def _leak(path: str, line: int, rule: str, value: str) -> Failure:
    """A failure that names the place and not the secret."""
    digest = hashlib.sha256(value.encode()).hexdigest()[:8]
    where = "an added line" if path else "the commit message"
    return Failure(
        id=f"{path or 'commit message'}: secret {rule} {digest}",
        message=f"a credential ({rule}) is in {where}; take it out and read it from the environment",
        path=path,
        line=line,
    )


def _bandit(gate: Gate, room: Room, sides: Layout, sources: Sequence[str]) -> list[Finding]:
    """Bandit's findings in the changed files beyond those of base's versions, whatever comments say."""
    with room.open(trees.exact(room, sides)) as sandbox:
        command = [tools.find(sandbox, "bandit"), "-q", "-f", "json", "--ignore-nosec", LEVEL, *_config(room)]
        new = list(_findings(sandbox, command, sources, gate.timeout))
        if not new:
            return []
        before = tools.as_base_has_them(sandbox, room, sources)
        return beyond(new, _findings(sandbox, command, before, gate.timeout)) if before else new


def _config(room: Room) -> tuple[str, ...]:
    """Base's own settings of bandit. The room's copy of the file is base's where it matters."""
    data = base_content(room, "pyproject.toml")
    if data is not None and b"[tool.bandit" in data:
        return ("-c", "pyproject.toml")
    return next((("-c", name) for name in ("bandit.yaml", "bandit.yml") if base_content(room, name) is not None), ())


def _findings(sandbox: Sandbox, command: Sequence[str], paths: Sequence[str], timeout: int) -> Iterator[Finding]:
    for batch in tools.batches(paths):
        document = report(sandbox, [*command, *batch], "-o", timeout, (0, 1))
        if not isinstance(document, dict) or not isinstance(document.get("results"), list):
            raise ToolFailed("the report of bandit has no results")
        yield from (_finding(item) for item in document["results"] if isinstance(item, dict))
        yield from (
            Finding(
                path=tools.relative(str(item.get("filename"))),
                line=0,
                code="unreadable",
                message="bandit cannot read it",
            )
            for item in document.get("errors", [])
            if isinstance(item, dict)
        )


def _finding(item: dict[str, Any]) -> Finding:
    return Finding(
        path=tools.relative(str(item.get("filename"))),
        line=int(item.get("line_number") or 0),
        code=str(item.get("test_id")),
        message=str(item.get("issue_text"))[:300],
    )
