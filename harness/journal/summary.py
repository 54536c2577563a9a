"""A run in one row of a list: a fold that the store keeps beside the run, brought up to date with each append."""

import msgspec

from harness.events import (
    BranchMade,
    CandidateMade,
    DiffStat,
    Event,
    GateFinished,
    IterationFinished,
    IterationStarted,
    Outcome,
    QuestionAsked,
    RunClaimed,
    RunCreated,
    RunFinished,
)
from harness.journal.base import Record
from harness.journal.cost import Accounts, Meter
from harness.journal.people import still_open
from harness.journal.phase import Phase, after

GOAL_WIDTH = 120
"""Characters of the goal's first line that a list keeps."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What `ls` shows of a run. Times are microseconds since 1970, money is micro-dollars."""

    run: str
    goal: str = ""
    """The first line of its text."""
    source: str = ""
    repo: str = ""
    repo_id: str = ""
    phase: Phase = "created"
    rests_in: Phase | None = None
    questions: tuple[QuestionAsked, ...] = ()
    """What it asks of people, the oldest first."""
    outcome: Outcome | None = None
    reason: str = ""
    exit_code: int | None = None
    iterations: int = 0
    """Started so far."""
    max_iterations: int = 0
    green: bool | None = None
    """Whether the last candidate's gates are; None before they have all spoken."""
    red: tuple[str, ...] = ()
    """The gates that are not."""
    accounts: Accounts = Accounts()
    limit: int = 0
    created: int = 0
    ended: int = 0
    owner: str = ""
    epoch: int = 0
    branch: str | None = None
    """The branch that was made."""
    diff: DiffStat | None = None
    """Of the best candidate so far."""
    score: tuple[int, ...] = ()
    latest: DiffStat | None = None

    @property
    def cost(self) -> int:
        return self.accounts.cost


def advance(summary: Summary, record: Record) -> Summary:
    """The summary after one more record; the very same object when nothing in it changes."""
    event = record.event
    changes: dict[str, object] = _changes(summary, event)
    phase, rests_in = after(summary.phase, summary.rests_in, event)
    if (phase, rests_in) != (summary.phase, summary.rests_in):
        changes |= {"phase": phase, "rests_in": rests_in}
    if (questions := still_open(summary.questions, event)) is not summary.questions:
        changes["questions"] = questions
    match event:
        case RunCreated():
            changes["created"] = record.ts
        case RunClaimed():
            changes["epoch"] = record.epoch
        case RunFinished():
            changes["ended"] = record.ts
        case _:
            meter = Meter(summary.accounts)
            if meter.add(event):
                changes["accounts"] = meter.accounts()
    return msgspec.structs.replace(summary, **changes) if changes else summary


def _changes(summary: Summary, event: Event) -> dict[str, object]:
    match event:
        case RunCreated(goal=goal):
            first = (goal.text.strip().splitlines() or [""])[0]
            return {
                "goal": first if len(first) <= GOAL_WIDTH else first[: GOAL_WIDTH - 1] + "…",
                "source": goal.source,
                "repo": event.repo,
                "repo_id": event.repo_id,
                "max_iterations": goal.limits.iterations,
                "limit": goal.limits.micro_usd,
            }
        case RunClaimed():
            raised = event.limits
            limits = {"max_iterations": raised.iterations, "limit": raised.micro_usd} if raised else {}
            again = {"outcome": None, "reason": "", "exit_code": None, "ended": 0} if summary.outcome else {}
            return {"owner": event.owner, **limits, **again}
        case RunFinished():
            return {"outcome": event.outcome, "reason": event.reason, "exit_code": event.exit_code}
        case IterationStarted():
            return {"iterations": event.n, "green": None, "red": (), "latest": None}
        case GateFinished(place="candidate", green=False):
            return {"green": False, "red": (*summary.red, event.gate)}
        case CandidateMade():
            return {"latest": event.diff, "diff": summary.diff if summary.score else event.diff}
        case IterationFinished():
            better = event.score and event.score >= summary.score
            best = {"score": event.score, "diff": summary.latest} if better else {}
            return {"green": event.green, **best}
        case BranchMade():
            return {"branch": event.branch}
        case _:
            return {}
