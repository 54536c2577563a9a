"""Coverage of the change: which of the candidate's lines the tests execute.

Nothing traces: the statements that the change touched say themselves when they run, and the rest of the program is
as fast as ever. Only this process is seen, not what the tests start; and a line without a statement of its own
(`else:`, a comment, a docstring) is not counted.
"""

import ast
import itertools
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from gates.base import Change, Failure, Gate, Room
from gates.contents import Oversized, added_lines, content
from gates.source import Unreadable, parse
from gates.trees import Layout

SHOWN = 8
"""Places that a note names."""


class Coverage(msgspec.Struct, frozen=True):
    """How much of a change was executed."""

    lines: int = 0
    """Changed lines that could be."""
    missed: Mapping[str, tuple[int, ...]] = {}

    @property
    def executed(self) -> int:
        return self.lines - sum(map(len, self.missed.values()))

    @property
    def percent(self) -> int:
        """Rounded down: 100 means all."""
        return self.executed * 100 // self.lines if self.lines else 100

    def note(self) -> str:
        """In a line, with the places that were missed."""
        places = [f"{path}:{span}" for path, lines in self.missed.items() for span in _spans(lines)]
        more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
        left = f"; not executed: {', '.join(places[:SHOWN])}{more}" if places else ""
        return f"coverage of the change: {self.executed} of {self.lines} lines ({self.percent} %){left}"


Statements = Mapping[str, Mapping[int, tuple[int, ...]]]
"""By path and first line of a statement: which changed lines are its own."""


def statements(room: Room, sides: Layout) -> Statements:
    """The statements that the candidate changed in its Python sources, tests apart."""
    sources = (c for c in room.diff.changes if c.path.endswith(".py") and c.status != "deleted")
    found = {change.path: _of(change, room) for change in sources if not sides.is_test(change.path)}
    return {path: lines for path, lines in found.items() if lines}


def probes(changed: Statements) -> dict[str, tuple[int, ...]]:
    """The first lines of the statements, as the witness wants them."""
    return {path: tuple(sorted(lines)) for path, lines in changed.items()}


def measure(changed: Statements, ran: frozenset[tuple[str, int]]) -> Coverage:
    """What of the change was executed, by the statements that said so."""
    missed = {
        path: tuple(sorted(line for first, own in lines.items() if (path, first) not in ran for line in own))
        for path, lines in changed.items()
    }
    total = sum(len(own) for lines in changed.values() for own in lines.values())
    return Coverage(total, {path: lines for path, lines in missed.items() if lines})


def shortfall(gate: Gate, coverage: Coverage) -> tuple[Failure, ...]:
    """A failure when the gate wants more than was executed."""
    if not coverage.lines or coverage.percent >= gate.coverage:
        return ()
    path, lines = next(iter(coverage.missed.items()))
    return (
        Failure(
            id=f"coverage of the change below {gate.coverage} %",
            message=f"{coverage.note()}; wanted: {gate.coverage} %",
            path=path,
            line=lines[0],
        ),
    )


def own_lines(tree: ast.Module) -> Iterator[tuple[int, range]]:
    """Each statement's first line, and the lines that are its own: of a compound one its head alone."""
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            body = getattr(node, field, None)
            for statement in body if isinstance(body, list) else ():
                if not _silent(statement):
                    inner = getattr(statement, "body", None)
                    last = _first(inner[0]) - 1 if inner else statement.end_lineno or statement.lineno
                    yield statement.lineno, range(_first(statement), max(last, statement.lineno) + 1)


def _of(change: Change, room: Room) -> dict[int, tuple[int, ...]]:
    try:
        tree = parse(content(room, room.head, change.path) or b"")
        changed = {number for number, _ in added_lines(change, room)}
    except (Unreadable, Oversized, RecursionError):
        return {}
    found: dict[int, tuple[int, ...]] = {}
    taken: set[int] = set()
    for first, lines in own_lines(tree):
        own = tuple(line for line in lines if line in changed and line not in taken)
        if own:
            found[first] = (*found.get(first, ()), *own)
            taken.update(own)
    return found


def _first(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", ())
    return min([node.lineno, *(int(decorator.lineno) for decorator in decorators)])


def _silent(node: ast.stmt) -> bool:
    """Whether the statement does nothing when it runs, or cannot have another before it."""
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Global() | ast.Nonlocal() | ast.ImportFrom(module="__future__"):
            return True
    return False


def _spans(lines: Iterable[int]) -> Iterator[str]:
    for _, group in itertools.groupby(enumerate(lines), lambda pair: pair[1] - pair[0]):
        span = [line for _, line in group]
        yield str(span[0]) if len(span) == 1 else f"{span[0]}-{span[-1]}"
