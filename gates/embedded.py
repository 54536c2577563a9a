"""Tests of base that stand where no test is looked for by name: in source, and in examples of its documentation."""

import ast
import doctest
from collections import Counter
from collections.abc import Iterator

import msgspec

from gates.base import Change, Room, Violation
from gates.contents import Oversized, base_content, content
from gates.edits import FIX, edits
from gates.source import Function, Module, Unreadable, outline, parse

Examples = Counter[tuple[str, str]]


def embedded(change: Change, room: Room) -> Iterator[Violation]:
    """What a candidate did to the tests that base ran, and saw pass, in a file that is none of the tests'."""
    path = change.path
    ran = frozenset(
        node.partition("::")[2].partition("[")[0].replace("::", ".")
        for result in room.baseline.values()
        if result.kind == "pytest"
        for node in result.passed
        if node.startswith(f"{path}::")
    )
    if not ran:
        return
    if change.status == "deleted":
        message = "its tests passed at base; deleted or renamed away"
        yield Violation(rule="base-test-deleted", path=path, message=message, fix=FIX)
        return
    try:
        old, new = base_content(room, path) or b"", content(room, room.head, path) or b""
        if path.endswith(".py"):
            before, after = parse(old), parse(new)
            yield from edits(path, _only(outline(before), ran), _only(outline(after), ran))
            if ran - outline(before).tests.keys():
                yield from _shown(path, _examples_of(before), _examples_of(after))
        else:
            yield from _shown(path, {"": _examples(old.decode())}, {"": _examples(new.decode(errors="replace"))})
    except (Unreadable, Oversized, RecursionError, UnicodeDecodeError):
        return  # said where sources are read; what does not load has lost its tests


def _only(module: Module, names: frozenset[str]) -> Module:
    tests = {name: found for name, found in module.tests.items() if name in names}
    return msgspec.structs.replace(module, tests=tests, classes={}, imports=(), rest=())


def _shown(path: str, old: dict[str, Examples], new: dict[str, Examples]) -> Iterator[Violation]:
    for name, before in old.items():
        gone = before - new.get(name, Counter())
        for source, _ in gone:
            message = f"an example{f' of {name}' if name else ''} that passed at base says something else: {source}"
            yield Violation(rule="assertion-changed", path=path, message=message[:200], fix=FIX)
            break


def _examples_of(tree: ast.Module) -> dict[str, Examples]:
    found = {"": _examples(ast.get_docstring(tree, clean=False) or "")}
    waiting = [("", node) for node in tree.body]
    while waiting:
        where, node = waiting.pop()
        if isinstance(node, Function | ast.ClassDef):
            found[where + node.name] = _examples(ast.get_docstring(node, clean=False) or "")
            waiting += [(f"{where}{node.name}.", each) for each in node.body]
    return found


def _examples(text: str) -> Examples:
    """What is typed, and what is to come of it; none where the text is malformed."""
    try:
        shown = doctest.DocTestParser().get_examples(text)
    except ValueError:
        return Counter()
    return Counter((each.source.strip(), each.want.rstrip()) for each in shown)
