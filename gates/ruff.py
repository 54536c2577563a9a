"""The gate `ruff`: findings by base's configuration, wherever the candidate may have put another."""

import posixpath
import shlex
import time
import tomllib
from collections.abc import Iterable, Sequence
from typing import Any

from gates import tools, trees
from gates.base import Gate, GateResult, Room
from gates.contents import base_content
from gates.projects import within
from gates.tools import Finding, ToolFailed, beyond, failures, report
from sandboxes.base import Sandbox

OPTIONS = ("check", "--output-format=json", "--no-cache", "--no-respect-gitignore", "--force-exclude", "--no-fix")
"""A candidate's `.gitignore` must not hide files from the linter."""

PLAIN = ("--select=E4,E7,E9,F",)
"""For repositories that do not configure ruff: mistakes (pyflakes, and pycodestyle's errors), no matters of style."""

SUPPRESSED = " (suppressed by a comment of this change)"


def ruff(gate: Gate, room: Room) -> GateResult:
    """Lint the whole tree. A finding that a candidate silences by a comment counts as if it had not.

    Raises `SandboxGone`.
    """
    sides = trees.layout(room)
    mine = (gate.project,) if gate.project else None
    if not any(_is_python(path, mine) for path in room.paths(room.head)):
        return GateResult(gate=gate.name, kind=gate.kind, status="skipped", summary="there is no Python")
    tree, notes = _with_extended(room, trees.exact(room, sides))
    changed = [c.path for c in room.diff.changes if c.status != "deleted" and _is_python(c.path, mine)]
    try:
        with room.open(tree) as sandbox:
            check = _Check(sandbox, gate, () if _configured(room) else PLAIN)
            found = check([gate.project or "."])
            hidden = _hidden(check, room, changed, found) if changed else []
    except ToolFailed as error:
        return error.result(gate)
    bad = (*failures(found), *failures(hidden, SUPPRESSED))
    return GateResult(
        gate=gate.name,
        kind=gate.kind,
        status="fail" if bad else "pass",
        summary=f"{len(bad)} finding{'' if len(bad) == 1 else 's'}" if bad else "no findings",
        failures=bad,
        notes=notes,
    )


def _is_python(path: str, directories: Sequence[str] | None) -> bool:
    return path.endswith((".py", ".pyi")) and (directories is None or within(path, directories))


class _Check:
    """Ruff in one sandbox, with the gate's time shared by all calls."""

    def __init__(self, sandbox: Sandbox, gate: Gate, plain: Sequence[str]) -> None:
        self.sandbox, self.extra = sandbox, (*plain, *shlex.split(gate.command or ""))
        self.deadline = time.monotonic() + gate.timeout
        self.tool = tools.find(sandbox, "ruff")

    def __call__(self, paths: Sequence[str], *options: str) -> list[Finding]:
        found: list[Finding] = []
        for batch in tools.batches(paths):
            command = [self.tool, *OPTIONS, *options, *self.extra, *batch]
            left = max(0.1, self.deadline - time.monotonic())
            found += _findings(report(self.sandbox, command, "--output-file", left, (0, 1)))
        return found


def _hidden(check: _Check, room: Room, changed: Sequence[str], shown: Iterable[Finding]) -> list[Finding]:
    """What comments of the candidate keep out of the report, and base's own comments did not."""
    suppressed = beyond(check(changed, "--ignore-noqa"), shown)
    if not suppressed:
        return []
    before = tools.as_base_has_them(check.sandbox, room, changed)
    return beyond(suppressed, check(before, "--ignore-noqa") if before else [])


def _findings(document: Any) -> list[Finding]:
    if not isinstance(document, list):
        raise ToolFailed("the report of ruff is not a list")
    found = []
    for item in document:
        where = item.get("location") if isinstance(item, dict) else None
        if not isinstance(where, dict):
            raise ToolFailed("the report of ruff has an entry without a place")
        found.append(
            Finding(
                path=tools.relative(str(item.get("filename"))),
                line=int(where.get("row") or 0),
                code=str(item.get("code") or "invalid-syntax"),
                message=str(item.get("message"))[:300],
            )
        )
    return found


def _configured(room: Room) -> bool:
    """Whether base says anywhere how ruff is to look at it."""
    names = ((path, posixpath.basename(path)) for path in room.paths(room.base))
    return any(
        name in ("ruff.toml", ".ruff.toml")
        or (name == "pyproject.toml" and b"[tool.ruff" in (base_content(room, path) or b""))
        for path, name in names
    )


def _with_extended(room: Room, tree: str) -> tuple[str, tuple[str, ...]]:
    """The tree with base's version of every file that base's configuration extends."""
    wanted = {path for name in room.paths(room.base) for path in _extended(room, name)}
    taken = [c for c in room.diff.changes if c.path in wanted]
    if not taken:
        return tree, ()
    restored = {c.path: None if c.status == "added" else room.base for c in taken}
    notes = tuple(f"{path} was changed; base's copy configured this check" for path in sorted(restored))
    return room.compose(tree, restored), notes


def _extended(room: Room, name: str) -> Iterable[str]:
    base = posixpath.basename(name)
    if base not in ("ruff.toml", ".ruff.toml", "pyproject.toml"):
        return
    try:
        tables = tomllib.loads((base_content(room, name) or b"").decode())
        table = tables.get("tool", {}).get("ruff", {}) if base == "pyproject.toml" else tables
        target = table.get("extend")
    except (ValueError, RecursionError, AttributeError):
        return
    if isinstance(target, str):
        yield posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
