"""What a candidate may not touch, whatever its goal: the files that decide what the gates see.

In a clean room all of them are base's. A change of one is also a violation: it is seen, and not only undone.
"""

import configparser
import json
import re
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from gates.base import Change, Room
from gates.contents import Oversized, content
from gates.globs import matches

PROTECTED = (
    *("conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini", "tox.toml"),
    *("noxfile.py", ".coveragerc", "ruff.toml", ".ruff.toml", "mypy.ini", ".mypy.ini", "pyrightconfig.json"),
    *(".bandit", "bandit.yaml", "bandit.yml", ".flake8", "pylintrc", ".pylintrc"),
    *(".pre-commit-config.yaml", ".gitattributes", ".gitmodules", "CODEOWNERS"),
    *("/.github", "/.gitlab", "/.circleci", "/.buildkite", "/.woodpecker", "/.loopwright"),
    *("/.gitlab-ci.yml", "/.travis.yml", "/.woodpecker.yml", "/azure-pipelines.yml", "/bitbucket-pipelines.yml"),
    *("/Jenkinsfile", "loopwright.toml", "sitecustomize.py", "usercustomize.py", "*.pth"),
    *("jest.config.*", "vitest.config.*", ".mocharc*", ".eslintrc*", "eslint.config.*", ".golangci.*"),
    *(
        ".semgrep*",
        "semgrep.yml",
        ".trivyignore*",
        ".snyk",
        ".gitleaks*",
        ".eslintignore",
        "clippy.toml",
        ".clippy.toml",
    ),
    *(".cargo", ".mvn", ".npmrc", ".yarnrc*", ".yarn", ".pnpmfile.cjs", ".bundle", ".rspec", "rust-toolchain*"),
    *("/.config/nextest.toml", "phpunit.xml*", ".nycrc*", ".c8rc*", ".taprc", "ava.config.*", "karma.conf.*"),
    *("playwright.config.*", "cypress.config.*", ".rubocop*", "biome.json*", ".stylelintrc*", ".yamllint*"),
    *(".shellcheckrc", "tslint.json", ".oxlintrc*"),
    *("*.dist-info", "*.egg-info", "*.egg-link", "__pycache__", "*.pyc", "*.pyo"),
)
"""Globs of files that no candidate changes, adds or removes. `.cargo`, `.mvn` and `.npmrc` can replace the runner of
the tests or skip them. The last line is, with the start-up hooks above, what Python runs or trusts by
name: start-up hooks, the metadata through which a package at the root becomes a pytest plugin, and bytecode, which
may say something else than the source beside it."""

_LOWER = tuple(glob.lower() for glob in PROTECTED)

TABLES = (
    *("pytest", "ruff", "coverage", "mypy", "bandit", "loopwright", "pyright", "basedpyright", "tox", "pylint"),
    *("flake8", "black", "isort", "ty", "pyrefly", "vulture", "importlinter", "poe", "taskipy"),
)
"""The tables under `[tool]` of a pyproject.toml that configure gates. The rest of it, dependencies above all,
belongs to the candidate."""

SECTIONS = ("tool:pytest", "flake8", "pycodestyle", "mypy", "coverage", "pylint", "tox", "pytest", "bandit")
"""The sections of a setup.cfg that configure gates (also with a suffix: `mypy-pkg.*`, `coverage:run`)."""

LINK = "120000"
"""The mode of a symbolic link in a tree."""

RUNNERS = frozenset(
    (
        *("pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments", "xdist", "execnet"),
        *("coverage", "pytest_cov", "pytest_asyncio", "hypothesis", "unittest2", "mock", "ruff", "bandit"),
    )
)
"""Modules of the test runner's world: a file of that name on the import path takes their place."""
STARTED = frozenset({"pytest", "_pytest", "pluggy", "unittest", "doctest", "nose", "nose2", "tox", "nox", "coverage"})
"""Those that a command starts by `python -m`, in whatever directory."""


def is_protected(path: str, extra: Sequence[str] = ()) -> bool:
    """Whether the whole file at `path` must stay as base has it. Case makes no difference: it makes none to what reads
    metadata of packages, nor to many a file system."""
    return matches(path.lower(), _LOWER, anywhere=True) or matches(path, extra, anywhere=True)


def partly(path: str) -> Callable[[bytes], Mapping[str, Any]] | None:
    """For a file of which only some tables are protected: what reads those. It raises `ValueError`."""
    match PurePosixPath(path).name:
        case "pyproject.toml":
            return pyproject_tables
        case "setup.cfg":
            return setup_sections
        case "package.json":
            return package_scripts
    return None


def pyproject_tables(data: bytes) -> Mapping[str, Any]:
    """The protected tables of a pyproject.toml, by their full name. Raises `ValueError` when it cannot be read."""
    try:
        whole = tomllib.loads(data.decode())
        tool = whole.get("tool", {})
        plugins = whole.get("project", {}).get("entry-points", {}).get("pytest11")
        found = {f"tool.{name}": tool[name] for name in TABLES if name in tool}
    except (ValueError, RecursionError, AttributeError, TypeError) as error:
        raise ValueError(f"not a readable pyproject.toml: {error}"[:200]) from None
    return {**found, **({"project.entry-points.pytest11": plugins} if plugins is not None else {})}


def setup_sections(data: bytes) -> Mapping[str, Any]:
    """The protected sections of a setup.cfg. Raises `ValueError` when it cannot be read."""
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(data.decode())
    except (ValueError, configparser.Error, RecursionError) as error:
        raise ValueError(f"not a readable setup.cfg: {error}"[:200]) from None
    names = (n for n in parser.sections() if n in SECTIONS or n.replace(":", "-").split("-")[0] in SECTIONS)
    found: dict[str, Any] = {name: dict(parser.items(name)) for name in names}
    if parser.has_option("options.entry_points", "pytest11"):
        found["options.entry_points.pytest11"] = parser.get("options.entry_points", "pytest11")
    return found


def package_scripts(data: bytes) -> Mapping[str, Any]:
    """The scripts of a package.json that check something, and the tables of its test tools. Raises `ValueError`."""
    try:
        whole = json.loads(data)
        scripts = {f"scripts.{name}": line for name, line in whole.get("scripts", {}).items()}
        found = {name: whole[name] for name in ("jest", "mocha", "nyc", "c8", "ava", "eslintConfig") if name in whole}
    except (ValueError, RecursionError, AttributeError) as error:
        raise ValueError(f"not a readable package.json: {error}"[:200]) from None
    return {**found, **{name: line for name, line in scripts.items() if re.search("test|lint|check", name)}}


def tampered(change: Change, room: Room) -> tuple[str, ...] | None:
    """What of a changed file is protected: `()` for the whole file, table names for a part, None for nothing.

    A file that should be read in part and cannot be is protected as a whole.
    """
    if is_protected(change.path, room.rules.protected):
        return ()
    read = partly(change.path)
    if read is None:
        return None
    if change.new_mode == LINK:
        return ()
    sides = []
    for tree in (room.base, room.head):
        try:
            data = content(room, tree, change.path)
            sides.append(read(data) if data is not None else {})
        except (ValueError, Oversized):
            return ()
    old, new = sides
    names = tuple(sorted(name for name in {*old, *new} if old.get(name) != new.get(name)))
    return names or None


def shadowed(
    path: str,
    base: frozenset[str],
    head: frozenset[str],
    roots: frozenset[str],
    installed: Callable[[str], bool],
    *,
    linked: bool = False,
) -> str | None:
    """The module whose place a new file at `path` would take on the import path, if any.

    `base` and `head` are the directories that hold an `__init__.py` in those trees; `roots` the directories that
    the import path may hold; `installed` says of a name whether base's tests have it from outside of the tree. A file
    that is a link may lead to a package. What runs tests is looked for in every directory that is no package.
    """
    stem, suffix = PurePosixPath(path).stem, PurePosixPath(path).suffix
    module = suffix in (".py", ".pyc", ".so") or (linked and not suffix)
    candidates = [(path.rpartition("/")[0], stem.split(".")[0])] if module else []
    parts = path.split("/")[:-1]
    for depth, name in enumerate(parts):
        package = "/".join(parts[: depth + 1])
        if package in head and package not in base:
            candidates.append(("/".join(parts[:depth]), name))
    for parent, name in candidates:
        if parent in base:
            continue
        if name in STARTED or (
            parent in roots and (name in RUNNERS or name in sys.stdlib_module_names or installed(name))
        ):
            return name
    return None


def packages_of(paths: Sequence[str]) -> frozenset[str]:
    """The directories among `paths` that are Python packages (the root is the empty string)."""
    return frozenset(path[:-12] for path in paths if path.endswith("/__init__.py") or path == "__init__.py")
