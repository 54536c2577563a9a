"""How a job ended, for outputs, comments and the exit code: typed, and never a green nothing."""

from typing import Literal

import msgspec

from harness.exits import BLOCKED, CANCELLED, ENVIRONMENT, LIMIT, PARKED, PROVEN, UNPROVEN

Ending = Literal[
    "pr_opened", "pr_updated", "pr_ready", "branch_pushed", "answered", "already_satisfied", "ignored", "refused",
    "gates_failed", "no_answer", "budget_exhausted", "timed_out", "blocked", "blocked_by_policy", "parked",
    "stale_head", "cancelled", "error",
]  # fmt: skip
GOOD: tuple[Ending, ...] = (
    "pr_opened", "pr_updated", "pr_ready", "branch_pushed", "answered", "already_satisfied",
)  # fmt: skip
QUIET: tuple[Ending, ...] = ("ignored", "refused")
"""Nothing was to be done: the job stays green and says why."""

_CODES: dict[Ending, int] = {
    "gates_failed": UNPROVEN,
    "no_answer": UNPROVEN,
    "stale_head": UNPROVEN,
    "budget_exhausted": LIMIT,
    "timed_out": LIMIT,
    "blocked": BLOCKED,
    "blocked_by_policy": BLOCKED,
    "parked": PARKED,
    "cancelled": CANCELLED,
    "error": ENVIRONMENT,
}


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a job has to say: the ending, its cause, and what a person can do next."""

    ending: Ending
    reason: str
    next_step: str = ""
    number: int = 0
    """Of the pull request."""
    url: str = ""
    branch: str = ""
    head: str = ""
    tree: str = ""
    comment: str = ""
    """The address of the tracking comment."""
    code: int | None = None
    """An exit code that says more than the ending's own."""

    @property
    def exit_code(self) -> int:
        """The program's exit code; 0 for what went well and for what was not to be done."""
        if self.ending in GOOD or self.ending in QUIET:
            return PROVEN
        return self.code if self.code else _CODES[self.ending]


def ending_of(outcome: str, exit_code: int, tripped: str) -> Ending:
    """The ending that a run's outcome, its exit code and the breaker that tripped stand for, before anything is
    published: `gates_failed` for a run that ended without a proof."""
    match outcome:
        case "already_satisfied":
            return "already_satisfied"
        case "exhausted" if exit_code == LIMIT:
            return "timed_out" if tripped == "wall_clock" else "budget_exhausted"
        case "blocked":
            return "blocked"
        case "cancelled":
            return "cancelled"
        case "failed":
            return "stale_head" if tripped == "moved" else "error"
        case "" if exit_code == PARKED:
            return "parked"
        case _:
            return "gates_failed"
