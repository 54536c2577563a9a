"""Telling a flaky test from a broken one, without a way out for the broken one."""

from collections.abc import Sequence

from gates import testing
from gates.base import Room
from gates.process import Invocation

TRIES = 3
"""How often a new failure is run again, on the candidate and then on base."""
MOST = 20
"""New failures above which nothing is tried again but what is known to be flaky: that many are not chance."""


def excuse(nodes: Sequence[str], room: Room, tree: str, how: Invocation) -> list[str]:
    """Which of these new failures are flaky. One result of each kind on the same tree is what makes a test so.

    On the candidate: it passes when it is run again, alone, and in the whole run as well, so that a failure which
    depends on the order of the tests is not taken for chance. On base, for what fails on the candidate each time:
    it passed there once, and now fails there. A repetition that has no result excuses nothing.
    """
    tried = list(nodes) if len(nodes) <= MOST else [node for node in nodes if room.flaky(node)][:MOST]
    if not tried:
        return []
    steady = _again(tried, room, tree, how, until="passed")
    alone = [node for node in tried if node not in steady]
    found = set(_again(steady, room, room.base, how, until="failed", left=False)) if steady else set()
    if alone:
        with room.open(tree) as sandbox:
            whole = testing.execute(sandbox, how)
        found.update(node for node in alone if node in whole.passed)
    return [node for node in tried if node in found]


def _again(nodes: Sequence[str], room: Room, tree: str, how: Invocation, *, until: str, left: bool = True) -> list[str]:
    """Run these tests up to `TRIES` times: those that never came out like `until`, or those that once did."""
    waiting = list(nodes)
    with room.open(tree) as sandbox:
        for _ in range(TRIES):
            run = testing.execute(sandbox, how, waiting)
            seen = run.passed if until == "passed" else [failure.id for failure in run.failures]
            waiting = [node for node in waiting if node not in seen]
            if not waiting or run.status != "done":
                break
    return waiting if left else [node for node in nodes if node not in waiting]
