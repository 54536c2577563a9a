"""What a candidate did to the packages that the evidence stands on: lock files, and the test runner itself."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from gates.base import Change, Room, Severity, Violation
from gates.contents import Oversized, added_lines, content
from gates.dependencies import LOCKS, declared

RUNNER = re.compile(
    r"pytest|pytest[-_.].+|pluggy|iniconfig|hypothesis|coverage|nose2?|tox|nox|unittest2|mypy|ruff|bandit|flake8"
    r"|jest|jest-.+|@jest/.+|ts-jest|vitest|@vitest/.+|mocha|ava|tap|karma|jasmine|eslint|@playwright/test|cypress"
)
"""Packages that run or judge tests."""

MANIFESTS = frozenset({"pyproject.toml", "package.json", "Pipfile", "Cargo.toml", "go.mod", "Gemfile", "composer.json"})

LOCK_FIX = "take the lock file back, change the dependency where it is declared, or name the file in the goal's scope"
RUNNER_FIX = "leave the packages that run the tests as base has them, or name the file in the goal's scope"


def pins(room: Room) -> Iterator[Violation]:
    """Changes of lock files and of the packages of the test runner, unless the goal's scope names their file."""
    changed = {change.path for change in room.diff.changes}
    for change in room.diff.changes:
        name = PurePosixPath(change.path).name
        if named_by_goal(change.path, room.rules.scope):
            continue
        if name in LOCKS:
            folder = change.path.rpartition("/")[0]
            follows = any(f"{folder}/{manifest}".lstrip("/") in changed for manifest in MANIFESTS)
            severity: Severity = "warn" if follows and change.status == "modified" else "block"
            said = "with its manifest" if follows else "and no declaration asks for it"
            yield _violation("lock-changed", change, f"the lock file was {change.status}, {said}", LOCK_FIX, severity)
        yield from _swapped(change, room, name)


def _swapped(change: Change, room: Room, name: str) -> Iterator[Violation]:
    """The packages of the runner that a lock file or manifest names otherwise than at base."""
    sides = []
    for tree in (room.base, room.head):
        if name in LOCKS:
            sides.append(_locked(change.path, room, tree))
        else:
            sides.append(declared(change.path, room, tree) or {})
    old, new = sides
    for package in sorted({*old, *new}):
        if old.get(package) != new.get(package) and RUNNER.fullmatch(package.lower()):
            act = "removed" if package not in new else "changed" if package in old else "added"
            line = _line(change, room, package)
            yield _violation("runner-swapped", change, f"{package} was {act}", RUNNER_FIX, "block", line)


def _locked(path: str, room: Room, tree: str) -> Mapping[str, str]:
    """The packages of a lock file with all that is said of them; of formats that are not parsed, by their lines."""
    try:
        data = content(room, tree, path) or b""
        if path.endswith((".lock", ".toml")) and b"[[package" in data:
            return _entries(tomllib.loads(data.decode()).get("package", tomllib.loads(data.decode()).get("packages")))
        if data[:1] == b"{":
            return _objects(json.loads(data))
    except (ValueError, RecursionError, AttributeError, TypeError, Oversized):
        return {}
    return _blocks(data.decode(errors="replace"))


def _entries(packages: Any) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for package in packages if isinstance(packages, list) else ():
        name = str(package.get("name"))
        found[name] = found.get(name, "") + repr(package)
    return found


def _objects(document: Any) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for key in ("packages", "dependencies", "default", "develop"):
        table = document.get(key)
        for name, said in table.items() if isinstance(table, dict) else ():
            found[name.rpartition("node_modules/")[2]] = repr(said)
    return found


def _blocks(text: str) -> Mapping[str, str]:
    """yarn's and pnpm's locks: blocks under a head like `jest@^29:` or `/jest@29.0.0:`."""
    found: dict[str, str] = {}
    for block in re.split(r"\n\s*\n|\n(?=\S)", text):
        match = re.match(r"[\s\"'/]*((?:@[\w.-]+/)?[\w.-]+)@", block)
        if match:
            found[match[1]] = found.get(match[1], "") + block
    return found


def named_by_goal(path: str, scope: Sequence[str]) -> bool:
    """Whether the goal names this very file: a glob for everything is no leave to swap the runner."""
    return any(glob.rpartition("/")[2] == PurePosixPath(path).name for glob in scope)


def _line(change: Change, room: Room, package: str) -> int:
    try:
        lines = added_lines(change, room)
    except Oversized:
        return 0
    name = re.compile(re.escape(package).replace("\\-", "[-_.]"), re.IGNORECASE)
    return next((number for number, text in lines if name.search(text[:2_000])), 0)


def _violation(rule: str, change: Change, message: str, fix: str, severity: Severity, line: int = 0) -> Violation:
    return Violation(rule=rule, path=change.path, line=line, message=message, fix=fix, severity=severity)
