"""Whether the tests that were collected are those that are written in their files, and run as they did."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import os
import types
import unittest
from typing import Any

from gates.inside.saying import HERE

MACHINERY = (
    *("run", "__call__", "_callTestMethod", "_callSetUp", "_callTearDown", "_callCleanup", "doCleanups", "setUp"),
    *("tearDown", "skipTest", "fail", "failureException", "__init__", "__new__", "__getattribute__", "__getattr__"),
    *(name for name in vars(unittest.TestCase) if name.startswith("assert")),
)
"""What a `TestCase` makes a result with."""
MARKED = ("pytest.mark.", "mark.")
LARGEST = 4_000_000


class Texts:
    """The code of the functions that stand in files of tests, whether or not pytest has rewritten their assertions."""

    def __init__(self) -> None:
        self._plain: dict[tuple[str, str], list[Any]] = {}
        self._read: set[str] = set()

    def have(self, item: Any) -> bool:
        """Whether a plain test's code stands in its file. Of what is wrapped or made by a program nothing is said."""
        path, name = str(getattr(item, "path", "")), getattr(item, "originalname", "") or item.name
        if not path.startswith(HERE[0]) or not path.endswith(".py") or getattr(item, "obj", None) is None:
            return True
        if path not in self._read:
            self._read.add(path)
            self._load(path, item.config)
        inner = [part.name for part in item.listchain() if inspect.isclass(getattr(part, "obj", None))]
        written = self._plain.get((path, ".".join([*inner, name])))
        function = getattr(item.obj, "__func__", item.obj)
        return written is None or getattr(function, "__code__", None) in written

    def _load(self, path: str, config: Any) -> None:
        rewrite: Any = importlib.import_module("_pytest.assertion.rewrite")
        try:
            end = os.open(path, os.O_RDONLY)
            source = os.read(end, LARGEST)
            os.close(end)
            tree: Any = compile(source, path, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
            names = frozenset(plain_tests(tree.body, ""))
            codes = [compile(source, path, "exec", dont_inherit=True)]
            rewrite.rewrite_asserts(tree, source, path, config)
            codes.append(compile(tree, path, "exec", dont_inherit=True))
        except Exception:  # such a file has no tests
            return
        for whole in codes:
            for name, code in inside(whole, ""):
                if name in names:
                    self._plain.setdefault((path, name), []).append(code)


def plain_tests(body: list[ast.stmt], where: str) -> list[str]:
    """Functions of a module and its classes that nothing but marks of pytest's stands over."""
    found: list[str] = []
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            marks = [ast.unparse(mark) if hasattr(ast, "unparse") else "?" for mark in node.decorator_list]
            if not all(mark.startswith(MARKED) for mark in marks) or getattr(node, "keywords", None):
                continue
            if isinstance(node, ast.ClassDef):
                found += plain_tests(node.body, f"{where}{node.name}.")
            else:
                found.append(where + node.name)
    return found


def inside(code: types.CodeType, where: str) -> list[tuple[str, types.CodeType]]:
    """The code of functions in a module and its classes, by qualified name."""
    found: list[tuple[str, types.CodeType]] = []
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            found.append((where + part.co_name, part))
            if not part.co_flags & inspect.CO_OPTIMIZED:  # a class
                found += inside(part, f"{where}{part.co_name}.")
    return found


def machinery(cls: Any) -> list[Any]:
    """What a class of unittest's makes its results with, as it stands now."""
    if not (isinstance(cls, type) and issubclass(cls, unittest.TestCase)):
        return []
    return [next((vars(each)[name] for each in cls.__mro__ if name in vars(each)), None) for name in MACHINERY]


def of_the_tree(manager: Any) -> list[str]:
    """Plugins of pytest's that are code of the tree; conftest is known."""
    found = []
    for _, plugin in manager.list_name_plugin():
        module = plugin if isinstance(plugin, types.ModuleType) else inspect.getmodule(type(plugin))
        place = str(getattr(module, "__file__", None) or "")
        if place.startswith(HERE[0]) and not place.endswith("/conftest.py"):
            found.append(f"{place[len(HERE[0]) :]} is a plugin of pytest's")
    return found


def overhear(item: Any, heard: Any) -> Any:
    """Be told what a test of unittest's raises before unittest is; what is returned makes that undone."""
    case, was = getattr(item, "instance", None), getattr(item, "obj", None)
    if not isinstance(case, unittest.TestCase) or was is None:
        return lambda: None

    @functools.wraps(was)
    def listened(*given: Any, **named: Any) -> Any:
        __tracebackhide__ = True
        try:
            return was(*given, **named)
        except BaseException as error:
            heard(type(error))
            raise

    if inspect.iscoroutinefunction(was) or inspect.isasyncgenfunction(was):
        return lambda: None
    item.obj = listened
    return lambda: setattr(item, "obj", was)
