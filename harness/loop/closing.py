"""What closes an iteration and a run: score and feedback, the branch, the notes, the outcome."""

from collections.abc import Generator

import gates
from gates import GateResult
from harness.events import (
    BranchIntended,
    BranchMade,
    BreakerTripped,
    CandidateMade,
    Event,
    IterationFinished,
    RunFinished,
    VerdictGiven,
)
from harness.exits import ENVIRONMENT
from harness.goal import MICRO
from harness.loop.checker import objections
from harness.loop.endings import Ended
from harness.loop.remember import remember
from harness.loop.run import Run
from harness.loop.standing import is_green, kept
from harness.repo import BranchExists, RepoError, free_branch, publish

FINAL = 0
"""The number under which the store keeps the commit that becomes the branch."""

NOTHING_CHANGED = (
    "Your last conversation left the work tree unchanged. Saying that it is done is no evidence: make the change,"
    " or call `blocked` and say why it cannot be made."
)
SEEN_BEFORE = "Your last attempt is a tree that was judged before, with the same result. Try another way.\n\n"
WORSE = "Your last attempt was worse than an earlier one, so the work tree is back at that one. The last attempt:\n\n"
TREE_REFUSED = "the maker's work tree was refused"
"""The notice of an iteration that leaves no candidate."""
REFUSED = "Your last work tree was refused before any gate saw it: "


def finished(run: Run, n: int) -> IterationFinished:
    """Close iteration `n`: how good its candidate is, and what the next maker is told."""
    it = run.iteration(n)
    if it is None:
        raise AssertionError(f"iteration {n} was never started")
    results: list[GateResult] = [g.result for g in it.gates.values() if g.result is not None]
    green = is_green(run, n)
    verdict = it.verdicts[-1] if it.verdicts else None
    accepted = green and verdict is not None and verdict.decision == "accept"
    lines = it.candidate.diff.insertions + it.candidate.diff.deletions if it.candidate else 0
    score = gates.score(results, run.state.baseline, run.rules.must_pass, lines) if results else ()
    return IterationFinished(
        n=n,
        ending=it.ending,
        green=green,
        accepted=accepted,
        score=score,
        fingerprint="" if green or not results else gates.fingerprint(results, run.state.baseline),
        feedback="" if accepted else _feedback(run, n, results, green, verdict, score),
    )


def _feedback(
    run: Run, n: int, results: list[GateResult], green: bool, verdict: VerdictGiven | None, score: tuple[int, ...]
) -> str:
    it = run.iteration(n)
    candidate = it.candidate if it else None
    if candidate is None:
        whys = [notice.why for notice in run.state.notices if notice.what == TREE_REFUSED]
        return REFUSED + (whys[-1] if whys else "")
    if candidate.tree == run.base.tree:
        return NOTHING_CHANGED
    if not results:
        same = [o for o in run.state.iterations if o.n < n and o.candidate and o.candidate.tree == candidate.tree]
        return SEEN_BEFORE + (same[0].finished.feedback if same and same[0].finished else "")
    text = objections(verdict) if green and verdict else gates.feedback(results, run.state.baseline)
    others = [o.finished.score for o in run.state.iterations if o.n < n and o.finished and o.finished.score]
    return (WORSE if others and max(others) > score else "") + text


def finish(run: Run, ended: Ended) -> Generator[Event, None, None]:
    """End the run: trip, learn, make the branch when there is a proof, and say how it ended."""
    run.cancel.close()
    best = kept(run)
    if ended.tripped:
        name, value, limit, unit = ended.tripped
        yield BreakerTripped(name=name, value=value, limit=limit, unit=unit)
    branch = None
    if ended.outcome == "succeeded" and best:
        try:
            branch = yield from _branch(run, best)
        except (RepoError, OSError) as error:
            what = f"proven, but the branch could not be made: {error}"
            fix = getattr(error, "fix", "") or "mend that"
            ended = Ended("failed", what, ENVIRONMENT, f"{fix}; then: loopwright resume RUN")
    yield from remember(run, ended)
    yield RunFinished(
        outcome=ended.outcome,
        reason=ended.reason,
        exit_code=ended.exit_code,
        next_step=f"git log -p {branch}" if branch else ended.next_step.replace("RUN", run.id),
        best=best.commit if best else None,
        branch=branch,
    )


def _branch(run: Run, best: CandidateMade) -> Generator[Event, None, str]:
    """The one effect on the user's repository: intent, effect, result; once, whatever is killed in between."""
    intended = run.state.branch_intended
    while True:
        if intended is None:
            commit = run.store.commit(
                best.tree,
                run.base.commit,
                message(run, best.n),
                date=run.state.touched // MICRO,
                trailers=(
                    ("Loopwright-Run", run.id),
                    ("Loopwright-Audit", f"{run.state.seq}:{run.state.head}"),
                ),
            )
            run.store.keep(run.id, FINAL, commit)
            branch = free_branch(run.repository, run.branch)
            intended = BranchIntended(branch=branch, tree=best.tree, commit=commit)
            yield intended
        try:
            publish(run.repository, run.store, intended.commit, intended.branch)
        except BranchExists:  # somebody took the name since: the next free one will do
            intended = None
            continue
        if run.state.branch_made is None:
            yield BranchMade(branch=intended.branch, tree=intended.tree, commit=intended.commit)
        return intended.branch


def message(run: Run, n: int) -> str:
    """The commit message: the goal, quoted, and the evidence of iteration `n`."""
    title = run.goal.text.strip().splitlines()[0]
    it = run.iteration(n)
    lines = [title if len(title) <= 72 else title[:71] + "…", ""]
    if run.goal.text.strip() != title:
        # indented: a line of the goal can then be no trailer and no divider
        lines += [*(f"    {line}".rstrip() for line in run.goal.text.strip().splitlines()), ""]
    lines += ["Evidence, made by the harness in a clean room:"]
    lines += [f"- {gate.gate}: {gate.summary}" for gate in (it.gates.values() if it else ())]
    if it and it.verdicts:
        lines += [f"- checker ({it.verdicts[-1].model}): {it.verdicts[-1].decision}"]
    return "\n".join(lines)
