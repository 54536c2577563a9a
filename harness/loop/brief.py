"""What a maker is told at the start of an iteration: facts as data, in sections that nothing inside can close."""

from harness.agent import instructions, section
from harness.config import SandboxTable
from harness.events import CandidateMade, DiffStat
from harness.goal import Goal
from harness.loop.mapping import repository_map
from harness.loop.run import Run
from harness.loop.surroundings import in_run, services
from harness.memory import render


def first_message(run: Run, n: int, parent: CandidateMade | None, feedback: str, handover: str = "") -> str:
    """The first user message of iteration `n`, which starts from `parent` (None: from base).

    `handover` is what an earlier conversation of the same iteration left.
    """
    files = {name: run.store.file(run.base.tree, name) for name in run.config.instructions}
    parts = [
        section("repo", _repo(run)),
        instructions({name: data for name, data in files.items() if data is not None}),
        section("memory", render(run.notes)) if run.notes else "",
        section("goal", goal_text(run.goal)),
        section("state", _state(n, run.goal.limits.iterations, parent.diff if parent else None)),
        section("feedback", feedback) if feedback else "",
        section("handover", handover) if handover else "",
    ]
    return "\n\n".join(part for part in parts if part)


def goal_text(goal: Goal) -> str:
    """The goal as maker and checker read it."""
    lines = [goal.text.strip()]
    if goal.criteria:
        lines += ["", "Acceptance criteria:", *(f"- {c.id}: {c.text}" for c in goal.criteria)]
    if goal.must_pass:
        lines += ["", "These tests have to pass:", *(f"- {node}" for node in goal.must_pass)]
    if goal.scope != ("**",):
        lines += ["", f"Only these paths may change: {', '.join(goal.scope)}"]
    if goal.may_edit_tests:
        lines += ["", f"Existing tests that may be edited: {', '.join(goal.may_edit_tests)}"]
    return "\n".join(lines)


def _repo(run: Run) -> str:
    checks = ", ".join(gate.name for gate in run.gates)
    listing = repository_map(run.store, run.base.tree)
    lines = [f"The work tree is /w, {_reach(run.config.sandbox)}. The harness will judge it with: {checks}."]
    if beside := services(run.config.sandbox):
        lines.append(f"At localhost: {', '.join(f'{each.name} on port {each.port}' for each in beside)}.")
    return "\n".join([*lines, "", "Files:", listing])


def _reach(table: SandboxTable) -> str:
    hosts = in_run(table, ())
    return f"with no network but to {', '.join(hosts)}" if hosts else "without network"


def _state(n: int, limit: int, diff: DiffStat | None) -> str:
    line = f"Iteration {n} of {limit}. "
    if diff is None:
        return line + "The work tree is the unchanged base."
    return line + (
        f"The work tree holds the best attempt so far: {diff.files} files changed,"
        f" +{diff.insertions} -{diff.deletions} against base (see: git diff HEAD)."
    )
