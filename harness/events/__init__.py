"""The facts of a run: one tagged union, and the only thing the rooms of the harness tell each other.

Money is integer micro-dollars, time integer microseconds. A field named in a type's `bulk` is large or sensitive:
the journal keeps it as an erasable payload beside the event, and an erased one decodes to the field's default.
"""

from harness.events.base import Fact, Outcome, Place, Role
from harness.events.evidence import CriterionJudged, Finding, GateFinished, GateStarted, VerdictGiven
from harness.events.publish import CommentMade, PullRequestIntended, PullRequestMade
from harness.events.runs import (
    BreakerTripped,
    CommandReceived,
    Notice,
    QuestionAnswered,
    QuestionAsked,
    RunClaimed,
    RunContinued,
    RunCreated,
    RunFinished,
    RunParked,
    RunPaused,
)
from harness.events.sandbox import (
    CheckpointMade,
    HostAllowed,
    HostDenied,
    SandboxClosed,
    SandboxOpened,
    ServiceEnded,
    ServiceStarted,
    ShellClosed,
    ShellOpened,
)
from harness.events.talk import (
    ConversationEnded,
    ConversationOpened,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    Told,
    ToolFinished,
    ToolStarted,
    Usage,
)
from harness.events.work import (
    BranchIntended,
    BranchMade,
    CandidateMade,
    DiffStat,
    IterationFinished,
    IterationStarted,
    NoteLearned,
    NotesInjected,
)

Event = (
    RunCreated | RunClaimed | RunFinished | Notice
    | QuestionAsked | QuestionAnswered | RunParked | RunPaused | RunContinued
    | SandboxOpened | SandboxClosed | CheckpointMade
    | HostDenied | HostAllowed | ServiceStarted | ServiceEnded | ShellOpened | ShellClosed
    | GateStarted | GateFinished
    | IterationStarted | IterationFinished
    | NotesInjected | NoteLearned
    | ConversationOpened | ModelRequested | ModelReplied | ModelFailed
    | ToolStarted | ToolFinished | Told | ConversationEnded
    | CandidateMade | VerdictGiven | BreakerTripped
    | BranchIntended | BranchMade | CommandReceived
    | PullRequestIntended | PullRequestMade | CommentMade
)  # fmt: skip
"""Every event there is. Adding a type or a field with a default keeps old journals readable."""

__all__ = [
    "BranchIntended",
    "BranchMade",
    "BreakerTripped",
    "CandidateMade",
    "CheckpointMade",
    "CommandReceived",
    "CommentMade",
    "ConversationEnded",
    "ConversationOpened",
    "CriterionJudged",
    "DiffStat",
    "Event",
    "Fact",
    "Finding",
    "GateFinished",
    "GateStarted",
    "HostAllowed",
    "HostDenied",
    "IterationFinished",
    "IterationStarted",
    "ModelFailed",
    "ModelReplied",
    "ModelRequested",
    "NoteLearned",
    "NotesInjected",
    "Notice",
    "Outcome",
    "Place",
    "PullRequestIntended",
    "PullRequestMade",
    "QuestionAnswered",
    "QuestionAsked",
    "Role",
    "RunClaimed",
    "RunContinued",
    "RunCreated",
    "RunFinished",
    "RunParked",
    "RunPaused",
    "SandboxClosed",
    "SandboxOpened",
    "ServiceEnded",
    "ServiceStarted",
    "ShellClosed",
    "ShellOpened",
    "Told",
    "ToolFinished",
    "ToolStarted",
    "Usage",
    "VerdictGiven",
]
