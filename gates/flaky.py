"""Telling a flaky test from a broken one, without a way out for the broken one."""

from collections.abc import Sequence

from gates import testing
from gates.base import Room
from gates.process import Invocation, TestRun

TRIES, AT_BASE = 3, 2
"""How often a new failure is run again, on the candidate and on base, where the baseline was the first time."""
MOST = 20
"""New failures above which nothing is tried again but what is known to be flaky: that many are not chance."""


def excuse(nodes: Sequence[str], room: Room, tree: str, how: Invocation) -> list[str]:
    """Which of these new failures are flaky. Results of both kinds, of the same run on the same tree, make a test so.

    On the candidate: it passes when it is run again, alone, and in the whole run as well, so that a failure which
    depends on the order of the tests is not taken for chance. On base, for what fails on the candidate each time:
    alone it passes and fails, or it fails in the whole run, in which it passed before. A repetition that has no
    result excuses nothing.
    """
    tried = list(nodes) if len(nodes) <= MOST else [node for node in nodes if room.flaky(node)][:MOST]
    if not tried:
        return []
    on_candidate = _again(tried, room, tree, how, TRIES, enough="passed")
    alone = [node for node in tried if "passed" in on_candidate[node]]
    whole = _whole(room, tree, how).passed if alone else ()
    found = {node for node in alone if node in whole}
    steady = [node for node in tried if on_candidate[node] == {"failed"}]
    if steady:
        at_base = _again(steady, room, room.base, how, AT_BASE)
        found.update(node for node in steady if len(at_base[node]) == 2)
        if ordered := [node for node in steady if at_base[node] == {"failed"}]:
            failed = {failure.id for failure in _whole(room, room.base, how).failures}
            found.update(node for node in ordered if node in failed)
    return [node for node in tried if node in found]


def unsteady(nodes: Sequence[str], room: Room, how: Invocation) -> list[str]:
    """Which failures of base are chance: they pass when they are run again, alone, and in the whole run as well. As
    failures of base they would excuse whatever a candidate does to them."""
    tried = list(nodes) if len(nodes) <= MOST else [node for node in nodes if room.flaky(node)][:MOST]
    seen = _again(tried, room, room.base, how, AT_BASE, enough="passed") if tried else {}
    alone = [node for node in tried if "passed" in seen[node]]
    whole = _whole(room, room.base, how).passed if alone else ()
    return [node for node in alone if node in whole]


def _again(
    nodes: Sequence[str], room: Room, tree: str, how: Invocation, times: int, *, enough: str = ""
) -> dict[str, set[str]]:
    """How these tests come out when they are run again without the others, so many times at most. A test that came
    out like `enough` is left alone."""
    seen: dict[str, set[str]] = {node: set() for node in nodes}
    with room.open(tree) as sandbox:
        for _ in range(times):
            waiting = [node for node in nodes if enough not in seen[node]]
            run = testing.execute(sandbox, how, waiting) if waiting else None
            if run is None or run.status != "done":
                break
            failed = {failure.id for failure in run.failures}
            for node in waiting:
                if node in failed or node in run.passed:
                    seen[node].add("failed" if node in failed else "passed")
    return seen


def _whole(room: Room, tree: str, how: Invocation) -> TestRun:
    """All tests once more, in a room of their own."""
    with room.open(tree) as sandbox:
        return testing.execute(sandbox, how)
