"""What a candidate did to the tests that base has, named."""

import ast
import itertools
from collections import Counter
from collections.abc import Callable, Iterator

from gates.base import Severity, Violation
from gates.source import SKIPS, XFAILS, Function, Module, checks, dotted, dump, header, is_empty, nodes, same, skips

FIX = "restore base's version; a test may change only if the goal says so (may_edit_tests)"


def edits(path: str, old: Module, new: Module) -> Iterator[Violation]:
    """How the tests of one base module were weakened or changed. Added tests, imports and docstrings are free."""
    for name, before in old.tests.items():
        after = new.tests.get(name, ())
        for one, other in itertools.zip_longest(before, after[: len(before)]):
            yield from _test(path, name, one, other)
        if len(after) > len(before):
            yield _violation("base-test-removed", path, after[-1], f"{name} is defined once more, in its place")
    for name, group in old.classes.items():
        now = new.classes.get(name)
        if now is not None and header(group) != header(now):
            reason = f"{name} has another header"
            yield _marked(path, name, group, now) or _violation("base-test-edited", path, now, reason)
    for name, statement in new.imports:
        if name in old.tests or name in old.classes:
            yield _violation("base-test-removed", path, statement, f"{name} is bound to something else")
    yield from _rest(path, old, new)


def weakened(path: str, old: ast.Module, new: ast.Module, used: Callable[[str], bool]) -> Iterator[Violation]:
    """Source that checks on behalf of tests, functions called `assert...` that base's tests use, and checks less."""
    now = {node.name: node for node in nodes(new) if isinstance(node, Function)}
    for node in nodes(old):
        if not isinstance(node, Function) or not node.name.lstrip("_").startswith("assert") or node.name not in now:
            continue
        before, after = _verdicts(node), _verdicts(now[node.name])
        if after < before and used(node.name):
            message = f"{node.name} checks {after} things, base {before}, and base's tests use it"
            yield _violation("assertion-removed", path, now[node.name], message, "warn" if after else "block")


def _verdicts(node: Function) -> int:
    return checks(node).total() + sum(isinstance(part, ast.Raise) for part in ast.walk(node))


def _test(path: str, name: str, old: Function, new: Function | None) -> Iterator[Violation]:
    if new is None:
        yield _violation("base-test-removed", path, old, f"{name} is gone")
        return
    if same(old, new):
        return
    marked = _marked(path, name, old, new)
    if marked is not None:
        yield marked
        return
    before, after = checks(old), checks(new)
    if is_empty(new) and not is_empty(old):
        yield _violation("base-test-emptied", path, new, f"{name} does nothing any more")
    elif after.total() < before.total():
        yield _violation("assertion-removed", path, new, f"{name} checks {after.total()} things, base {before.total()}")
    elif before - after:
        yield _violation("assertion-changed", path, new, f"{name} checks something else than at base")
    else:
        yield _violation("base-test-edited", path, new, f"{name} was edited")


def _marked(path: str, name: str, old: Function | ast.ClassDef, new: Function | ast.ClassDef) -> Violation | None:
    (skipped, expected), (skips_now, expects_now) = skips(old), skips(new)
    if skips_now > skipped:
        return _violation("base-test-skipped", path, new, f"{name} is skipped")
    if expects_now > expected:
        return _violation("base-test-xfailed", path, new, f"{name} is expected to fail")
    return None


def _rest(path: str, old: Module, new: Module) -> Iterator[Violation]:
    """Statements beside the tests: those that silence tests, and helpers and fixtures that are not base's."""
    before = Counter((where, dump(node)) for where, node in old.rest)
    added = []
    for where, node in new.rest:
        if before[where, dump(node)] > 0:
            before[where, dump(node)] -= 1
        else:
            added.append((where, node))
    for where, node in added:
        silenced = _silences(where, node, old)
        if silenced is not None:
            yield _violation(silenced[0], path, node, silenced[1])
    names = {_name(node) for _, node in added}
    for where, node in old.rest:
        if before[where, dump(node)] > 0:
            before[where, dump(node)] -= 1
            what = _name(node) or "a statement"
            act = "edited" if what in names else "removed"
            yield _violation("test-helper-edited", path, node, f"{what}, which base's tests may use, was {act}", "warn")


def _silences(where: str, node: ast.AST, old: Module) -> tuple[str, str] | None:
    """The rule and reason, if this new statement keeps tests of base from running."""
    text = ast.unparse(node)
    targets = [dotted(t) for part in ast.walk(node) for t in _targets(part)]
    if any(target.rpartition(".")[2] == "pytestmark" for target in targets):
        rule = "base-test-skipped" if SKIPS.search(text) else "base-test-xfailed" if XFAILS.search(text) else None
        return (rule, f"pytestmark = ... marks all tests {f'of {where}' if where else 'of the file'}") if rule else None
    if any(target.rpartition(".")[2] in ("__test__", "collect_ignore", "collect_ignore_glob") for target in targets):
        return "base-test-removed", f"{targets[0]} keeps tests from being collected"
    gone = [t for t in targets if (f"{where}.{t}" if where else t) in old.tests or t in old.classes]
    if gone:
        return "base-test-removed", f"{gone[0]} is bound to something else"
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return None
    calls = [dotted(part.func) for part in ast.walk(node) if isinstance(part, ast.Call)]
    raised = [dotted(part.exc) for part in ast.walk(node) if isinstance(part, ast.Raise)]
    if any(SKIPS.search(call) for call in (*calls, *raised)):
        return "base-test-skipped", "the whole file is skipped when it is imported"
    if {"globals", "vars", "locals", "setattr", "delattr", "exec", "eval"} & set(calls):
        return "base-test-removed", "names of the module are changed when it is imported"
    return None


def _targets(node: ast.AST) -> list[ast.expr]:
    match node:
        case ast.Assign() | ast.Delete():
            return [t for target in node.targets for t in ast.walk(target) if isinstance(t, ast.Name | ast.Attribute)]
        case ast.AnnAssign() | ast.AugAssign() | ast.NamedExpr() | ast.For() | ast.AsyncFor():
            return [node.target]
        case ast.withitem(optional_vars=ast.expr() as bound):
            return [bound]
    return []


def _name(node: ast.AST) -> str:
    targets = _targets(node)
    return getattr(node, "name", "") or (dotted(targets[0]) if targets else "")


def _violation(rule: str, path: str, node: ast.AST, message: str, severity: Severity = "block") -> Violation:
    return Violation(rule=rule, path=path, line=getattr(node, "lineno", 0), message=message, fix=FIX, severity=severity)
