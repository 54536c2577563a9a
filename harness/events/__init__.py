"""The facts of a run: one tagged union, and the only thing the rooms of the harness tell each other.

Money is integer micro-dollars, time integer microseconds. A field named in a type's `bulk` is large or sensitive:
the journal keeps it as an erasable payload beside the event, and an erased one decodes to the field's default.
"""

from harness.events.base import Fact, Outcome, Place, Role
from harness.events.evidence import (
    DRILL,
    CriterionJudged,
    Drilled,
    DrillFinished,
    Finding,
    GateFinished,
    GateStarted,
    VerdictGiven,
)
from harness.events.publish import CommentMade, PullRequestIntended, PullRequestMade
from harness.events.runs import (
    BreakerTripped,
    CommandReceived,
    Notice,
    PayloadsErased,
    QuestionAnswered,
    QuestionAsked,
    RunClaimed,
    RunContinued,
    RunCreated,
    RunFinished,
    RunForked,
    RunParked,
    RunPaused,
    StopTaken,
)
from harness.events.sandbox import (
    CheckpointMade,
    HostAllowed,
    HostDenied,
    SandboxCall,
    SandboxClosed,
    SandboxOpened,
    SandboxUsed,
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
    AnswerGiven,
    BranchIntended,
    BranchMade,
    CandidateMade,
    DiffStat,
    IterationFinished,
    IterationStarted,
    NoteChecked,
    NoteDropped,
    NoteLearned,
    NotesInjected,
)

Event = (
    RunCreated | RunClaimed | RunFinished | RunForked | Notice | StopTaken | PayloadsErased
    | QuestionAsked | QuestionAnswered | RunParked | RunPaused | RunContinued
    | SandboxOpened | SandboxClosed | SandboxUsed | CheckpointMade
    | HostDenied | HostAllowed | ServiceStarted | ServiceEnded | ShellOpened | ShellClosed
    | GateStarted | GateFinished | DrillFinished
    | IterationStarted | IterationFinished
    | NotesInjected | NoteLearned | NoteChecked | NoteDropped
    | ConversationOpened | ModelRequested | ModelReplied | ModelFailed
    | ToolStarted | ToolFinished | Told | ConversationEnded
    | CandidateMade | VerdictGiven | AnswerGiven | BreakerTripped
    | BranchIntended | BranchMade | CommandReceived
    | PullRequestIntended | PullRequestMade | CommentMade
)  # fmt: skip
"""Every event there is. Adding a type or a field with a default keeps old journals readable."""

__all__ = [
    "DRILL",
    "AnswerGiven",
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
    "DrillFinished",
    "Drilled",
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
    "NoteChecked",
    "NoteDropped",
    "NoteLearned",
    "NotesInjected",
    "Notice",
    "Outcome",
    "PayloadsErased",
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
    "RunForked",
    "RunParked",
    "RunPaused",
    "SandboxCall",
    "SandboxClosed",
    "SandboxOpened",
    "SandboxUsed",
    "ServiceEnded",
    "ServiceStarted",
    "ShellClosed",
    "ShellOpened",
    "StopTaken",
    "Told",
    "ToolFinished",
    "ToolStarted",
    "Usage",
    "VerdictGiven",
]
