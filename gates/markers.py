"""Signs, in changed Python, of code that works on the evidence instead of on the goal."""

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath

import msgspec

from gates import reaches
from gates.aware import awareness
from gates.base import Severity, Violation
from gates.source import SKIPS, XFAILS, dotted, nodes

EXITS = frozenset({"os._exit", "os.abort", "os.kill", "os.killpg", "signal.raise_signal", "faulthandler._sigsegv"})
LEAVES = frozenset({"sys.exit", "exit", "quit", "SystemExit", "pytest.exit"})
IMPORTERS = frozenset({"importlib.import_module", "import_module", "__import__"})

CHANGERS = frozenset({"setattr", "delattr", "patch", "object", "setitem", "delitem"})
REPORTS = ("junitxml", "junit_xml", "witness.json")
"""Words by which code finds the report of the run it is part of."""
MODULES = frozenset({"pytest", "_pytest", "pluggy"})


BINDING = frozenset((ast.Import, ast.ImportFrom, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Delete))
OF_RUNNER = BINDING | {ast.Call, ast.Constant, ast.FunctionDef}
DECORATED = frozenset((ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
OF_AWARENESS = frozenset((ast.Constant, ast.Compare, ast.Call, ast.Attribute, ast.Import))
OF_REACHES = frozenset((ast.Attribute, ast.Call, ast.ClassDef, ast.Assign, ast.ImportFrom))
TELLING = OF_RUNNER | DECORATED | OF_AWARENESS | OF_REACHES | {ast.Raise}
"""The kinds of nodes that can be a sign, and a sign of what: a change of thousands of lines has most of the others."""


class Sign(msgspec.Struct, frozen=True):
    """One sign: its rule, what the code says, and where."""

    rule: str
    text: str
    line: int
    severity: Severity = "block"


FIXES = {
    "exit-at-import": "take it out: a test process has to end by itself",
    "exit-in-code": "raise an exception instead; this ends the process without a result",
    "pytest-internals": "leave the test runner alone: change the code under test",
    "pytest-plugin": "take it out: fixtures belong to conftest.py, and that is base's",
    "test-aware-source": "source must not behave otherwise when tests look",
    "new-test-skipped": "let the new test run, or leave it out",
    **reaches.FIXES,
}


def new_signs(
    path: str, old: Callable[[], ast.Module | None], new: ast.Module, *, is_test: bool
) -> Iterator[Violation]:
    """The signs in `new` that the tree which `old` gives, base's, does not show as often.

    More of what a source file did before (a plugin of pytest's, say) is only a warning, where that was as grave.
    """
    found = list(signs(path, new, is_test=is_test))
    before = old() if found else None
    had = list(signs(path, before, is_test=is_test)) if before is not None else []
    known = Counter((s.rule, s.text) for s in had)
    usual = {s.rule for s in had if s.severity == "block"} if not is_test else set()
    for sign in found:
        if known[sign.rule, sign.text] > 0:
            known[sign.rule, sign.text] -= 1
            continue
        yield Violation(
            rule=sign.rule,
            path=path,
            line=sign.line,
            message=sign.text[:200],
            fix=FIXES[sign.rule],
            severity="warn" if sign.rule in usual else sign.severity,
        )


def signs(path: str, tree: ast.Module, *, is_test: bool) -> Iterator[Sign]:
    """Every sign in a module. Tests are held to more: they have no reason to leave the process."""
    script = PurePosixPath(path).name in ("__main__.py", "setup.py")
    telling = [node for node in nodes(tree) if type(node) in TELLING and not _is_number(node)]
    names, known_as = _names(telling), reaches.aliases(telling)
    leaves = False
    for node in telling:
        kind = type(node)
        if kind in OF_RUNNER:
            yield from _runner(node, names, is_test)
        leaves = leaves or _leaves(node)
        if is_test and kind in DECORATED:
            yield from _silenced(node)
        if not is_test and kind in OF_AWARENESS:
            yield from (Sign(*sign) for sign in awareness(node))
        if not is_test and kind in OF_REACHES:
            yield from (Sign(*sign) for sign in reaches.reaches(node, known_as))
    for node, importing in _calls(tree) if leaves else ():
        name = dotted(node)
        if importing and name in EXITS | LEAVES and not script:
            severity: Severity = "block" if is_test or name in EXITS else "warn"
            yield Sign("exit-at-import", f"{name} when the file is imported", node.lineno, severity)
        elif name in EXITS - {"os.kill", "os.killpg"}:
            yield Sign("exit-in-code", name, node.lineno, "block" if is_test else "warn")


def _is_number(node: ast.AST) -> bool:
    """Of constants only texts can be a sign."""
    return type(node) is ast.Constant and type(node.value) is not str


def _silenced(node: ast.AST) -> Iterator[Sign]:
    """A new test that is not to run, or to fail."""
    for decorator in getattr(node, "decorator_list", ()):
        text = ast.unparse(decorator)
        if SKIPS.search(text) or XFAILS.search(text):
            yield Sign("new-test-skipped", f"{getattr(node, 'name', '')}: @{text}", decorator.lineno, "warn")


def _leaves(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=function):
            return dotted(function) in EXITS | LEAVES
        case ast.Raise():
            return True
    return False


def _runner(node: ast.AST, names: frozenset[str], is_test: bool) -> Iterator[Sign]:
    """Reaching for pytest's insides, taking its place, or adding a plugin."""
    match node:
        case ast.Import(names=found) if any(alias.name.split(".")[0] == "_pytest" for alias in found):
            yield Sign("pytest-internals", "import _pytest", node.lineno, "warn" if is_test else "block")
        case ast.ImportFrom(module=str(module)) if module.split(".")[0] == "_pytest":
            yield Sign("pytest-internals", f"from {module} import", node.lineno, "warn" if is_test else "block")
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            yield from (_taken(t, node) for t in targets if not isinstance(t, ast.Name) and _owned(t, names))
            if any(isinstance(t, ast.Name) and t.id == "pytest_plugins" for t in targets):
                yield Sign("pytest-plugin", "pytest_plugins = ...", node.lineno)
        case ast.AugAssign(target=t) | ast.AnnAssign(target=t) if not isinstance(t, ast.Name) and _owned(t, names):
            yield _taken(t, node)
        case ast.Call(func=function, args=[first, *_]):
            name = dotted(function)
            if name.rpartition(".")[2] in CHANGERS and _owned(first, names):
                yield _taken(first, node)
            if name.startswith("sys.modules.") and _text(first).split(".")[0] in MODULES:
                yield _taken(node, node)
            if name in IMPORTERS and _text(first).split(".")[0] in MODULES - {"pytest"}:
                yield Sign("pytest-internals", f"{name}({_text(first)!r})", node.lineno)
        case ast.Constant(value=str(text)) if any(word in text for word in REPORTS) and len(text) < 200:
            yield Sign("pytest-internals", f"knows of {text!r}", node.lineno, "warn" if is_test else "block")
        case ast.Constant(value=str(text)) if not is_test and text.split(".")[0] in ("_pytest", "pluggy"):
            yield Sign("pytest-internals", f"knows of {text!r}", node.lineno)
        case ast.FunctionDef(name=name) if name.startswith("pytest_"):
            yield Sign("pytest-plugin", f"def {name}", node.lineno)


def _names(telling: Iterable[ast.AST]) -> frozenset[str]:
    """The names by which a module knows pytest and what it imports from it."""
    found = set()
    for node in telling:
        match node:
            case ast.Import(names=names):
                found |= {a.asname or a.name.split(".")[0] for a in names if a.name.split(".")[0] in MODULES}
            case ast.ImportFrom(module=str(module), names=names) if module.split(".")[0] in MODULES:
                found |= {alias.asname or alias.name for alias in names}
    return frozenset(found)


def _owned(node: ast.AST, names: frozenset[str]) -> bool:
    """Whether the expression is something of the test runner's, by a name of it or its place in sys.modules."""
    if isinstance(node, ast.Subscript) and dotted(node) == "sys.modules":
        return _text(node.slice).split(".")[0] in MODULES
    return (_text(node) or dotted(node)).split(".")[0] in names | MODULES


def _taken(node: ast.AST, place: ast.AST) -> Sign:
    return Sign("pytest-internals", f"changes {ast.unparse(node)}", getattr(place, "lineno", 0))


def _calls(tree: ast.Module) -> Iterator[tuple[ast.expr, bool]]:
    """What is called or raised, and whether importing the file is enough for it."""
    waiting: list[tuple[ast.AST, bool]] = [(node, True) for node in tree.body]
    while waiting:
        node, importing = waiting.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                importing = False
            case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
                importing = False
            case ast.Call():
                yield node.func, importing
            case ast.Raise(exc=ast.Name() as raised):
                yield raised, importing
        waiting.extend((child, importing) for child in ast.iter_child_nodes(node))


def _text(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
