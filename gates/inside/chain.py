"""What decides the result of a test, before the tree is loaded: all of it loaded, and compared at the end."""

from __future__ import annotations

import builtins
import importlib
import sys
import types
from typing import Any


def preload() -> None:
    """Load pytest's own plugins and what they import late, before the tree can offer modules of these names."""
    wanted = ["xml.etree.ElementTree", "importlib.metadata", "unittest", "doctest", "difflib", "logging", "pdb"]
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
        if module_name.split(".")[0] in ("_pytest", "pluggy") or module_name in ("unittest.case", "builtins"):
            for name, thing in list(vars(module).items()):
                if callable(thing):
                    found += links(module, name, f"{module_name}.{name}")
                if isinstance(thing, type) and thing.__module__ == module_name and module is not builtins:
                    for inner, part in list(vars(thing).items()):
                        if isinstance(part, (types.FunctionType, classmethod, staticmethod, property)):
                            found += links(thing, inner, f"{module_name}.{name}.{inner}")
    return found


def links(place: Any, name: str, full: str) -> list[tuple[str, tuple[Any, str, Any]]]:
    thing = vars(place)[name]
    function = getattr(thing, "__func__", thing)
    found = [(full, (place, name, thing))]
    if isinstance(function, types.FunctionType):
        found.append((full, (function, "__code__", function.__code__)))
    return found


def value(place: Any, name: str) -> Any:
    return place.__code__ if name == "__code__" and isinstance(place, types.FunctionType) else vars(place).get(name)
