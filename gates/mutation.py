"""Trying the tests on mutants of the change: one that no test notices is a line that no test checks."""

import time

import msgspec

from gates import coverage, testing, trees
from gates.base import Failure, Room
from gates.contents import Oversized, added_lines, content
from gates.mutants import Mutant, mutants
from gates.process import Invocation
from gates.source import Unreadable, parse
from gates.trees import Layout
from sandboxes.base import FileRefused, Sandbox

MOST = 40
"""Mutants that are tried; of more, every so manieth."""
LONGEST = 3.0
"""A mutant may take so many times what the tests take without it, and a moment: then it hangs, and is noticed."""
MOMENT = 5.0


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the mutants."""

    made: int = 0
    killed: int = 0
    survivors: tuple[Mutant, ...] = ()
    untried: int = 0
    """For lack of time."""
    why: str = ""
    """Why none was tried."""

    @property
    def summary(self) -> str:
        """In a line."""
        if self.why or not self.made:
            return self.why or "no mutants of the changed lines"
        left = f", {self.untried} not tried for lack of time" if self.untried else ""
        return f"{self.killed} of {self.made} mutants killed{left}"

    def failures(self) -> tuple[Failure, ...]:
        """One a survivor."""
        return tuple(
            Failure(
                id=mutant.id,
                message=f"no test notices {mutant.what}; check what this line does",
                path=mutant.path,
                line=mutant.line,
            )
            for mutant in {mutant.id: mutant for mutant in self.survivors}.values()
        )


def survey(room: Room, sides: Layout, how: Invocation) -> Survey:
    """Try the candidate's own tests on mutants of its changed lines, in one sandbox. Raises `SandboxGone`."""
    chosen = _chosen(room, sides)
    if not chosen:
        return Survey()
    changed = coverage.statements(room, sides)
    with room.open(trees.exact(room, sides)) as sandbox:
        whole = testing.execute(sandbox, msgspec.structs.replace(how, probes=coverage.probes(changed)))
        if whole.status != "done":
            return Survey(why=f"no mutants were tried: {whole.why or whole.status}")
        missed = coverage.measure(changed, whole.ran).missed
        old = frozenset(failure.id for failure in whole.failures)
        killed, survivors, untried = 0, [], 0
        for mutant in chosen:
            if time.monotonic() > how.deadline:
                untried += 1
            elif mutant.line in missed.get(mutant.path, ()) or not _noticed(
                sandbox, mutant, room, how, old, whole.micros
            ):
                survivors.append(mutant)
            else:
                killed += 1
    return Survey(made=len(chosen), killed=killed, survivors=tuple(survivors), untried=untried)


def _noticed(sandbox: Sandbox, mutant: Mutant, room: Room, how: Invocation, old: frozenset[str], micros: int) -> bool:
    """Whether a test that passes without the mutant fails with it. A run that breaks or hangs has noticed as well."""
    place = f"{room.root}/{mutant.path}"
    deadline = min(how.deadline, time.monotonic() + LONGEST * micros / 1e6 + MOMENT)
    quick = msgspec.structs.replace(how, deadline=deadline, probes={})
    try:
        sandbox.write(place, mutant.source)
        run = testing.execute(sandbox, quick, (f"--maxfail={len(old) + 1}",))
        sandbox.write(place, content(room, room.head, mutant.path) or b"")
    except (FileRefused, Oversized):
        return True
    return run.status != "done" or any(failure.id not in old for failure in run.failures)


def _chosen(room: Room, sides: Layout) -> list[Mutant]:
    found: list[Mutant] = []
    for change in room.diff.changes:
        if change.status == "deleted" or not change.path.endswith(".py") or sides.is_test(change.path):
            continue
        try:
            data = content(room, room.head, change.path) or b""
            lines = frozenset(number for number, _ in added_lines(change, room))
            found += mutants(change.path, data, parse(data), lines)
        except (Unreadable, Oversized, RecursionError):
            continue
    step = max(1, -(-len(found) // MOST))
    return found[::step]
