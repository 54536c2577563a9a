"""The gate `integrity`: what a candidate did to the evidence itself. Read from the trees; nothing is executed."""

import ast
import functools
import gc
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from gates import elsewhere, trees
from gates.base import Change, Gate, GateResult, Room, Severity, Violation
from gates.contents import Oversized, added_lines, base_content, content, moved_from
from gates.edits import edits, weakened
from gates.embedded import embedded
from gates.globs import matches
from gates.markers import new_signs
from gates.naming import CODE, TESTING
from gates.opaque import opaque
from gates.pins import pins
from gates.protection import LINK, tampered
from gates.source import Unreadable, nodes, outline, parse
from gates.trees import Layout, may_edit

SUPPRESSION = re.compile(
    r"#\s*(noqa|type:\s*ignore|nosec|pragma:\s*no\s*(?:cover|branch)|ruff:\s*noqa|ruff:\s*disable|flake8:\s*noqa"
    r"|pylint:\s*(?:disable|skip)|mypy:\s*\S+|pyright:\s*\S+|nosemgrep|type:\s*ignore)"
    r"|(@ts-(?:ignore|nocheck|expect-error)|eslint-disable\S*|istanbul ignore|c8 ignore|NOSONAR|nolint"
    r"|#\[allow\()",
    re.IGNORECASE,
)

SUSPICIOUS = re.compile(
    r"_exit|_pytest|sys\.modules|PYTEST_|pytest_|SystemExit|sys\.exit|junit|__import__|import_module|coding[:=]"
)

CHECKING = re.compile(rb"def _*assert")

UNREADABLE = (Unreadable, Oversized, RecursionError, MemoryError)

FIXES = {
    "protected-changed": "take the change back; this file is base's in every clean room",
    "protected-added": "take the file out; it would decide what the gates see",
    "protected-removed": "put the file back",
    "gate-config-changed": "take these tables back to base's; the rest of the file may change",
    "module-shadowed": "give the file another name",
    "out-of-scope": "keep to the paths that the goal allows",
    "base-test-deleted": "put the file back; new tests go into files of their own or beside the old ones",
    "base-test-edited": "restore base's version; a test may change only if the goal says so (may_edit_tests)",
    "test-helper-edited": "leave it, if the goal does not need it: base's tests are run with base's copy",
    "test-symlinked": "make it a file",
    "test-mode-changed": "restore the mode",
    "suppression-added": "correct what the tool found instead of silencing it",
    "report-written": "take it out: a report is written by the runner alone",
    "test-aware-source": "source must not behave otherwise when tests look",
    "exit-in-code": "return or raise an error instead; this ends the process without a result",
    "unreadable": "write it so that it can be read",
}


def integrity(gate: Gate, room: Room) -> GateResult:
    """Name every act against the evidence, its place and what to do. No source makes it raise."""
    if not room.diff.changes:
        return GateResult(gate=gate.name, kind=gate.kind, status="skipped", summary="nothing has changed")
    with _uncollected():
        found = sorted(_violations(room), key=lambda v: (v.severity != "block", v.path, v.line, v.rule))
    blocking = sum(v.severity == "block" for v in found)
    return GateResult(
        gate=gate.name,
        kind=gate.kind,
        status="fail" if blocking else "pass",
        summary=f"{blocking} violations, {len(found) - blocking} warnings" if found else "nothing to object to",
        violations=tuple(found),
    )


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of cycles: trees of syntax have none, and looking for some while a million nodes come and
    go takes a fourth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _violations(room: Room) -> Iterator[Violation]:
    sides = trees.layout(room)
    shadowing = trees.planted(room, sides)
    yield from pins(room)
    for change in room.diff.changes:
        if not matches(change.path, room.rules.scope):
            yield _violation("out-of-scope", change.path, "the goal's scope does not hold this path")
        if change.path in shadowing:
            yield _shadow(change.path, shadowing[change.path])
        part = tampered(change, room)
        if part:
            yield _violation("gate-config-changed", change.path, f"changes {', '.join(part)}")
        elif part is not None:
            act = {"added": "added", "deleted": "removed"}.get(change.status, "changed")
            yield _violation(f"protected-{act}", change.path, f"this protected file was {act}")
        elif sides.is_test(change.path) and not may_edit(change.path, room):
            yield from _on_test(change, room, sides)
        elif not sides.is_test(change.path) and change.status != "added" and not may_edit(change.path, room):
            yield from embedded(change, room)
        if change.status != "deleted":
            yield from _suppressions(change, room)
            yield from opaque(change, room) if not sides.is_test(change.path) else ()
            if change.path.endswith(".py"):
                yield from _in_source(change, room, sides)
            elif not sides.is_test(change.path) and PurePosixPath(change.path).suffix[1:] in elsewhere.LANGUAGES:
                yield from _elsewhere(change, room)


def shadows(room: Room, prefix: str) -> Iterator[Violation]:
    """New files of a project that take a module's place where its own gates look; paths begin with `prefix`."""
    for path, name in trees.planted(room, trees.layout(room)).items():
        yield _shadow(prefix + path, name)


def _shadow(path: str, name: str) -> Violation:
    return _violation("module-shadowed", path, f"it takes the place of the module {name}")


def _on_test(change: Change, room: Room, sides: Layout) -> Iterator[Violation]:
    """The rules for test files, helpers and data, from which `may_edit_tests` frees."""
    path = change.path
    module = sides.is_module(path) or bool(
        PurePosixPath(path).suffix in CODE and TESTING.search(base_content(room, path) or b"")
    )
    if change.status == "deleted":
        yield (
            _helper(path, "removed") if not module else _violation("base-test-deleted", path, "deleted or renamed away")
        )
    elif change.new_mode == LINK:
        yield _violation("test-symlinked", path, "a test became, or is, a symbolic link")
    elif change.status == "modified":
        if change.old_mode and change.old_mode != change.new_mode:
            yield _violation("test-mode-changed", path, f"{change.old_mode} became {change.new_mode}", severity="warn")
        if not module:
            yield _helper(path, "changed")
        elif path.endswith(".py"):
            yield from _edited(path, room)
        else:
            yield from _lost_line(path, room)


def _helper(path: str, act: str) -> Violation:
    return _violation("test-helper-edited", path, f"a helper or data file of the tests was {act}", severity="warn")


def _edited(path: str, room: Room) -> Iterator[Violation]:
    known = frozenset(
        node.rpartition("::")[2].partition("[")[0]
        for result in room.baseline.values()
        for node in (*result.passed, *result.skipped, *(f.id for f in result.failures))
        if node.startswith(f"{path}::")
    )
    try:
        old, new = (outline(parse(content(room, tree, path) or b""), known) for tree in (room.base, room.head))
        yield from edits(path, old, new)
    except Unreadable as error:
        if not error.syntax:
            yield _violation("unreadable", path, f"a test module of base cannot be compared: {error}")
        yield from _lost_line(path, room)
    except (Oversized, RecursionError, MemoryError) as error:
        yield _violation("unreadable", path, f"a test module of base cannot be compared: {error}"[:300])


def _in_source(change: Change, room: Room, sides: Layout) -> Iterator[Violation]:
    is_test = sides.is_test(change.path)
    try:
        data = content(room, room.head, change.path)
        base = functools.partial(_base_module, change, room)
        found = list(new_signs(change.path, base, parse(data), is_test=is_test)) if data is not None else []
        found += _lesser_checks(change, room, sides, parse(data)) if data is not None and not is_test else []
    except UNREADABLE as error:
        harmless = isinstance(error, Unreadable) and error.syntax and not _suspicious(change, room)
        yield _violation("unreadable", change.path, str(error)[:300], severity="warn" if harmless else "block")
        return
    if any(v.rule == "new-test-skipped" for v in found):
        old = base()
        kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        named = {node.name for node in nodes(old) if isinstance(node, kinds)} if old else set()
        found = [v for v in found if v.rule != "new-test-skipped" or v.message.partition(":")[0] not in named]
    yield from found


def _lesser_checks(change: Change, room: Room, sides: Layout, new: ast.Module) -> Iterator[Violation]:
    """What a source checks on behalf of base's tests, and does no more."""
    if not CHECKING.search(base_content(room, change.path) or b""):
        return
    old = _base_module(change, room)
    tests = [path for path in room.paths(room.base) if path.endswith(".py") and sides.is_test(path)]

    def used(name: str) -> bool:
        return any(name.encode() in (base_content(room, path) or b"") for path in tests)

    if old is not None:
        yield from weakened(change.path, old, new, used)


def _base_module(change: Change, room: Room) -> ast.Module | None:
    try:
        data = content(room, room.base, moved_from(change, room) or change.path)
        return parse(data) if data is not None else None
    except UNREADABLE:
        return None


def _suspicious(change: Change, room: Room) -> bool:
    """Whether source that does not parse here adds words of the rules that it can then not be held to."""
    try:
        return any(SUSPICIOUS.search(text) for _, text in added_lines(change, room))
    except Oversized:
        return True


def _suppressions(change: Change, room: Room) -> Iterator[Violation]:
    try:
        lines = added_lines(change, room)
    except Oversized as error:
        yield _violation("unreadable", change.path, str(error), severity="warn")
        return
    for number, text in lines:
        match = SUPPRESSION.search(text[:2_000])
        if match and PurePosixPath(change.path).suffix not in (".md", ".rst", ".txt"):
            said = match[1] or match[2]
            yield _violation("suppression-added", change.path, f"adds `{said}`", number, severity="warn")


def _elsewhere(change: Change, room: Room) -> Iterator[Violation]:
    """Signs in a language that is not parsed here. What base's copy of the file does already is only a warning."""
    try:
        lines = added_lines(change, room)
    except Oversized:  # said with the suppressions
        return
    found = [(number, sign) for number, text in lines for sign in elsewhere.signs(change.path, text)]
    before = (base_content(room, change.path) or b"").decode(errors="replace").split("\n") if found else []
    usual = {sign.rule for text in before for sign in elsewhere.signs(change.path, text)}
    for number, sign in found:
        severity: Severity = "warn" if sign.rule in usual else sign.severity
        yield _violation(sign.rule, change.path, sign.text, number, severity=severity)


def _lost_line(path: str, room: Room) -> Iterator[Violation]:
    """For languages that are not parsed here, a newer Python among them: the first line of base that is gone."""
    try:
        old, new = (content(room, tree, path) or b"" for tree in (room.base, room.head))
    except Oversized as error:
        yield _violation("unreadable", path, str(error))
        return
    left = Counter(new.split(b"\n"))
    for number, line in enumerate(old.split(b"\n"), start=1):
        if left[line] == 0 and line.strip():
            yield _violation("base-test-edited", path, "lines of base are gone or changed", number)
            return
        left[line] -= 1


def _violation(rule: str, path: str, message: str, line: int = 0, *, severity: Severity = "block") -> Violation:
    return Violation(rule=rule, path=path, line=line, message=message, fix=FIXES[rule], severity=severity)
