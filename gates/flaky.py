"""Telling a flaky test from a broken one, without a way out for the broken one."""

from collections.abc import Sequence

from gates import testing
from gates.base import Room
from gates.process import Invocation

TRIES = 2
MOST = 20
"""New failures above which nothing is tried again: that many are not chance."""


def excuse(nodes: Sequence[str], room: Room, tree: str, how: Invocation) -> list[str]:
    """Which of these new failures are flaky: they pass when run again, alone, and in the whole run as well.

    The whole run is repeated only for tests that pass alone, so that a failure which depends on the order of the
    tests is not taken for chance. A repetition that has no result excuses nothing.
    """
    if not nodes or len(nodes) > MOST:
        return []
    left, alone = list(nodes), set[str]()
    with room.open(tree) as sandbox:
        for _ in range(TRIES):
            again = testing.execute(sandbox, how, left)
            alone.update(node for node in again.passed if node in left)
            left = [node for node in left if node not in alone]
            if not left or again.status != "done":
                break
    if not alone:
        return []
    with room.open(tree) as sandbox:
        whole = testing.execute(sandbox, how)
    return [node for node in nodes if node in alone and node in whole.passed]
