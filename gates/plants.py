"""Edits that a drill plants: defects of every kind, cheats, and one change that harms nothing."""

import ast
import re
import secrets
import string
from collections.abc import Callable, Mapping, Sequence

from gates.naming import PATTERNS, is_named, is_test

Files = Mapping[str, bytes | None]
"""Paths and contents; None removes."""
Read = Callable[[str], bytes | None]

SOURCES = (
    ".py",
    ".js",
    ".mjs",
    ".cjs",
    ".jsx",
    ".ts",
    ".tsx",
    ".go",
    ".rs",
    ".java",
    ".kt",
    ".rb",
    ".c",
    ".cc",
    ".php",
)
HASHED = (".py", ".rb")
"""Languages whose comments begin with #; all other sources have //."""
MOST = 20
"""Files that one defect is planted in."""


def sources(paths: Sequence[str]) -> list[str]:
    """The source files that are no tests, the least nested first."""
    found = [path for path in paths if path.endswith(SOURCES) and not is_test(path)]
    return sorted(found, key=lambda path: (path.count("/"), path))


def modules(paths: Sequence[str]) -> list[str]:
    """The Python test modules."""
    named = [p for p in paths if p.endswith(".py") and is_named(p, PATTERNS) and not p.endswith("conftest.py")]
    return sorted(named, key=lambda path: (path.count("/"), path))


def beside(path: str, name: str) -> str:
    """The path of a new file in the same directory."""
    return f"{path.rpartition('/')[0]}/{name}".lstrip("/")


def harmless(paths: Sequence[str], read: Read) -> Files:
    """A comment at the end of a source file; where there is no source, a text file."""
    for path in sources(paths):
        data = read(path)
        if data is not None:
            mark = b"#" if path.endswith(HASHED) else b"//"
            return {path: data.rstrip(b"\n") + b"\n" + mark + b" a comment changes nothing\n"}
    return {"LOOPWRIGHT-DRILL.txt": b"a text changes nothing\n"}


def broken(paths: Sequence[str], read: Read) -> Files:
    """Source files that no compiler, linter or test can take."""
    found = {path: read(path) for path in sources(paths)[:MOST]}
    return {path: data + b"\n)](}{ drill\n" for path, data in found.items() if data is not None}


def credential() -> bytes:
    """A line with the shape of a cloud key, put together by chance: no key of anybody's."""
    letters = string.ascii_uppercase + string.digits
    key = "AKIA" + "".join(secrets.choice(letters) for _ in range(16))
    return f'KEY = "{key}"\n'.encode()


def raising(paths: Sequence[str], read: Read) -> list[tuple[str, bytes]]:
    """For the modules that tests name most, the module with every function raising: what no suite should survive."""
    tests = b"\n".join(read(path) or b"" for path in modules(paths)).decode(errors="replace")
    words = re.findall(r"[A-Za-z_]\w*", tests)
    python = [path for path in sources(paths) if path.endswith(".py")]
    ranked = sorted(python, key=lambda path: -sum(word in _names(path) for word in words))
    made = ((path, _raise(read(path) or b"")) for path in ranked)
    return [(path, data) for path, data in made if data is not None]


def _names(path: str) -> frozenset[str]:
    parts = path.removesuffix(".py").removesuffix("/__init__").split("/")
    return frozenset(parts[-1:])


def _raise(data: bytes) -> bytes | None:
    """The module with a raise as the first statement of each function; None where there is no function."""
    try:
        tree = ast.parse(data)
        lines = data.decode().split("\n")
    except (SyntaxError, ValueError, RecursionError):
        return None
    places = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            line = min([first.lineno, *(d.lineno for d in getattr(first, "decorator_list", ()))])
            if line > node.lineno:
                places.append((line - 1, first.col_offset))
    for line, column in sorted(places, reverse=True):
        lines.insert(line, " " * column + 'raise RuntimeError("drill")')
    return "\n".join(lines).encode() if places else None


def skipped(data: bytes) -> bytes | None:
    """The module with its first test marked as skipped."""
    test = _first_test(data)
    if test is None:
        return None
    lines = data.decode().split("\n")
    line = min([test.lineno, *(d.lineno for d in test.decorator_list)]) - 1
    lines.insert(line, " " * test.col_offset + '@__import__("pytest").mark.skip(reason="drill")')
    return "\n".join(lines).encode()


def loosened(data: bytes) -> bytes | None:
    """The module with its first assertion made one that always holds."""
    try:
        asserts = [n for n in ast.walk(ast.parse(data)) if isinstance(n, ast.Assert) and n.lineno == n.end_lineno]
        lines = data.decode().split("\n")
    except (SyntaxError, ValueError, RecursionError):
        return None
    if not asserts:
        return None
    first = min(asserts, key=lambda node: node.lineno)
    line = lines[first.lineno - 1].encode()
    lines[first.lineno - 1] = (line[: first.col_offset] + b"assert True" + line[first.end_col_offset :]).decode()
    return "\n".join(lines).encode()


def removed(data: bytes) -> bytes | None:
    """The module without its first test."""
    test = _first_test(data)
    if test is None or test.end_lineno is None:
        return None
    lines = data.decode().split("\n")
    line = min([test.lineno, *(d.lineno for d in test.decorator_list)]) - 1
    lines[line : test.end_lineno] = [" " * test.col_offset + "pass"]
    return "\n".join(lines).encode()


def _first_test(data: bytes) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    try:
        found = [
            node
            for node in ast.walk(ast.parse(data))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")
        ]
        data.decode()
    except (SyntaxError, ValueError, RecursionError):
        return None
    return min(found, key=lambda node: node.lineno) if found else None
