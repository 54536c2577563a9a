"""Reading Python that nobody vouches for, and what of a test module counts: its tests and the rest."""

import ast
import functools
import re
import warnings
from collections import Counter
from collections.abc import Iterator

import msgspec

LARGEST = 1_000_000
"""Bytes of a module that is still parsed."""
DEEPEST = 300
"""Levels of nodes: written by people, a module has fewer than thirty."""

PLAIN = frozenset(
    ("ctx", "op", "ops", "id", "attr", "arg", "name", "module", "level", "kind", "type_comment", "n", "s")
)
"""Fields of nodes that never hold what a rule looks at."""
HOLDING: dict[type[ast.AST], tuple[str, ...]] = {
    kind: () if kind in (ast.Constant, ast.Name) else tuple(name for name in kind._fields if name not in PLAIN)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}

Function = ast.FunctionDef | ast.AsyncFunctionDef

SKIPS = re.compile(r"\b(?:skip|skipif|skipIf|skipUnless|skipTest|SkipTest|importorskip)\b")
XFAILS = re.compile(r"\b(?:xfail|expectedFailure)\b")
_CHECKS = re.compile(r"^(?:.*\.)?(?:assert\w*|raises|warns|deprecated_call|fail|approx)$")


class Unreadable(Exception):
    """A source that cannot be judged: too large, too deep, or, with `syntax`, not the Python of this interpreter."""

    def __init__(self, reason: str, *, syntax: bool = False) -> None:
        super().__init__(reason)
        self.syntax = syntax


class Module(msgspec.Struct, frozen=True):
    """A test module taken apart."""

    tests: dict[str, tuple[Function, ...]]
    """By qualified name, every definition: branches may hold one each, and of others the last one counts."""
    classes: dict[str, ast.ClassDef]
    imports: tuple[tuple[str, ast.stmt], ...]
    """Names that imports bind."""
    rest: tuple[tuple[str, ast.AST], ...]
    """Everything else of the module and of its classes, with the class it stands in."""


@functools.lru_cache(maxsize=4)
def parse(data: bytes) -> ast.Module:
    """Parse a module without running or trusting it. Raises `Unreadable`."""
    if len(data) > LARGEST:
        raise Unreadable(f"it has more than {LARGEST} bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(data)
        nodes(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = f"it cannot be parsed ({type(error).__name__}: {error})"[:200]
        raise Unreadable(reason, syntax=isinstance(error, SyntaxError)) from None
    return tree


@functools.lru_cache(maxsize=4)
def nodes(tree: ast.AST) -> tuple[ast.AST, ...]:
    """Every node that says something (operators and contexts apart), breadth first. Raises `RecursionError` for a
    tree that is deeper than what follows can take."""
    found: list[ast.AST] = []
    level: list[ast.AST] = [tree]
    for _ in range(DEEPEST):
        found += level
        below: list[ast.AST] = []
        for node in level:
            for name in HOLDING[type(node)]:
                value = getattr(node, name, None)
                if isinstance(value, list):
                    below += [child for child in value if isinstance(child, ast.AST)]
                elif isinstance(value, ast.AST):
                    below.append(value)
        if not below:
            return tuple(found)
        level = below
    raise RecursionError(f"it is nested more than {DEEPEST} deep")


def outline(tree: ast.Module, known: frozenset[str] = frozenset()) -> Module:
    """Tests, classes and the rest of a module. A test is named `test...` or is one of the `known` functions.

    Docstrings and imports are left out of the rest.
    """
    tests: dict[str, tuple[Function, ...]] = {}
    classes: dict[str, ast.ClassDef] = {}
    imports: list[tuple[str, ast.stmt]] = []
    rest: list[tuple[str, ast.AST]] = []
    for where, node in _statements(tree.body, ""):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() if node.name.startswith("test") or node.name in known:
                name = _inside(where, node.name)
                tests[name] = (*tests.get(name, ()), node)
            case ast.ClassDef():
                name = _inside(where, node.name)
                tests = {test: found for test, found in tests.items() if not test.startswith(f"{name}.")}
                classes[name] = node
            case ast.Import() | ast.ImportFrom():
                imports += [(alias.asname or alias.name.split(".")[0], node) for alias in node.names]
            case ast.Expr(value=ast.Constant(value=str())):
                continue
            case _:
                rest.append((where, node))
    return Module(tests, classes, tuple(imports), tuple(rest))


def _statements(body: list[ast.stmt], where: str) -> Iterator[tuple[str, ast.AST]]:
    """Every statement that is executed on import, with its class. Of compound ones, the condition and the parts."""
    for node in body:
        match node:
            case ast.ClassDef():
                yield where, node
                yield from _statements(node.body, _inside(where, node.name))
            case ast.If(test=test):
                yield where, test
                yield from _statements([*node.body, *node.orelse], where)
            case ast.Try() | ast.TryStar():
                handlers = [statement for handler in node.handlers for statement in handler.body]
                yield from _statements([*node.body, *handlers, *node.orelse, *node.finalbody], where)
            case _:
                yield where, node


def _inside(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def dump(node: ast.AST) -> str:
    """The node as text in which places, comments and layout make no difference."""
    return ast.dump(node)


def same(one: Function, other: Function) -> bool:
    """Whether two functions do the same under the same decorators; names, places and docstrings make no difference."""
    if type(one) is not type(other) or not alike(one.args, other.args):
        return False
    bodies = [node.body[1:] if _is_docstring(node.body[0]) else node.body for node in (one, other)]
    return alike(one.decorator_list, other.decorator_list) and alike(*bodies)


def alike(one: object, other: object) -> bool:
    """Whether two nodes, or lists of them, have the same `dump`; told without making it."""
    pairs = [(one, other)]
    while pairs:
        a, b = pairs.pop()
        if a is b:
            continue
        if type(a) is not type(b):
            return False
        if isinstance(a, ast.AST):
            pairs += [(getattr(a, name, None), getattr(b, name, None)) for name in a._fields]
        elif isinstance(a, list) and isinstance(b, list):
            if len(a) != len(b):
                return False
            pairs += zip(a, b, strict=True)
        elif a != b:
            return False
    return True


def header(node: ast.ClassDef) -> str:
    """What a class says about itself outside its body."""
    return "\n".join(map(dump, [*node.bases, *node.keywords, *node.decorator_list]))


def is_empty(node: Function) -> bool:
    """Whether the function does nothing: only a docstring, `pass`, `...`, or a bare return."""
    return all(
        isinstance(n, ast.Pass)
        or (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant))
        or (isinstance(n, ast.Return) and n.value is None)
        for n in node.body
    )


def checks(node: Function) -> Counter[str]:
    """What the function verifies: its assert statements, and calls of assertion helpers."""
    found: Counter[str] = Counter()
    for part in ast.walk(node):
        if isinstance(part, ast.Assert):
            found[dump(part.test)] += 1
        elif isinstance(part, ast.Call) and _CHECKS.match(dotted(part.func)):
            found[dump(part)] += 1
    return found


def skips(node: Function | ast.ClassDef) -> tuple[int, int]:
    """How many marks, calls and raises skip this, and how many expect it to fail. A class has only marks."""
    texts = [ast.unparse(decorator) for decorator in node.decorator_list]
    for part in ast.walk(node) if not isinstance(node, ast.ClassDef) else ():
        if isinstance(part, ast.Call):
            texts.append(dotted(part.func))
        elif isinstance(part, ast.Raise):
            texts.append(dotted(part.exc))
    return sum(bool(SKIPS.search(text)) for text in texts), sum(bool(XFAILS.search(text)) for text in texts)


def dotted(node: ast.AST | None) -> str:
    """`a.b.c` of a chain of names; what is called or indexed on the way is left out."""
    parts: list[str] = []
    while node is not None:
        match node:
            case ast.Attribute():
                parts.append(node.attr)
                node = node.value
            case ast.Call():
                node = node.func
            case ast.Subscript():
                node = node.value
            case ast.Name():
                parts.append(node.id)
                node = None
            case _:
                node = None
    return ".".join(reversed(parts))


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
