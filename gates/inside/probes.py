"""Statements of the tree that say when they are executed."""

from __future__ import annotations

import ast
import builtins
import importlib.machinery
import os
from typing import Any

from gates.inside.saying import FILE, HERE


def probed(wanted: dict[str, list[int]]) -> set[tuple[str, int]]:
    """Have the named statements of the tree's modules, by line, put themselves into the set when they are executed."""
    ran: set[tuple[str, int]] = set()
    if not wanted:
        return ran
    name, compiled = f"_{FILE.stem}", importlib.machinery.SourceFileLoader.source_to_code
    setattr(builtins, name, ran.add)

    def source_to_code(self: Any, data: Any, path: Any, **more: Any) -> Any:
        place = os.fspath(path)
        lines = wanted.get(place[len(HERE[0]) :]) if place.startswith(HERE[0]) else None
        if lines:
            try:
                tree = probe(ast.parse(data, place), place[len(HERE[0]) :], frozenset(lines), name)
                return compile(tree, place, "exec", dont_inherit=True)
            except (SyntaxError, ValueError, RecursionError):
                pass
        return compiled(self, data, path, **more)

    importlib.machinery.SourceFileLoader.source_to_code = source_to_code  # type: ignore[method-assign]
    return ran


def probe(tree: ast.Module, path: str, lines: frozenset[int], name: str) -> ast.Module:
    """The module with a call before each statement that begins on one of these lines."""
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            body = getattr(node, field, None)
            if not isinstance(body, list):
                continue
            found = []
            for statement in body:
                if statement.lineno in lines:
                    mark = ast.Constant((path, statement.lineno))  # type: ignore[arg-type]
                    call = ast.Expr(ast.Call(ast.Name(name, ast.Load()), [mark], []))
                    found.append(ast.copy_location(call, statement))
                found.append(statement)
            setattr(node, field, found)
    return ast.fix_missing_locations(tree)
