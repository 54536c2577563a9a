"""What a run has come to, as data: what the loop goes on from, a screen is drawn from and a run is resumed by."""

import msgspec

from gates.base import GateResult
from harness.events import (
    BranchIntended,
    BranchMade,
    BreakerTripped,
    CandidateMade,
    GateStarted,
    NoteLearned,
    Notice,
    PullRequestMade,
    QuestionAnswered,
    QuestionAsked,
    RunCreated,
    RunFinished,
    RunForked,
    RunParked,
    RunPaused,
    SandboxOpened,
    Usage,
)
from harness.goal import Limits
from harness.journal.cost import Accounts, by_model
from harness.journal.iteration import Conversation, Iteration
from harness.journal.phase import Phase


class State(msgspec.Struct, frozen=True, kw_only=True):
    """A run as its events tell it. Times are microseconds since 1970, money is micro-dollars."""

    run: str = ""
    created: RunCreated | None = None
    epoch: int = 0
    owner: str = ""
    phase: Phase = "created"
    rests_in: Phase | None = None
    """While it is paused or parked: the phase in which it will go on."""
    started: int = 0
    touched: int = 0
    """When the last event was stored."""
    ended: int = 0
    claimed: int = 0
    """When the process that pursues it now took it."""
    worked: int = 0
    """Microseconds for which the processes before it pursued it."""
    rested: int = 0
    """Since when it is paused; 0 when it is not."""
    idle: int = 0
    """Microseconds for which it was paused since `claimed`."""
    seq: int = 0
    head: str = ""
    finished: RunFinished | None = None
    """How it ended; None again once a process has taken it up after that."""
    raised: Limits | None = None
    """The limits that a person gave on resuming."""
    baseline: dict[str, GateResult] = {}
    iterations: tuple[Iteration, ...] = ()
    conversations: dict[str, Conversation] = {}
    accounts: Accounts = Accounts()
    notices: tuple[Notice, ...] = ()
    tripped: tuple[BreakerTripped, ...] = ()
    acknowledged: int = 0
    """The last command that was."""
    questions: tuple[QuestionAsked, ...] = ()
    """Those that nobody has answered yet, the oldest first."""
    asked: tuple[QuestionAsked, ...] = ()
    """All questions there ever were."""
    answers: dict[str, QuestionAnswered] = {}
    """The answer that counts, by question."""
    parked: RunParked | None = None
    """It waits for a person, with no process and no container."""
    paused: RunPaused | None = None
    """A person holds it; its process waits and its clock stands still."""
    allowed: tuple[str, ...] = ()
    """Hosts that a person allowed for the rest of the run."""
    once: tuple[tuple[str, int], ...] = ()
    """Hosts that a person allowed for one iteration, with that iteration."""
    judged_anew: int = 0
    """The last iteration that was judged before a person widened the scope: what was found of it holds no longer."""
    denied: tuple[tuple[str, int], ...] = ()
    """Hosts that were wanted and not allowed, `host` or `host:port`, with the iteration in which they were."""
    branch_intended: BranchIntended | None = None
    branch_made: BranchMade | None = None
    pull_request: PullRequestMade | None = None
    sandboxes: tuple[SandboxOpened, ...] = ()
    """Opened and not closed."""
    running: tuple[GateStarted, ...] = ()
    """Gates that were started and have not finished."""
    notes: tuple[str, ...] = ()
    """Ids of the notes that were injected."""
    learned: tuple[NoteLearned, ...] = ()
    dropped: tuple[str, ...] = ()
    """Ids of the notes that turned out not to hold."""
    checked: tuple[str, ...] = ()
    """Ids of the notes whose commands were run at base."""
    forked: RunForked | None = None
    """Where this run began, when that was another one."""

    @property
    def limits(self) -> Limits:
        """The limits in force."""
        return self.raised or (self.created.goal.limits if self.created else Limits())

    @property
    def active(self) -> int:
        """Microseconds for which the run was pursued: without pauses, and without the time from crash to resume."""
        return self.worked + (self.pursued(self.touched) if self.claimed else 0)

    def pursued(self, until: int) -> int:
        """Microseconds since the claim in which the run was not paused."""
        return (self.rested or until) - self.claimed - self.idle

    @property
    def turns(self) -> int:
        """Replies of all models."""
        return self.accounts.calls()

    @property
    def maker_turns(self) -> int:
        return self.accounts.calls("maker")

    @property
    def cost(self) -> int:
        """Settled, charged for failures, and held for attempts whose outcome is unknown."""
        return self.accounts.cost

    @property
    def cost_by_model(self) -> dict[str, int]:
        return {model: spend.cost for model, spend in by_model(self.accounts.spends).items()}

    @property
    def usage(self) -> Usage:
        return self.accounts.usage

    @property
    def current(self) -> int:
        """The number of the iteration under way, or of the one that comes next."""
        last = self.iterations[-1] if self.iterations else None
        return 1 if last is None else last.n + (last.finished is not None)

    @property
    def best(self) -> CandidateMade | None:
        """The candidate to keep: the highest score, the later one of equals.

        Without any score (the run ended before a gate could speak) the last candidate that changes something.
        """
        begun = self.forked.iteration if self.forked else 0
        mine = [it for it in self.iterations if it.n >= begun]  # a fork goes on from where it began, not from a better
        scored = [it for it in mine if it.candidate and it.finished and it.finished.score]
        if scored:
            return max(scored, key=lambda it: (it.finished.score, it.n) if it.finished else ((), 0)).candidate
        base = self.created.base_tree if self.created else ""
        made = [it.candidate for it in mine if it.candidate and it.candidate.tree != base]
        return made[-1] if made else None
