"""Signs of code that makes every answer look right, or hides what it does: new in a source, they have no honest use."""

import ast
from collections.abc import Iterable, Iterator, Mapping

from gates.base import Severity
from gates.source import dotted

REACHES = frozenset(
    (
        *("gc.get_objects", "gc.get_referrers", "gc.get_referents", "sys._current_frames", "sys.settrace"),
        *("sys.setprofile", "threading.settrace", "threading.setprofile", "sys.addaudithook", "ctypes.pythonapi"),
        *("sys.monitoring.register_callback", "linecache.getline", "linecache.getlines", "linecache.cache"),
    )
)
IMPORTS = frozenset({"sys.meta_path", "sys.path_hooks", "sys.path_importer_cache", "sys.pycache_prefix"})
"""How modules are found: whoever changes it decides what the tests import."""
FRAMES = frozenset(
    (
        *("sys._getframe", "inspect.stack", "inspect.currentframe", "inspect.getouterframes", "traceback.walk_stack"),
        *("traceback.extract_stack", "traceback.format_stack", "traceback.StackSummary"),
    )
)
"""Ways to look at one's callers; logging and the like do so too."""
CODE = frozenset({"__code__", "__closure__", "f_back", "f_globals", "tb_frame", "gi_frame", "cr_frame", "ag_frame"})
INSIDE = frozenset({"cell_contents", "f_locals", "f_builtins", "co_consts", "co_code", "code_context"})
"""What is in another function's hands, or written in it."""
RUN = frozenset({"exec", "eval", "compile"})
DECODERS = frozenset({"b64decode", "b85decode", "a85decode", "unhexlify", "fromhex", "decompress", "chr"})
READING = frozenset({"loads", "decode"})
"""What turns bytes into text, too: a sign where what it is given is written there, or what comes of it is run."""
READERS = frozenset({"read", "read_text", "read_bytes", "readline", "readlines", "get_data"})
LOADERS = frozenset({"run_path", "zipimporter", "SourcelessFileLoader", "SourceFileLoader", "CodeType"})
"""What runs code out of files that nobody reads as code, or that was made of pieces."""
ANYTHING = frozenset({"unittest.mock", "mock"})
"""Modules whose ANY equals whatever it is compared with."""
BY_NAME = frozenset(
    {"getattr", "setattr", "hasattr", "delattr", "__import__", "import_module", "attrgetter", "methodcaller"}
)
OF_OBJECT = frozenset({"getattr", "setattr", "hasattr", "delattr"})
"""Those that take the object first, then the name."""
TELLING = frozenset(name.rpartition(".")[2] for name in REACHES | IMPORTS) - {"cache", "getline", "getlines"}
LANGUAGE = frozenset({"builtins", "__builtins__", "unittest", "TestCase"})

FIXES = {
    "interpreter-reached": "do it without the insides of the interpreter: from there the evidence can be reached",
    "equal-to-everything": "compare what the objects hold; an answer that equals all answers is none",
    "hidden-code": "write the code as code, so that it can be read",
    "hidden-name": "write the name as it is, so that it can be read",
    "language-patched": "leave the language and its assertions as they are",
}

Sign = tuple[str, str, int, Severity]
"""Rule, what the code says, line, severity."""


def aliases(imports: Iterable[ast.AST]) -> Mapping[str, str]:
    """The modules that a file imports under another name."""
    named = (alias for node in imports if isinstance(node, ast.Import) for alias in node.names)
    return {alias.asname: alias.name for alias in named if alias.asname}


def reaches(node: ast.AST, known_as: Mapping[str, str] = {}) -> Iterator[Sign]:
    """The signs of one node; `known_as` are the file's other names of modules."""
    match node:
        case ast.Attribute():
            yield from _attribute(node, known_as)
        case ast.Call(func=function, args=[first, *_]):
            yield from _call(node, dotted(function).rpartition(".")[2], first)
        case ast.ClassDef():
            yield from _comparisons(node)
        case ast.ImportFrom(module=str(module), names=names) if module in ANYTHING:
            if any(alias.name == "ANY" for alias in names):
                yield "equal-to-everything", f"{module}.ANY", node.lineno, "block"
        case ast.ImportFrom(module=str(module), names=names):
            for name in (f"{module}.{alias.name}" for alias in names):
                if name in REACHES | IMPORTS | FRAMES:
                    yield "interpreter-reached", name, node.lineno, "warn" if name in FRAMES else "block"
        case ast.Assign(targets=targets, value=value):
            yield from (_patched(t, node) for t in targets if _is_language(t, known_as))
            for target in targets:
                if isinstance(target, ast.Attribute) and target.attr in ("__eq__", "__contains__"):
                    made: Severity = "warn" if isinstance(value, ast.Call) else "block"  # by a maker of classes
                    yield "equal-to-everything", f"sets {ast.unparse(target)}", node.lineno, made
                elif _is_test_module(target):
                    yield "interpreter-reached", f"takes the place of {ast.unparse(target)}", node.lineno, "block"


def _is_test_module(node: ast.expr) -> bool:
    """Whether this is the place of a module of tests among those that are loaded."""
    match node:
        case ast.Subscript(slice=ast.Constant(value=str(name))) if dotted(node) == "sys.modules":
            last = name.rpartition(".")[2]
            return "tests" in name.split(".") or last.startswith("test_") or last.endswith("_test")
    return False


def _attribute(node: ast.Attribute, known_as: Mapping[str, str]) -> Iterator[Sign]:
    name = _known(dotted(node), known_as)
    if name in REACHES | IMPORTS:
        yield "interpreter-reached", name, node.lineno, "block"
    elif name in FRAMES:
        yield "interpreter-reached", name, node.lineno, "warn"
    elif node.attr == "ANY" and name.rpartition(".")[0].endswith("mock"):
        yield "equal-to-everything", name, node.lineno, "block"
    elif node.attr in CODE | INSIDE:
        replaced = isinstance(node.ctx, ast.Store) and node.attr == "__code__"
        severity: Severity = "block" if replaced or node.attr in INSIDE else "warn"
        yield "interpreter-reached", f".{node.attr}", node.lineno, severity


def _call(node: ast.Call, name: str, first: ast.expr) -> Iterator[Sign]:
    if name in RUN and isinstance(node.func, ast.Name):
        calls = {dotted(part.func).rpartition(".")[2] for part in ast.walk(first) if isinstance(part, ast.Call)}
        if calls & (DECODERS | READING | READERS):
            yield "hidden-code", f"{name} of something decoded or read", node.lineno, "block"
    if name == "type" and any(isinstance(each, ast.Dict) and _compares(each) for each in node.args):
        yield "equal-to-everything", "a class is made with a comparison of its own", node.lineno, "block"
    if name in LOADERS or dotted(node.func) in ("marshal.load", "marshal.loads"):
        yield "hidden-code", f"{dotted(node.func)}: code that is no source", node.lineno, "block"
    if name in BY_NAME:
        for argument in node.args[1:2] if name in OF_OBJECT else node.args:
            if _assembled(argument):
                yield "hidden-name", f"{name} of a name put together from pieces", node.lineno, "block"
            text = argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else ""
            if text in TELLING:
                yield "interpreter-reached", f"{name} of {text!r}", node.lineno, "block"
            if inside := (CODE | INSIDE) & set(text.split(".")):
                severity: Severity = "block" if inside & INSIDE else "warn"
                yield "interpreter-reached", f"{name} of {text!r}", node.lineno, severity
    if name in ("setattr", "delattr") and _is_language(ast.Attribute(first, "x", ast.Store())):
        yield "language-patched", f"changes {ast.unparse(first)}", node.lineno, "block"


def _assembled(node: ast.expr) -> bool:
    """A text that is written in pieces or backwards though it could be written out."""
    match node:
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return all(isinstance(p, ast.Constant) or _assembled(p) for p in (left, right))
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str()), attr="join" | "replace" | "translate")):
            return True
        case ast.Subscript(value=ast.Constant(value=str()), slice=ast.Slice()):
            return True
    calls = [part for part in ast.walk(node) if isinstance(part, ast.Call)]
    return any(dotted(c.func).rpartition(".")[2] in DECODERS or _reads_what_is_written(c) for c in calls)


def _reads_what_is_written(node: ast.Call) -> bool:
    """`b"...".decode()`, `loads(b"...")`: of what came from elsewhere they are ordinary."""
    given = [node.func.value, *node.args[:1]] if isinstance(node.func, ast.Attribute) else node.args[:1]
    written = any(isinstance(part, ast.Constant) and len(str(part.value)) > 2 for part in given)
    return written and getattr(node.func, "attr", getattr(node.func, "id", "")) in READING


def _comparisons(node: ast.ClassDef) -> Iterator[Sign]:
    """Methods by which an object equals, or contains, whatever it is compared with."""
    for part in node.body:
        match part:
            case ast.FunctionDef(name="__eq__" | "__contains__" as name):
                answers = [answer.value for answer in ast.walk(part) if isinstance(answer, ast.Return)]
                if answers and all(isinstance(a, ast.Constant) and a.value is True for a in answers):
                    yield "equal-to-everything", f"{node.name}.{name} is always true", part.lineno, "block"
                elif name == "__eq__" and _blind(part, answers):
                    yield "equal-to-everything", f"{node.name}.{name} does not look at itself", part.lineno, "block"
            case ast.Assign(targets=[ast.Name(id="__eq__" | "__contains__" as name)], value=ast.Name(id=other)):
                own = [each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == other]
                looked = any(
                    not _blind(each, [r.value for r in ast.walk(each) if isinstance(r, ast.Return)]) for each in own
                )
                if not looked:
                    yield "equal-to-everything", f"{node.name}.{name} is {other}", part.lineno, "block"
            case ast.Assign(
                targets=[ast.Name(id="__eq__" | "__contains__" as name)], value=ast.Lambda(body=body) as short
            ):
                if (isinstance(body, ast.Constant) and body.value is True) or (
                    name == "__eq__" and _blind(short, [body])
                ):
                    yield "equal-to-everything", f"{node.name}.{name} is always true", part.lineno, "block"


def _compares(members: ast.Dict) -> bool:
    return any(isinstance(key, ast.Constant) and key.value in ("__eq__", "__contains__") for key in members.keys)


def _blind(method: ast.FunctionDef | ast.Lambda, answers: list[ast.expr | None]) -> bool:
    """Whether a comparison says yes without looking at its own object, or at the class of the other."""
    if all(a is None or isinstance(a, ast.Name) or (isinstance(a, ast.Constant) and not a.value) for a in answers):
        return False  # NotImplemented, False: it says no
    mine, others = method.args.args[0].arg if method.args.args else "", {a.arg for a in method.args.args}
    for part in ast.walk(method):
        match part:
            case ast.Name(id=name) if name == mine:
                return False
            case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[_, ast.Name(id="object")]):
                continue
            case ast.Call(func=ast.Name(id="isinstance" | "issubclass" | "type" | "super")):
                return False
            case ast.Attribute(attr="__class__"):
                return False
            case ast.Compare(ops=[ast.Is() | ast.Eq()], comparators=[ast.Name(id=name)]) if name not in others:
                return False
    return True


def _is_language(node: ast.expr, known_as: Mapping[str, str] = {}) -> bool:
    name = _known(dotted(node), known_as)
    return isinstance(node, ast.Attribute | ast.Subscript) and not LANGUAGE.isdisjoint(name.split(".")[:-1] or [name])


def _known(name: str, known_as: Mapping[str, str]) -> str:
    """The dotted name by which everybody knows it."""
    first, dot, rest = name.partition(".")
    return known_as[first] + dot + rest if first in known_as else name


def _patched(target: ast.expr, node: ast.stmt) -> Sign:
    return "language-patched", f"changes {ast.unparse(target)}", node.lineno, "block"
