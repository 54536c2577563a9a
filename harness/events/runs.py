"""A run as a whole: how it begins, who has it, what people ask of it and it of them, how it ends."""

from harness.events.base import Fact, Outcome
from harness.goal import Goal, Limits


class RunCreated(Fact, frozen=True, kw_only=True, tag="run.created"):
    """A run begins: everything that decides what it is, so that it can be resumed from the journal alone."""

    bulk = ("settings", "catalog", "flaky")
    goal: Goal
    repo: str
    repo_id: str
    base: str
    base_tree: str
    base_ref: str
    branch: str
    """The branch that success will create."""
    maker: str
    checker: str
    image: str
    settings: str = ""
    """The effective configuration as JSON."""
    principal: str = ""
    flaky: tuple[str, ...] = ()
    """Fingerprints of the tests that were known to be flaky when it began."""
    catalog: str = ""
    """The models' profiles and prices as JSON: what a replay reckons with, wherever it is held."""


class RunClaimed(Fact, frozen=True, kw_only=True, tag="run.claimed"):
    """A process takes the run; every later event of an older epoch is refused."""

    owner: str
    """host:pid"""
    resumed: bool = False
    limits: Limits | None = None
    """New limits that a person gave on resuming; None leaves them as they were."""


class RunFinished(Fact, frozen=True, kw_only=True, tag="run.finished"):
    """The ending: typed, with its cause and what to do next."""

    outcome: Outcome
    reason: str
    exit_code: int
    next_step: str = ""
    best: str | None = None
    """The candidate kept, as a commit in the harness's own store."""
    branch: str | None = None


class Notice(Fact, frozen=True, kw_only=True, tag="notice"):
    """Something the user should know that ends nothing."""

    what: str
    why: str = ""
    fix: str = ""


class BreakerTripped(Fact, frozen=True, kw_only=True, tag="breaker.tripped"):
    name: str
    value: int
    limit: int
    unit: str = ""


class CommandReceived(Fact, frozen=True, kw_only=True, tag="command.received"):
    """A person's or program's wish, acknowledged."""

    command: int
    kind: str
    principal: str
    text: str = ""


class QuestionAsked(Fact, frozen=True, kw_only=True, tag="question.asked"):
    """The run needs a person's word: what is asked, what can be answered, and what holds if nobody does."""

    question: str
    """An id, unique in the run: `q1`, `q2`."""
    kind: str
    """What it is about: `scope`, `host`, `tool`, `checker`, `stuck`."""
    text: str
    options: tuple[str, ...]
    """What can be answered: `allow_once`, `allow_run`, `deny`, `reply`."""
    default: str = "deny"
    """The answer once the deadline has passed."""
    deadline: int
    """Microseconds since 1970."""
    subject: str = ""
    """The path, host or tool in question."""


class QuestionAnswered(Fact, frozen=True, kw_only=True, tag="question.answered"):
    """The first answer to a question; later ones are acknowledged and change nothing."""

    question: str
    answer: str
    text: str = ""
    """Words that go with it, for the maker."""
    expired: bool = False
    principal: str = ""
    command: int = 0


class RunParked(Fact, frozen=True, kw_only=True, tag="run.parked"):
    """The run waits for a person with no process, no thread and no container; `resume` takes it up again."""

    reason: str
    question: str = ""
    until: int = 0
    """When its question expires: microseconds since 1970; 0 for never."""


class RunPaused(Fact, frozen=True, kw_only=True, tag="run.paused"):
    """A person holds the run at the next turn's boundary; its clock stands still."""

    principal: str = ""


class RunContinued(Fact, frozen=True, kw_only=True, tag="run.continued"):
    """A person lets a paused run go on."""

    principal: str = ""


class StopTaken(Fact, frozen=True, kw_only=True, tag="stop.taken"):
    """The loop learned that it has to end, by a signal, a command or the clock: stored before what follows from it."""

    outcome: Outcome
    reason: str
    exit_code: int
    next_step: str = ""
    breaker: str = ""
    value: int = 0
    limit: int = 0
    unit: str = ""
    within: bool = False
    """The loop found it by itself, when what it waited for failed; else it was told between two events."""


class RunForked(Fact, frozen=True, kw_only=True, tag="run.forked"):
    """This run begins where another one stood. `seq` and `head` name the other's last event that holds here too."""

    run: str
    iteration: int
    seq: int
    head: str
    note: str = ""
    """What a person wants the next maker told."""
    principal: str = ""


class PayloadsErased(Fact, frozen=True, kw_only=True, tag="payloads.erased"):
    """Bulk of this run was erased; its events and their chain stay."""

    count: int
    why: str = ""
    principal: str = ""
