"""Mutants: the changed lines of a module, each wrong in one small way. Read and written as text; nothing is executed.

The operators are those that mutation testing found to matter most: comparisons, arithmetic, logic, constants,
conditions, returned values and calls left out (Offutt and others, "sufficient operators", 1996).
"""

import ast
import copy
from collections.abc import Iterator

import msgspec

COMPARE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
WIDTH = 60


class Mutant(msgspec.Struct, frozen=True, kw_only=True):
    """One of them: where, what became of what, and the whole module with it."""

    path: str
    line: int
    scope: str
    """The function it is in."""
    what: str
    source: bytes

    @property
    def id(self) -> str:
        """Its name, which stays when lines move."""
        return f"{self.path}: mutant survives in {self.scope or 'the module'}: {self.what}"


def mutants(path: str, data: bytes, tree: ast.Module, lines: frozenset[int]) -> Iterator[Mutant]:
    """Every mutant of the nodes that begin on one of these lines; each of them can be parsed."""
    starts = _line_starts(data)
    for scope, node in _nodes(tree, ""):
        if getattr(node, "lineno", 0) not in lines:
            continue
        for text in _variants(node):
            begin, end = (
                _offset(starts, node, "lineno", "col_offset"),
                _offset(starts, node, "end_lineno", "end_col_offset"),
            )
            source = data[:begin] + text.encode() + data[end:]
            try:
                ast.parse(source)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
            was = " ".join(data[begin:end].decode(errors="replace").split())
            what = f"{_short(was)} -> {_short(text)}"
            yield Mutant(path=path, line=getattr(node, "lineno", 0), scope=scope, what=what, source=source)


def _variants(node: ast.AST) -> Iterator[str]:
    """The texts that take the node's place."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in COMPARE:
            yield _expression(node, ops=[COMPARE[type(op)]()])
        case ast.BinOp(op=op, left=left) if type(op) in ARITHMETIC and not _is_text(left):
            yield _expression(node, op=ARITHMETIC[type(op)]())
        case ast.BoolOp(op=op):
            yield _expression(node, op=ast.Or() if isinstance(op, ast.And) else ast.And())
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield f"({ast.unparse(operand)})"
        case ast.Constant(value=bool(value)):
            yield str(not value)
        case ast.Constant(value=int(value)):
            yield str(value + 1)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield f"({ast.unparse(orelse)} if {ast.unparse(test)} else {ast.unparse(body)})"
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield "return None"
        case ast.Raise() | ast.Expr(value=ast.Call() | ast.Await()) | ast.AugAssign() | ast.Delete():
            yield "pass"
        case ast.Continue():
            yield "break"
        case ast.Break():
            yield "continue"


def _expression(node: ast.expr, **fields: object) -> str:
    other = copy.copy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return f"({ast.unparse(other)})"


def _nodes(node: ast.AST, scope: str) -> Iterator[tuple[str, ast.AST]]:
    """Every node whose change could matter, with the function it is in: no annotations, no docstrings, no imports,
    no defaults of decorators."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.Import | ast.ImportFrom | ast.JoinedStr):
                continue
            inner = scope
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = f"{scope}.{child.name}" if scope else child.name
            yield inner, child
            yield from _nodes(child, inner)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes))


def _line_starts(data: bytes) -> list[int]:
    starts = [0, 0]
    for line in data.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts


def _offset(starts: list[int], node: ast.AST, line: str, column: str) -> int:
    return starts[min(int(getattr(node, line)), len(starts) - 1)] + int(getattr(node, column))


def _short(text: str) -> str:
    return text if len(text) <= WIDTH else f"{text[:WIDTH]}..."
