"""What decides the result of a test: all of it loaded before the tree is, and compared with what it was then."""

from __future__ import annotations

import builtins
import importlib
import sys
import types
from typing import Any

CORE = (
    *("_pytest.runner.", "_pytest.reports.TestReport", "_pytest.python.Function", "_pytest.python.pytest_pyfunc_call"),
    *("_pytest.skipping.pytest_runtest", "_pytest.unittest.TestCaseFunction", "pluggy._callers.", "pluggy._result."),
    *("pluggy._hooks.HookCaller", "unittest.case.TestCase.run", "unittest.case.TestCase.assert"),
    *("_pytest.raises.", "_pytest.python_api.", "_pytest.recwarn."),
    *("unittest.case.TestCase.failureException", "unittest.case._Outcome.", "contextlib."),
)
"""Beginnings of the names of what the result of each test goes through."""
LOADING = frozenset(
    ("ast", "importlib._bootstrap", "importlib._bootstrap_external", "io", "marshal", "pathlib", "types")
)
"""Modules that make code of a test's file; a test itself may replace parts of them while it runs."""
WATCHED = frozenset(("unittest.case", "builtins", "contextlib")) | LOADING
ADDED = frozenset(
    ("__init_subclass__", "__getattribute__", "__getattr__", "__setattr__", "__new__", "__call__", "__del__")
)
"""What makes another class of one by being added to it."""


def preload() -> None:
    """Load pytest's own plugins and what they import late, before the tree can offer modules of these names."""
    wanted = [
        "ast",
        "contextlib",
        "pathlib",
        "marshal",
        "xml.etree.ElementTree",
        "importlib.metadata",
        "unittest",
        "doctest",
        "difflib",
        "logging",
        "pdb",
    ]
    try:
        from _pytest.config import default_plugins

        wanted += [f"_pytest.{name}" for name in default_plugins]
    except ImportError:
        pass
    for name in wanted:
        try:
            importlib.import_module(name)
        except ImportError:
            continue


def chain() -> list[tuple[str, tuple[Any, str, Any]]]:
    """Every function that decides what a test's result is, by its full name: where it stands, and what it is now."""
    found: list[tuple[str, tuple[Any, str, Any]]] = []
    for module_name, module in sorted(sys.modules.items()):
        if module_name.split(".")[0] in ("_pytest", "pluggy") or module_name in WATCHED:
            for name, thing in list(vars(module).items()):
                if callable(thing):
                    found += links(module, name, f"{module_name}.{name}")
                place = str(getattr(thing, "__module__", "")).replace("_frozen_importlib", "importlib._bootstrap")
                if isinstance(thing, type) and place == module_name and module is not builtins:
                    for inner, part in list(vars(thing).items()):
                        if isinstance(part, (types.FunctionType, classmethod, staticmethod, property, type)):
                            found += links(thing, inner, f"{module_name}.{name}.{inner}")
                    missing = (inner for inner in ADDED if inner not in vars(thing) and module_name not in LOADING)
                    found += [(f"{module_name}.{name}.{inner}", (thing, inner, None)) for inner in missing]
    return found


class Watch:
    """The chain as it was, and the names of what was found to be something else at any time it was looked at."""

    def __init__(self) -> None:
        self.replaced: set[str] = set()
        legacy = dict(vars(sys.modules.get("_pytest.legacypath", types)))
        self._language: list[tuple[str, Any, Any, str, Any, Any]] = []
        self._runner: list[tuple[str, Any, Any, str, Any, Any]] = []
        self._core: list[tuple[str, Any, Any, str, Any, Any]] = []
        self._loading: list[tuple[str, Any, Any, str, Any, Any]] = []
        for name, (place, key, was) in chain():
            # pytest's own plugin for old paths puts `Config_x` in the place of `Config.x`, and takes it out again
            usual = legacy.get("_".join(name.split(".")[-2:]), was)
            link = (name, None if key == "__code__" else vars(place), place, key, was, usual)
            module = name.partition(".")[0]
            late = module == "importlib" or module in LOADING
            (self._language if module == "builtins" else self._loading if late else self._runner).append(link)
            if name.startswith(CORE) and was is not None:  # what is added to a class is seen at the ends
                self._core.append(link)

    def look(self, language: bool = True) -> None:
        """At all of it; without the `language`, of which an honest test may replace a part while it runs."""
        self._look(self._runner)
        if language:
            self._look(self._language)

    def loading(self) -> None:
        """At what makes code of files: before and after each file of tests is loaded."""
        self._look(self._loading)
        self._look(self._language)

    def glance(self) -> None:
        """At what a result goes through, after every test."""
        self._look(self._core)

    def _look(self, links: list[tuple[str, Any, Any, str, Any, Any]]) -> None:
        for name, held, place, key, was, usual in links:
            now = place.__code__ if held is None else held.get(key)
            if now is not was and now is not usual:
                self.replaced.add(name)


def links(place: Any, name: str, full: str) -> list[tuple[str, tuple[Any, str, Any]]]:
    thing = vars(place)[name]
    function = getattr(thing, "__func__", thing)
    found = [(full, (place, name, thing))]
    if isinstance(function, types.FunctionType):
        found.append((full, (function, "__code__", function.__code__)))
    return found
