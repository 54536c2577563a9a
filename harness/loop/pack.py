"""The evidence pack: all that a checker is given, and nothing that the maker said."""

from collections.abc import Iterable

import msgspec

from gates import is_test
from harness.agent import section
from harness.events import CandidateMade
from harness.loop.brief import goal_text
from harness.loop.run import Run

DIFF_CHARS = 60_000
"""What of a diff is shown; the rest can be read in the checker's copy of the tree."""

REMARKS, REMARK_CHARS = 60, 200
"""How many remarks of the gates are shown, and how much of each."""


def evidence(run: Run, candidate: CandidateMade) -> str:
    """The evidence pack: goal, what the gates found, and the diff with its tests apart."""
    iteration = run.iteration(candidate.n)
    finished = iteration.gates.values() if iteration else ()
    results = [g.result for g in finished if g.result is not None]
    lines = [f"{g.gate}: {g.status}, {len(g.new_failures)} new failures, {g.violations} flags" for g in finished]
    remarks = [f"{v.rule} at {v.path}:{v.line}: {v.message}" for r in results for v in r.violations]
    remarks += [note for r in results for note in r.notes]
    changes = run.store.changes(run.base.tree, candidate.tree)
    tests = {c.path for c in changes if is_test(c.path)}
    parts = {
        "goal": goal_text(run.goal),
        "evidence": "\n".join(lines),
        "remarks": "\n".join(_quoted(remark) for remark in remarks[:REMARKS]),
        "diff": _diff(run, candidate, (c.path for c in changes if c.path not in tests)),
        "test_diff": _diff(run, candidate, tests),
        "earlier_objections": "\n".join(map(_quoted, earlier(run, candidate.n))),
    }
    return "\n\n".join(section(name, text) for name, text in parts.items() if text)


def earlier(run: Run, n: int) -> list[str]:
    """What the verdict before objected to: a second round says whether that is cured, and does not begin anew."""
    verdicts = [verdict for it in run.state.iterations if it.n < n for verdict in it.verdicts]
    if not verdicts:
        return []
    last = verdicts[-1]
    unmet = [f"criterion {c.id}: {c.evidence}" for c in last.criteria if c.state == "not_met"]
    return [last.summary, *(f"{f.path}:{f.line} {f.claim}" for f in last.findings), *unmet]


def _quoted(remark: str) -> str:
    """A remark names paths and tests, and the maker chose those names: they are shown as data, and no longer."""
    return msgspec.json.encode(remark[:REMARK_CHARS]).decode()


def _diff(run: Run, candidate: CandidateMade, paths: Iterable[str]) -> str:
    """The change of some paths only: base with these paths taken from the candidate, against base."""
    there = set(run.store.paths(candidate.tree))
    take = {path: candidate.tree if path in there else None for path in paths}
    if not take:
        return ""
    text = run.store.diff(run.base.tree, run.store.compose(run.base.tree, take))
    if len(text) <= DIFF_CHARS:
        return text
    return text[:DIFF_CHARS] + f"\n... {len(text) - DIFF_CHARS} characters more; read the files in /w\n"
