"""A room as the gate of one project sees it: the project's directory is its root.

What it is asked for lies beneath that directory, and what it finds is told by the repository's own paths again.
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from gates.base import Change, Diff, Failure, Gate, GateResult, Room
from gates.globs import matches
from gates.naming import REQUIRED
from sandboxes.base import WORKSPACE

ROOTED = ("pytest", "proof")
"""Kinds that work at a root of their own. Commands and linters run in the directory, or on it, from the outside."""

SAID = ("flaky: ", "proves: ", "proves nothing: ", "cannot run at base: ")
"""Notes that end in a test's id."""


def inner(gate: Gate, room: Room) -> Room:
    """The room of the project's own directory."""
    prefix = f"{gate.project}/"

    def take(onto: str, paths: Mapping[str, str | None]) -> str:
        return room.compose(onto, {prefix + path: tree for path, tree in paths.items()})

    def below(tree: str) -> tuple[str, ...]:
        return tuple(_cut(path, prefix) for path in room.paths(tree) if path.startswith(prefix))

    changes = [change for change in room.diff.changes if change.path.startswith(prefix)]
    near = {change.path for change in changes}
    rules = room.rules
    return msgspec.structs.replace(
        room,
        diff=Diff(changes=tuple(_moved(change, prefix) for change in changes), text=room.diff.text),
        rules=msgspec.structs.replace(
            rules,
            protected=_named(prefix, (p for p in near if matches(p, rules.protected, anywhere=True))),
            may_edit_tests=_named(prefix, (p for p in near if matches(p, rules.may_edit_tests))),
            must_pass=tuple(_cut(test, prefix) for test in rules.must_pass),
        ),
        file=lambda tree, path: room.file(tree, prefix + path),
        link=None if room.link is None else _below(room.link, prefix),
        paths=below,
        compose=take,
        baseline={
            name: told(result, prefix, inward=True)
            for name, result in room.baseline.items()
            if name.startswith(f"{gate.project}:")
        },
        first={name: tuple(_cut(test, prefix) for test in tests) for name, tests in room.first.items()},
        flaky=lambda node: room.flaky(prefix + node),
        shared=room.shared.setdefault(f"project {gate.project}", {}),
        root=f"{WORKSPACE}/{gate.project}",
    )


def told(result: GateResult, prefix: str, *, inward: bool = False) -> GateResult:
    """A result with its ids and paths moved out of the project's directory, or into it."""

    def node(text: str) -> str:
        mark = REQUIRED if text.startswith(REQUIRED) else ""
        rest = text.removeprefix(mark)
        return mark + (_cut(rest, prefix) if inward else prefix + rest)

    def note(text: str) -> str:
        mark = next((said for said in SAID if text.startswith(said)), None)
        return text if mark is None else mark + node(text.removeprefix(mark))

    def path(text: str) -> str:
        return (_cut(text, prefix) if inward else prefix + text) if text else ""

    def failure(one: Failure) -> Failure:
        return msgspec.structs.replace(one, id=node(one.id), path=path(one.path))

    return msgspec.structs.replace(
        result,
        failures=tuple(map(failure, result.failures)),
        violations=tuple(msgspec.structs.replace(v, path=path(v.path)) for v in result.violations),
        passed=tuple(map(node, result.passed)),
        skipped=tuple(map(node, result.skipped)),
        flaky=tuple(map(node, result.flaky)),
        notes=tuple(map(note, result.notes)),
    )


def _below(link: Callable[[str, str], str | None], prefix: str) -> Callable[[str, str], str | None]:
    return lambda tree, path: link(tree, prefix + path)


def _moved(change: Change, prefix: str) -> Change:
    return msgspec.structs.replace(change, path=_cut(change.path, prefix))


def _named(prefix: str, chosen: Iterable[str]) -> tuple[str, ...]:
    """Globs say what they say of the repository's paths: here those that they mean are named one by one."""
    return tuple(sorted(f"/{_cut(path, prefix)}" for path in chosen))


def _cut(path: str, prefix: str) -> str:
    return path.removeprefix(prefix)
