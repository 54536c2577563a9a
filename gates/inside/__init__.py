"""Programs that run inside a sandbox, never here. They are read as text and need nothing but Python 3.8."""

import ast
from functools import cache
from importlib import resources

MODULES = ("saying", "listening", "chain", "held", "probes", "controls", "genuine", "plugin", "witness")
"""The witness, in the order in which its parts need each other."""


@cache
def witness() -> bytes:
    """The witness as one file: its parts one after the other, in one module that no name leads to but `__main__`.

    What they import of each other is left out, for it stands above; so a name may be given once in all of them.
    """
    parts = (resources.files(__package__).joinpath(f"{name}.py").read_text("utf-8") for name in MODULES)
    return "\n".join(["from __future__ import annotations\n", *map(_alone, parts)]).encode()


def _alone(text: str) -> str:
    """A part without its imports of other parts, each a statement at the beginning of its lines."""
    lines = text.splitlines()
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("__future__", "gates"):
            lines[node.lineno - 1 : node.end_lineno] = [""] * ((node.end_lineno or node.lineno) - node.lineno + 1)
    return "\n".join(lines) + "\n"
