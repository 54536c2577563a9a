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
    RunContinued,
    RunFinished,
    RunParked,
    RunPaused,
    VerdictGiven,
)

Phase = Literal[
    "created", "baseline", "making", "judging", "checking", "publishing", "paused", "parked", "finished"
]  # fmt: skip


def after(phase: Phase, rests_in: Phase | None, event: Event) -> tuple[Phase, Phase | None]:
    """The phase that `event` leads to and, while the run is paused or parked, the one it will go on in."""
    below = rests_in or phase
    match event:
        case RunPaused():
            return "paused", below
        case RunParked():
            return "parked", below
        case RunContinued() if phase == "paused":
            return below, None
        case RunClaimed() | RunFinished():
            return _stage(below, event), None
    stage = _stage(below, event)
    return (phase, stage) if rests_in else (stage, None)


def _stage(phase: Phase, event: Event) -> Phase:
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
