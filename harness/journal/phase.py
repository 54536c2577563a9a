"""Where in its pursuit a run stands, so that `resume` and every list say the same."""

from typing import Literal

from harness.events import (
    BranchIntended,
    CandidateMade,
    ConversationOpened,
    Event,
    GateStarted,
    IterationFinished,
    IterationStarted,
    RunClaimed,
    RunFinished,
    VerdictGiven,
)

Phase = Literal["created", "baseline", "making", "judging", "checking", "publishing", "finished"]


def after(phase: Phase, event: Event) -> Phase:
    """The phase that `event` leads to."""
    match event:
        case RunFinished():
            return "finished"
        case RunClaimed() if phase == "finished":
            return "created"  # taken up again after its end: every step asks anew whether it is done
        case BranchIntended():
            return "publishing"
        case IterationFinished():
            return "publishing" if event.green and event.accepted else "making"
        case IterationStarted():
            return "making"
        case CandidateMade():
            return "judging"
        case GateStarted():
            return "judging" if event.place == "candidate" else "baseline"
        case ConversationOpened():
            return "checking" if event.role == "checker" else phase
        case VerdictGiven():
            return "checking"
        case _:
            return phase
