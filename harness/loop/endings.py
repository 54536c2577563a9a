"""The ways out of a run: one exception, carrying the outcome, the cause, the exit code and the next step."""

from typing import Literal

from harness.events import Outcome, QuestionAsked, StopTaken
from harness.exits import CANCELLED, DENIED, ENVIRONMENT, LIMIT, TERMINATED
from harness.models import ModelError, OverBudget
from harness.repo import RepoError
from sandboxes.base import SandboxError


class Ended(Exception):
    """The run is over. `tripped` names breaker, value, limit and unit when a hard limit did it."""

    def __init__(
        self,
        outcome: Outcome,
        reason: str,
        exit_code: int,
        next_step: str = "",
        *,
        tripped: tuple[str, int, int, str] | None = None,
        subject: str = "",
    ) -> None:
        super().__init__(reason)
        self.outcome, self.reason, self.exit_code = outcome, reason, exit_code
        self.next_step, self.tripped = next_step, tripped
        self.subject = subject
        """The paths or tools that a person would have to allow, a line each."""

    @property
    def resumable(self) -> bool:
        """Whether what ended the run lies outside of its work, so that it can simply go on later."""
        return self.outcome in ("cancelled", "failed") or self.exit_code == LIMIT


class Parked(Exception):
    """The run cannot go on without a person's word: it lets go of everything until `question` is answered."""

    def __init__(self, question: QuestionAsked) -> None:
        super().__init__(question.text)
        self.question = question


def stop_taken(cause: Ended, within: bool) -> StopTaken:
    """What the journal says of a wish to end that came from outside of the loop."""
    breaker, value, limit, unit = cause.tripped or ("", 0, 0, "")
    return StopTaken(
        outcome=cause.outcome,
        reason=cause.reason,
        exit_code=cause.exit_code,
        next_step=cause.next_step,
        breaker=breaker,
        value=value,
        limit=limit,
        unit=unit,
        within=within,
    )


def cause_of(event: StopTaken) -> Ended:
    """The cause again, from what the journal says of it."""
    tripped = (event.breaker, event.value, event.limit, event.unit) if event.breaker else None
    return Ended(event.outcome, event.reason, event.exit_code, event.next_step, tripped=tripped)


def stopped_by(how: Literal["stop", "SIGINT", "SIGTERM"]) -> Ended:
    """A person or the system ended the run."""
    code = TERMINATED if how == "SIGTERM" else CANCELLED
    return Ended("cancelled", f"stopped by {how}", code, "look at the best candidate with: loopwright diff RUN")


def out_of_time(seconds: int, limit: int) -> Ended:
    """The wall-clock breaker."""
    return Ended(
        "exhausted",
        f"the time limit of {limit} s is used up",
        LIMIT,
        "raise it with --max-minutes",
        tripped=("wall_clock", seconds, limit, "s"),
    )


def money_of_the_day(spent: int, limit: int) -> Ended:
    """The breaker over all runs of this machine. Micro-dollars, the reservation of the next call included."""
    return Ended(
        "exhausted",
        f"with the next call today's runs could cost {_usd(spent)} of {_usd(limit)}",
        LIMIT,
        "go on tomorrow, or raise ceiling.usd_per_day in your settings and start anew",
        tripped=("money_per_day", spent, limit, "micro-usd"),
    )


def ending_of(error: ModelError | OverBudget | SandboxError | RepoError | OSError) -> Ended:
    """What an error of a lower room means for the run."""
    match error:
        case OverBudget(kind="money"):
            return Ended(
                "exhausted",
                f"the next call could cost {_usd(error.wanted)} and {_usd(error.limit - error.spent)} is left"
                f" of {_usd(error.limit)}",
                LIMIT,
                "raise the budget with --max-cost",
                tripped=("money", error.spent, error.limit, "micro-usd"),
            )
        case OverBudget():
            return Ended(
                "exhausted",
                f"the token limit of {error.limit} is used up",
                LIMIT,
                "raise limits.tokens in the configuration",
                tripped=("tokens", error.spent, error.limit, "tokens"),
            )
        case ModelError(kind="auth" | "permission"):
            return Ended("failed", error.message, DENIED, "check the key with: loopwright doctor")
        case ModelError(kind="credit"):
            return Ended("failed", error.message, DENIED, "add credit to the account, then: loopwright resume RUN")
        case ModelError():
            return Ended(
                "failed", f"the model could not be reached: {error.message}", ENVIRONMENT, "try: loopwright resume RUN"
            )
        case SandboxError() | RepoError():
            return Ended("failed", str(error), ENVIRONMENT, error.fix or "check with: loopwright doctor")
        case OSError():
            fix = "free space or mend permissions, then: loopwright resume RUN"
            return Ended("failed", f"a file cannot be written or read: {error}", ENVIRONMENT, fix)


def _usd(micro: int) -> str:
    return f"${micro / 1_000_000:.4f}"
