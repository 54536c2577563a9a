"""Signs of source that looks whether it is being judged: by what is loaded, by its environment, or by its place."""

import ast
from collections.abc import Iterator

from gates.base import Severity
from gates.source import dotted

RULE = "test-aware-source"
RUNNERS = ("pytest", "_pytest", "unittest")
WHOLE = frozenset({"keys", "values", "items", "copy"})
LOOKS = frozenset(
    ("len", "list", "set", "frozenset", "dict", "tuple", "sorted", "str", "repr", "iter", "any", "all", "filter", "map")
)
"""What is done with all of `sys.modules`, and not with one module of it."""
OURS = ("/opt/loopwright", "loopwright_")
"""How a clean room is known from outside."""

Sign = tuple[str, str, int, Severity]
"""Rule, what the code says, line, severity."""


def awareness(node: ast.AST) -> Iterator[Sign]:
    """The signs of one node."""
    said = _said(node)
    if said:
        yield RULE, said, getattr(node, "lineno", 0), "block"


def _said(node: ast.AST) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return _text(text)
        case ast.Attribute(attr=name) if name in WHOLE and dotted(node.value) == "sys.modules":
            return "asks what is loaded"
        case ast.Import(names=names) if any(alias.name == "__main__" for alias in names):
            return "asks what was started"
        case ast.Compare(left=left, ops=ops, comparators=others):
            return _compared(left, ops, others)
        case ast.Call(func=function, args=arguments):
            return _called(function, arguments)
    return ""


def _text(text: str) -> str:
    if text.startswith("PYTEST") and len(text) < 40:
        return "asks whether a test is running"
    return "knows of the clean room" if text.lower().startswith(OURS) else ""


def _compared(left: ast.expr, ops: list[ast.cmpop], others: list[ast.expr]) -> str:
    if isinstance(left, ast.Constant) and left.value in RUNNERS and isinstance(ops[0], ast.In | ast.NotIn):
        if any(dotted(part) == "sys.modules" for part in others):
            return "asks whether pytest is loaded"
        if any(dotted(part).startswith("sys.argv") for part in others):
            return "asks whether pytest was started"
    return "asks what was started" if any(map(_program, (left, *others))) else ""


def _called(function: ast.expr, arguments: list[ast.expr]) -> str:
    name = dotted(function)
    first = arguments[0] if arguments else None
    if isinstance(first, ast.Constant) and first.value in RUNNERS and name.endswith(("sys.modules.get", "find_spec")):
        return "asks whether pytest is there"
    if name in LOOKS and any(isinstance(a, ast.Attribute) and dotted(a) == "sys.modules" for a in arguments):
        return "asks what is loaded"
    return "asks what was started" if isinstance(function, ast.Attribute) and _program(function.value) else ""


def _program(node: ast.expr) -> bool:
    """Whether this is the name of the running program."""
    match node:
        case ast.Subscript(value=value, slice=ast.Constant(value=0)):
            return dotted(value) in ("sys.argv", "sys.orig_argv")
        case ast.Subscript(value=value, slice=ast.Constant(value="__main__")):
            return dotted(value) == "sys.modules"
    return False
