"""The facts of a run: one tagged union, and the only thing the rooms of the harness tell each other.

Money is integer micro-dollars, time integer microseconds. A field named in a type's `bulk` is large or sensitive:
the journal keeps it as an erasable payload beside the event, and an erased one decodes to the field's default.
"""

from typing import ClassVar, Literal

import msgspec

from gates.base import GateResult
from harness.goal import Goal, Limits

Outcome = Literal["succeeded", "already_satisfied", "blocked", "exhausted", "stuck", "refused", "failed", "cancelled"]
Role = Literal["maker", "checker", "light"]
Place = Literal["base", "candidate"]


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one call as the server counted them. `input` excludes what the cache served or stored."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0

    @property
    def prompt(self) -> int:
        """All tokens of the request, cached or not (what thresholds and context limits go by)."""
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h

    @property
    def total(self) -> int:
        return self.prompt + self.output

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input=self.input + other.input,
            output=self.output + other.output,
            cache_read=self.cache_read + other.cache_read,
            cache_write_5m=self.cache_write_5m + other.cache_write_5m,
            cache_write_1h=self.cache_write_1h + other.cache_write_1h,
        )


class DiffStat(msgspec.Struct, frozen=True, kw_only=True):
    files: int = 0
    insertions: int = 0
    deletions: int = 0


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One objection of the checker; it counts only when `path:line` exists in the candidate."""

    severity: Literal["blocking", "minor"]
    path: str
    line: int
    claim: str


class CriterionJudged(msgspec.Struct, frozen=True, kw_only=True):
    """How one acceptance criterion stands, and what shows it."""

    id: str
    state: Literal["met", "not_met", "not_verifiable"]
    evidence: str


class Fact(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """The base of every event. `bulk` names the fields that are stored as payload."""

    bulk: ClassVar[tuple[str, ...]] = ()


class RunCreated(Fact, frozen=True, kw_only=True, tag="run.created"):
    """A run begins: everything that decides what it is, so that it can be resumed from the journal alone."""

    bulk = ("settings",)
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


class SandboxOpened(Fact, frozen=True, kw_only=True, tag="sandbox.opened"):
    sandbox: str
    purpose: str
    image: str
    micros: int


class SandboxClosed(Fact, frozen=True, kw_only=True, tag="sandbox.closed"):
    sandbox: str
    why: str = ""


class GateStarted(Fact, frozen=True, kw_only=True, tag="gate.started"):
    place: Place
    iteration: int
    gate: str
    tree: str


class GateFinished(Fact, frozen=True, kw_only=True, tag="gate.finished"):
    """`key` names gate definition, trees, rules and image: the same key gives the same result, in any run."""

    bulk = ("result",)
    place: Place
    iteration: int
    gate: str
    tree: str
    key: str
    status: str
    summary: str
    green: bool
    new_failures: tuple[str, ...] = ()
    baseline_failures: tuple[str, ...] = ()
    violations: int = 0
    micros: int = 0
    cached: bool = False
    result: GateResult | None = None


class IterationStarted(Fact, frozen=True, kw_only=True, tag="iteration.started"):
    n: int
    parent: str
    """The commit whose tree the maker starts from."""
    model: str


class IterationFinished(Fact, frozen=True, kw_only=True, tag="iteration.finished"):
    bulk = ("feedback",)
    n: int
    ending: str
    """Why the maker's conversation ended: finish, blocked, quiet, limit, stuck, context, refused, error."""
    green: bool
    accepted: bool
    score: tuple[int, ...] = ()
    fingerprint: str = ""
    """Digest of the failures; equal fingerprints in a row are no progress."""
    feedback: str = ""
    """What the next iteration's maker is told."""


class NotesInjected(Fact, frozen=True, kw_only=True, tag="notes.injected"):
    notes: tuple[str, ...]


class NoteLearned(Fact, frozen=True, kw_only=True, tag="note.learned"):
    note: str
    kind: str
    text: str


class ConversationOpened(Fact, frozen=True, kw_only=True, tag="conversation.opened"):
    """A new conversation: one model, one system prompt, one tool list, append-only from here."""

    bulk = ("system", "tools", "first")
    conversation: str
    """`<role>.<iteration>[.<round>]`, unique in the run."""
    role: Role
    model: str
    system: str = ""
    tools: str = ""
    """The tool list as wire JSON."""
    first: str = ""
    """The text of the first user message."""


class ModelRequested(Fact, frozen=True, kw_only=True, tag="model.requested"):
    """Intent: the worst case of this attempt is reserved, the request goes out next."""

    conversation: str
    call: int
    attempt: int
    model: str
    reserved: int


class ModelReplied(Fact, frozen=True, kw_only=True, tag="model.replied"):
    bulk = ("text", "thinking", "wire")
    conversation: str
    call: int
    model: str
    stop_reason: str
    usage: Usage
    cost: int
    calls: int
    micros: int
    request_id: str = ""
    text: str = ""
    thinking: str = ""
    wire: str = ""
    """The assistant message as JSON, verbatim; never shown."""


class ModelFailed(Fact, frozen=True, kw_only=True, tag="model.failed"):
    conversation: str
    call: int
    attempt: int
    model: str
    kind: str
    message: str
    cost: int
    """Charged for the attempt: its whole reservation when its outcome is unknown."""
    retry_micros: int | None = None
    """The pause before the next attempt; None when there is none."""


class ToolStarted(Fact, frozen=True, kw_only=True, tag="tool.started"):
    bulk = ("input",)
    conversation: str
    call: str
    name: str
    summary: str
    input: str = ""


class ToolFinished(Fact, frozen=True, kw_only=True, tag="tool.finished"):
    """`output` is exactly what the model is told."""

    bulk = ("output",)
    conversation: str
    call: str
    name: str
    status: Literal["ok", "error", "environment", "skipped"]
    """`error` is the model's mistake, `environment` the harness's or the sandbox's; a command that ran is `ok`,
    whatever its exit code."""
    micros: int
    output: str = ""
    final: str | None = None
    """`finish` or `blocked`: this call ends the conversation."""


class Told(Fact, frozen=True, kw_only=True, tag="told"):
    """Words of the harness or of a supervisor, appended after the turn's tool results."""

    conversation: str
    why: str
    """nudge, repeat, wrap_up, steer, quiet, resumed"""
    text: str


class ConversationEnded(Fact, frozen=True, kw_only=True, tag="conversation.ended"):
    conversation: str
    ending: str
    detail: str = ""


class CandidateMade(Fact, frozen=True, kw_only=True, tag="candidate.made"):
    n: int
    commit: str
    tree: str
    parent: str
    diff: DiffStat
    paths: tuple[str, ...] = ()


class VerdictGiven(Fact, frozen=True, kw_only=True, tag="verdict.given"):
    n: int
    model: str
    decision: Literal["accept", "revise", "escalate"]
    summary: str
    findings: tuple[Finding, ...] = ()
    dropped: tuple[Finding, ...] = ()
    """Findings whose file:line does not exist."""
    criteria: tuple[CriterionJudged, ...] = ()


class BreakerTripped(Fact, frozen=True, kw_only=True, tag="breaker.tripped"):
    name: str
    value: int
    limit: int
    unit: str = ""


class BranchIntended(Fact, frozen=True, kw_only=True, tag="branch.intended"):
    """Written before the one effect on the user's repository."""

    branch: str
    tree: str
    commit: str


class BranchMade(Fact, frozen=True, kw_only=True, tag="branch.made"):
    branch: str
    tree: str
    commit: str


class CommandReceived(Fact, frozen=True, kw_only=True, tag="command.received"):
    """A person's or program's wish, acknowledged."""

    command: int
    kind: str
    principal: str
    text: str = ""


Event = (
    RunCreated | RunClaimed | RunFinished | Notice
    | SandboxOpened | SandboxClosed
    | GateStarted | GateFinished
    | IterationStarted | IterationFinished
    | NotesInjected | NoteLearned
    | ConversationOpened | ModelRequested | ModelReplied | ModelFailed
    | ToolStarted | ToolFinished | Told | ConversationEnded
    | CandidateMade | VerdictGiven | BreakerTripped
    | BranchIntended | BranchMade | CommandReceived
)  # fmt: skip
"""Every event there is. Adding a type or a field with a default keeps old journals readable."""
