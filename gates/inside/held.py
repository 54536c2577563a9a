"""What the tests are made of: files that nobody may change while they run, and no bytecode in their place."""

from __future__ import annotations

import importlib
import os
from typing import Any

from gates.inside.listening import TEST_MODULE
from gates.inside.saying import HERE

TEST_DIRS = frozenset(("tests", "test", "testsuite"))
SKIPPED = frozenset((".git", "__pycache__", "node_modules"))
MOST_FILES = 50_000


def held() -> dict[str, tuple[int, ...]]:
    """Each file of the tests, and when anything about it changed last: a time that none but root can set."""
    found: dict[str, tuple[int, ...]] = {}
    for place, folders, names in os.walk(HERE[0]):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        inside = not TEST_DIRS.isdisjoint(place[len(HERE[0]) :].split("/"))
        for name in names:
            if (inside or TEST_MODULE(name)) and not name.endswith(".pyc"):
                path = f"{place.rstrip('/')}/{name}"
                found[path[len(HERE[0]) :]] = state_of(path)
        if len(found) > MOST_FILES:
            break
    return found


def state_of(path: str) -> tuple[int, ...]:
    try:
        seen = os.lstat(path)
    except OSError:
        return ()
    return seen.st_dev, seen.st_ino, seen.st_ctime_ns, seen.st_size


def nodes_of(files: dict[str, tuple[int, ...]]) -> frozenset[tuple[int, ...]]:
    """Device and inode of each module of tests: it is the same file by whatever name and way."""
    return frozenset(state[:2] for path, state in files.items() if state and TEST_MODULE(path))


def changed(files: dict[str, tuple[int, ...]]) -> list[str]:
    """Those that are no more what they were."""
    return sorted(path for path, was in files.items() if state_of(f"{HERE[0]}{path}") != was)


def unread_bytecode(files: dict[str, tuple[int, ...]]) -> None:
    """Have these modules compiled from their source, whatever lies in a cache of the tree."""
    rewrite = importlib.import_module("_pytest.assertion.rewrite")
    external: Any = importlib.import_module("importlib._bootstrap_external")
    read_pyc, cache_from_source = rewrite._read_pyc, external.cache_from_source

    def read(source: Any, *more: Any, **named: Any) -> Any:
        return None if str(source).startswith(HERE[0]) else read_pyc(source, *more, **named)

    def from_source(path: Any, *more: Any, **named: Any) -> Any:
        if str(path)[len(HERE[0]) :] in files and str(path).startswith(HERE[0]):
            raise NotImplementedError
        return cache_from_source(path, *more, **named)

    rewrite._read_pyc = read  # type: ignore[attr-defined]
    external.cache_from_source = from_source
