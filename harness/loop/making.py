"""Making a candidate: one iteration's maker, in a sandbox whose work tree outlives a crash of the harness."""

from collections.abc import Generator
from functools import partial

from gates import instant
from harness.agent import Ending, maker_tools
from harness.events import CandidateMade, CheckpointMade, DiffStat, Event, IterationStarted, Notice, SandboxClosed
from harness.exits import BLOCKED, UNPROVEN
from harness.loop.asking import tools_of
from harness.loop.brief import first_message
from harness.loop.closing import TREE_REFUSED
from harness.loop.endings import Ended, Parked
from harness.loop.exchange import begin, begun, put, take
from harness.loop.exploring import explore
from harness.loop.handover import handover, summed, turns_of
from harness.loop.limits import error_rate, foreign_tools, repeats, runaway
from harness.loop.routing import profiles
from harness.loop.run import Run
from harness.loop.talk import OVER, converse, numbered, turn_limits
from harness.models import ModelError, OverBudget
from harness.repo import Rejected
from sandboxes.base import Sandbox, SandboxGone

CONVERSATIONS = 8
"""How many conversations one iteration may take: a maker that fills so many is not getting there."""
LIVES = 3
"""How often a maker's container may die under it before the run gives up."""


def make(run: Run, n: int) -> Generator[Event, None, Ended | None]:
    """Bring iteration `n` to its candidate. Returns what ended the run meanwhile, after salvaging the work tree.

    Raises `Parked`, after salvaging it too.
    """
    if (known := run.iteration(n)) and known.candidate and known.ending not in ("", *OVER):
        return stop_of(known.ending, known.detail, known.value, known.limit)
    if not known:
        best, model = run.state.best, profiles(run, "maker", n)[0].name
        yield IterationStarted(n=n, parent=best.commit if best else run.base.commit, model=model)
        run.words += run.later
        run.later.clear()
    for life in range(1, LIVES + 1):
        try:
            return (yield from _live(run, n))
        except SandboxGone as gone:
            if life == LIVES:
                return run.ended_by(gone)
            yield Notice(what="the maker's container died; another takes its place", why=str(gone))
    raise AssertionError("unreachable")


def stop_of(ending: str, detail: str, value: int, limit: int) -> Ended | None:
    """What the way a conversation ended means for the run; None when the gates shall decide."""
    match ending:
        case "blocked":
            return Ended("blocked", detail, BLOCKED, "change the goal or its scope, then run again")
        case "refused":
            return Ended("refused", detail or "the model refused", UNPROVEN, "rephrase the goal, or use another model")
        case "stuck":
            return repeats(detail, value, limit)
        case "error_rate":
            return error_rate(value, limit)
        case "runaway":
            return runaway(detail, value, limit)
        case "scope":
            return foreign_tools(detail, value, limit)
        case _:
            return None


def _live(run: Run, n: int) -> Generator[Event, None, Ended | None]:
    """The maker in one container: opened on the iteration's named work tree, or on what a crash left of it."""
    workspace = f"maker-{n}"
    sandbox = yield from run.sandbox("maker", workspace)
    run.cancel.busy.add(sandbox.interrupt)
    try:
        iteration = run.iteration(n)
        parent = (iteration.candidate if iteration else None) or run.state.best
        kept = bool(iteration and iteration.conversations) and begun(sandbox)
        if not kept:
            put(sandbox, run.store, parent.commit if parent else run.base.commit, run.base.commit)
            begin(sandbox)
        stop: Ended | None = None
        park: Parked | None = None
        try:
            ending = yield from _talks(run, n, sandbox, parent, anew=not kept)
            stop = stop_of(ending.kind, ending.text, ending.value, ending.limit)
        except (OverBudget, ModelError) as error:
            stop = run.ended_by(error)
        except Ended as cause:
            stop = cause
        except Parked as question:
            park = question
        run.cancel.busy.discard(sandbox.interrupt)  # whatever comes now, finished work is taken out first
        yield from _salvage(run, n, sandbox)
    finally:
        run.cancel.busy.discard(sandbox.interrupt)
        sandbox.close()
    yield SandboxClosed(sandbox=sandbox.id)
    if park:
        raise park
    return stop


def _talks(
    run: Run, n: int, sandbox: Sandbox, parent: CandidateMade | None, *, anew: bool
) -> Generator[Event, None, Ending]:
    """The iteration's conversations in one work tree: the next one goes on where one has grown too long."""
    tools = maker_tools(
        sandbox,
        run.clean,
        timeout=run.config.sandbox.command_timeout,
        remark=partial(instant.remark, run.gates),
        explore=partial(explore, run, n, sandbox),
        only=tools_of(run),
    )
    while True:
        fresh = anew or _over(run, n)
        summary = (yield from summed(run, n)) if fresh else ""
        before = turns_of(run, n)
        left = max(1, run.goal.limits.turns - turns_of(run, n, over=True))
        ending = yield from converse(
            run,
            "maker",
            f"maker.{n}",
            partial(_first, run, n, parent, anew, summary),
            tools,
            n=n,
            limits=turn_limits(run, left),
            anew=anew,
        )
        anew = False
        if ending.kind not in ("handover", "context"):
            return ending
        used, talks = turns_of(run, n), len(numbered(run, f"maker.{n}"))
        if used >= run.goal.limits.turns or talks >= CONVERSATIONS or used == before:
            return ending  # what stands in the work tree is judged


def _over(run: Run, n: int) -> bool:
    """Whether the iteration's next conversation is another one than its last."""
    talks = numbered(run, f"maker.{n}")
    last = run.state.conversations[talks[-1]].ended if talks else None
    return last is not None and last.ending in OVER


def _first(run: Run, n: int, parent: CandidateMade | None, lost: bool, summary: str) -> str:
    return first_message(run, n, parent, _feedback(run, n), handover(run, n, lost=lost, summary=summary))


def _salvage(run: Run, n: int, sandbox: Sandbox) -> Generator[Event, None, None]:
    """Whatever ended the conversation, what stands in the work tree becomes a candidate."""
    base = run.base
    try:
        received = take(sandbox, run.store, base.commit)
    except Rejected as rejected:
        yield Notice(
            what=TREE_REFUSED,
            why=f"{rejected.rule}: {rejected.path} {rejected.why} {rejected.fix}".strip(),
            fix="the next iteration starts from the best candidate so far",
        )
        return
    held = run.store.checkpoint(run.id, received.tree, base.commit)
    yield CheckpointMade(checkpoint=held, iteration=n, tree=received.tree)
    stat = run.store.stat(base.tree, received.tree)
    commit = run.store.commit(received.tree, base.commit, f"Candidate {n} of run {run.id}")
    run.store.keep(run.id, n, commit)
    yield CandidateMade(
        n=n,
        commit=commit,
        tree=received.tree,
        parent=base.commit,
        diff=DiffStat(files=stat.files, insertions=stat.insertions, deletions=stat.deletions),
        paths=tuple(change.path for change in run.store.changes(base.tree, received.tree))[:200],
    )


def _feedback(run: Run, n: int) -> str:
    before = run.iteration(n - 1)
    forked = run.state.forked
    if forked and forked.note and n == forked.iteration + 1:
        told = f"A person says: {forked.note}"
        return f"{told}\n\n{before.finished.feedback}" if before and before.finished else told
    return before.finished.feedback if before and before.finished else ""
