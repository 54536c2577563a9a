"""The tests that a candidate brings or changes, run on its own tree."""

from collections.abc import Iterator

import msgspec

from gates import testing
from gates.base import Failure, Room
from gates.process import Invocation, TestRun
from gates.trees import Layout


def own_tests(room: Room, sides: Layout, how: Invocation, tree: str) -> TestRun:
    """Run the changed and added test modules of `tree`, or all tests when the change touches helpers of theirs.

    Which of the changed files are tests is what a collection by base's configuration says. Its ids must agree with
    the results: an id without a result is a failure, a result without an id is not counted. The answer is kept in
    the room: the gate `proof` needs the same.
    """
    key = f"own {tree} {how.config} {how.extra}"
    known = room.shared.get(key)
    if not isinstance(known, TestRun):
        room.shared[key] = known = _run(room, sides, how, tree)
    return known


def changed_tests(room: Room, sides: Layout) -> frozenset[str]:
    """The paths of the tests' side that the candidate has and base has not so."""
    return frozenset(c.path for c in room.diff.changes if c.status != "deleted" and sides.is_test(c.path))


def _run(room: Room, sides: Layout, how: Invocation, tree: str) -> TestRun:
    changed = changed_tests(room, sides)
    everything = bool(how.extra) or not all(sides.is_module(path) for path in changed)
    with room.open(tree) as sandbox:
        found = testing.collect(sandbox, how)
        if found.status != "done":
            return found
        present = {_file(node) for node in (*(found.collected or ()), *found.broken)}
        files = sorted(changed & present)
        if not files and not everything:
            return TestRun(status="empty")
    with room.open(tree) as sandbox:  # another one: loading the tests was enough to leave something in the first
        done = testing.execute(sandbox, how, () if everything else files)
    if done.status not in ("done", "empty"):
        return done
    traits = tuple(dict.fromkeys((*found.traits, *done.traits)))
    expected = frozenset(n for n in found.collected or () if everything or _file(n) in changed)
    return msgspec.structs.replace(
        done,
        status="done",
        traits=traits,
        passed=tuple(node for node in done.passed if node in expected),
        failures=(*done.failures, *silent(done, expected)),
        collected=tuple(sorted(expected)),
    )


def silent(done: TestRun, expected: frozenset[str]) -> Iterator[Failure]:
    """Ids without a result. Where results under other parameters stand in their place, the ids are not stable."""
    others = {node.partition("[")[0] for node in done.ids - expected}
    for node in sorted(expected - done.ids):
        if _file(node) not in done.broken and node.partition("[")[0] not in others:
            yield Failure(id=node, message="was collected, but has no result", path=_file(node))


def _file(node: str) -> str:
    return node.partition("::")[0]
