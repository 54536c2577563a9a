"""The trees a candidate is judged on: what of it is the candidate's, and what comes from base."""

import configparser
import functools
import re
import tomllib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from gates.base import Change, Room
from gates.contents import base_content
from gates.globs import matches
from gates.naming import MANIFESTS, NAMED_DIRS, PATTERNS, code_dir, is_named
from gates.protection import LINK, packages_of, shadowed, tampered

PROJECTS = frozenset(
    {"pyproject.toml", "setup.py", "setup.cfg", "tox.ini", "pytest.ini", "requirements.txt", "manage.py"}
)
"""A directory with one of these is what its own commands are run in."""

CONFIGS = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
"""Where pytest looks for its configuration, in its order (`_pytest.config.findpaths`, pytest 9)."""


class Layout(msgspec.Struct, frozen=True):
    """Which paths of base and head are tests, and where base configures pytest."""

    config: str | None
    """The file at the root that configures pytest at base."""
    patterns: tuple[str, ...]
    """Names of test modules, those that base configures included."""
    dirs: frozenset[str]
    """Directories that belong to the tests: named like it, and with a test module somewhere beneath."""

    def is_module(self, path: str) -> bool:
        """Whether `path` is a test module by its name."""
        return is_named(path, self.patterns)

    def is_test(self, path: str) -> bool:
        """Whether `path` is a test module, or a helper or data file beside some."""
        return self.is_module(path) or path in self.dirs or any(parent in self.dirs for parent in _parents(path))


def layout(room: Room) -> Layout:
    """The layout of the room's trees; patterns and configuration are base's."""
    config, settings = pytest_config(room)
    own = settings.get("python_files", ())
    own = (
        own.split() if isinstance(own, str) else [p for p in own if isinstance(p, str)] if isinstance(own, list) else []
    )
    patterns = (*PATTERNS, *(p for p in own if p not in ("*.py", "*")))
    found = Layout(config, patterns, frozenset())
    paths = {*room.paths(room.base), *room.paths(room.head)}
    dirs = {
        parent
        for path in paths
        if found.is_module(path)
        for parent in _parents(path)
        if parent.rpartition("/")[2] in NAMED_DIRS
    }
    manifests = frozenset(path.rpartition("/")[0] for path in paths if path.rpartition("/")[2] in MANIFESTS)
    dirs.update(folder for path in paths if (folder := code_dir(path, manifests)))
    return Layout(config, patterns, frozenset(dirs))


def pytest_config(room: Room) -> tuple[str | None, dict[str, Any]]:
    """The file at the root of base that pytest is configured by, and its settings."""
    for name in CONFIGS:
        data = base_content(room, name)
        settings = _settings(name, data) if data is not None else None
        if settings is not None:
            return name, settings
    return None, {}


def exact(room: Room, sides: Layout) -> str:
    """The candidate's tree, with protected files as base has them and planted ones removed.

    For a candidate that left those alone, and no other is ever green, this is the candidate's tree itself.
    """
    return _compose(room, _guarded(room, sides))


def with_base_tests(room: Room, sides: Layout) -> str:
    """The candidate's source under base's tests, helpers and fixtures; tests it may edit stay the candidate's."""
    restored = [c for c in room.diff.changes if sides.is_test(c.path) and not may_edit(c.path, room)]
    return _compose(room, [*_guarded(room, sides), *restored])


def base_with_new_tests(room: Room, sides: Layout) -> str:
    """Base's source under the candidate's tests."""
    guarded = {change.path for change in _guarded(room, sides)}
    taken: dict[str, str | None] = {
        c.path: None if c.status == "deleted" else room.head
        for c in room.diff.changes
        if sides.is_test(c.path) and c.path not in guarded
    }
    return room.compose(room.base, taken) if taken else room.base


def may_edit(path: str, room: Room) -> bool:
    """Whether the goal lets the candidate change this test."""
    return matches(path, room.rules.may_edit_tests)


def planted(room: Room, sides: Layout) -> dict[str, str]:
    """New files that would take the place of a module on the import path, and that module's name."""
    if not any(change.status == "added" for change in room.diff.changes):
        return {}
    base, head = packages_of(room.paths(room.base)), packages_of(room.paths(room.head))
    modules = (p for p in room.paths(room.head) if sides.is_module(p))
    tops = {path.rpartition("/")[0] for path in room.paths(room.base) if path.rpartition("/")[2] in PROJECTS}
    roots = frozenset(
        ("", "src", *tops, *(f"{top}/src" for top in tops if top), *(path.rpartition("/")[0] for path in modules))
    )
    installed = functools.partial(imported_from_outside, room, sides)
    found = (
        (c.path, shadowed(c.path, base, head, roots, installed, linked=c.new_mode == LINK))
        for c in room.diff.changes
        if c.status == "added"
    )
    held = {path.partition("node_modules/")[0] for path in room.paths(room.base) if "node_modules/" in path}
    more = ((c.path, _stands_in(c.path, held)) for c in room.diff.changes if c.status == "added")
    return {path: name for path, name in (*more, *found) if name is not None}


def _stands_in(path: str, held: set[str]) -> str | None:
    """The installed package of another language that a file would take the place of; `held` are the directories whose
    packages base keeps itself."""
    above, found, below = f"/{path}".partition("/node_modules/")
    return below.split("/")[0] if found and f"{above}/".lstrip("/") not in held else None


def imported_from_outside(room: Room, sides: Layout, name: str) -> bool:
    """Whether base's tests import a module of this name, and pass, though base's tree has none."""
    paths = room.paths(room.base)
    if any(part in (name, f"{name}.py") for path in paths for part in path.split("/")):
        return False
    ran = {node.partition("::")[0] for r in room.baseline.values() if r.kind == "pytest" for node in r.passed}
    wanted = re.compile(rf"^[ \t]*(?:from|import)[ \t]+{re.escape(name)}\b".encode(), re.MULTILINE)
    sided = (path for path in paths if path.endswith(".py") and sides.is_test(path))
    helping = (path for path in sided if path in ran or (ran and (not sides.is_module(path) or "conftest" in path)))
    return any(wanted.search(base_content(room, path) or b"") for path in helping)


def _guarded(room: Room, sides: Layout) -> list[Change]:
    fake = planted(room, sides)
    return [c for c in room.diff.changes if c.path in fake or tampered(c, room) is not None]


def _compose(room: Room, undone: Iterable[Change]) -> str:
    """The head with the changes in `undone` taken back; what stands in the way of a restored file goes too."""
    taken: dict[str, str | None] = {c.path: None if c.status == "added" else room.base for c in undone}
    if not taken:
        return room.head
    head = room.paths(room.head)
    present = set(head)
    for path in [path for path, tree in taken.items() if tree is not None]:
        taken.update((parent, None) for parent in _parents(path) if parent in present)
        if path not in present:
            taken.update((below, None) for below in head if below.startswith(f"{path}/"))
    return room.compose(room.head, taken)


def _parents(path: str) -> Sequence[str]:
    parts = path.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]


def _settings(name: str, data: bytes) -> dict[str, Any] | None:
    """What the file says to pytest; None when it does not configure pytest, as pytest itself decides it."""
    try:
        if name.endswith(".toml"):
            tables = tomllib.loads(data.decode())
            if name != "pyproject.toml":
                return dict(tables.get("pytest", {}))
            table = tables.get("tool", {}).get("pytest")
            if not isinstance(table, dict):
                return None
            return dict(table.get("ini_options", table))
        parser = configparser.RawConfigParser(strict=False)
        parser.read_string(data.decode())
        section = "tool:pytest" if name == "setup.cfg" else "pytest"
        if parser.has_section(section):
            return dict(parser.items(section))
        return {} if name in ("pytest.ini", ".pytest.ini") else None
    except (ValueError, configparser.Error, RecursionError, AttributeError, TypeError):
        return {} if name in ("pytest.ini", ".pytest.ini") else None
