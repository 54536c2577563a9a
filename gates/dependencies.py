"""Naming the dependencies that a change adds, drops or moves."""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from gates.base import Change, Room
from gates.contents import Oversized, content

LOCKS = frozenset(
    (
        *("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml"),
        *("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb"),
        *("Cargo.lock", "go.sum", "Gemfile.lock", "composer.lock"),
    )
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def dependency_notes(changes: Iterable[Change], room: Room) -> list[str]:
    """One line for each dependency a changed manifest names differently, and for each lock file that changed."""
    notes: list[str] = []
    for change in changes:
        name = PurePosixPath(change.path).name
        if name in LOCKS:
            notes.append(f"lock file {change.status}: {change.path}")
        elif read := _reader(change.path, name):
            old, new = (_read(read, room, tree, change.path) for tree in (room.base, room.head))
            if old is None or new is None:
                notes.append(f"dependencies of {change.path} cannot be read")
                continue
            for key in sorted({*old, *new}):
                if old.get(key) != new.get(key):
                    notes.append(f"dependency {_change(key, old.get(key), new.get(key))} in {change.path}")
    return notes


def declared(path: str, room: Room, tree: str) -> Mapping[str, str] | None:
    """The requirements that the manifest at `path` names in a tree, by name; None when it is none, or unreadable."""
    read = _reader(path, PurePosixPath(path).name)
    return _read(read, room, tree, path) if read else None


def _change(name: str, old: str | None, new: str | None) -> str:
    if old is None:
        return f"added: {new}"
    return f"removed: {old}" if new is None else f"changed: {name}, {old} to {new}"


def _reader(path: str, name: str) -> Any:
    if name == "pyproject.toml":
        return _pyproject
    if name == "package.json":
        return _package
    if re.fullmatch(r"(?:.*/)?(?:[\w.-]*requirements[\w.-]*\.(?:txt|in)|requirements/[^/]+\.(?:txt|in))", path):
        return _requirements
    return None


def _read(read: Any, room: Room, tree: str, path: str) -> Mapping[str, str] | None:
    try:
        data = content(room, tree, path)
        found: Mapping[str, str] = read(data.decode()) if data is not None else {}
    except (ValueError, Oversized, RecursionError, AttributeError, TypeError):
        return None
    return found


def _requirements(text: str) -> Mapping[str, str]:
    lines = (line.split(" #")[0].strip().rstrip("\\").strip() for line in text.splitlines())
    return _named(line for line in lines if line and not line.startswith(("#", "--hash")))


def _pyproject(text: str) -> Mapping[str, str]:
    tables = tomllib.loads(text)
    project, tool = tables.get("project", {}), tables.get("tool", {})
    found = [*project.get("dependencies", []), *tables.get("build-system", {}).get("requires", [])]
    for group in (
        *project.get("optional-dependencies", {}).values(),
        *tables.get("dependency-groups", {}).values(),
    ):
        found += [item for item in group if isinstance(item, str)]
    poetry = tool.get("poetry", {})
    groups = [poetry, *poetry.get("group", {}).values()]
    found += [f"{name} {version}" for g in groups for name, version in g.get("dependencies", {}).items()]
    return _named(found)


def _package(text: str) -> Mapping[str, str]:
    tables = json.loads(text)
    kinds = ("dependencies", "devDependencies", "peerDependencies", "optionalDependencies")
    return {name: f"{name} {version}" for kind in kinds for name, version in tables.get(kind, {}).items()}


def _named(requirements: Iterable[str]) -> Mapping[str, str]:
    """Requirements by normalised name (PEP 503); several of one name are shown together."""
    found: dict[str, str] = {}
    for requirement in requirements:
        match = _NAME.match(requirement)
        key = re.sub(r"[-_.]+", "-", match[0]).lower() if match else requirement
        found[key] = f"{found[key]}; {requirement}" if key in found else requirement
    return found
