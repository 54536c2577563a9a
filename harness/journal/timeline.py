"""A run as short plain lines: one for each event that is worth a person's eye."""

from harness.events import (
    BranchIntended,
    BranchMade,
    BreakerTripped,
    CandidateMade,
    CommandReceived,
    ConversationEnded,
    ConversationOpened,
    DiffStat,
    Event,
    GateFinished,
    GateStarted,
    IterationFinished,
    IterationStarted,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    NoteLearned,
    NotesInjected,
    Notice,
    RunClaimed,
    RunCreated,
    RunFinished,
    SandboxClosed,
    SandboxOpened,
    Told,
    ToolFinished,
    ToolStarted,
    VerdictGiven,
)
from harness.goal import MICRO
from harness.journal.base import Record

WIDTH = 160
"""Characters of a line, the time not counted."""


def line(record: Record, started: int | None = None) -> str | None:
    """One plain line for the record, or None when it is not worth one.

    With `started` (microseconds since 1970) the time since then stands before it.
    """
    text = _say(record.event)
    if text is None:
        return None
    text = " ".join(text.split())
    text = text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"
    return text if started is None else f"{clock(record.ts - started):>7}  {text}"


def clock(micros: int) -> str:
    """A duration as m:ss, or h:mm:ss from an hour on."""
    minutes, seconds = divmod(max(micros, 0) // MICRO, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def money(micro_usd: int) -> str:
    """Micro-dollars as dollars, to the hundredth of a cent."""
    return f"${micro_usd / MICRO:.4f}" if micro_usd < MICRO else f"${micro_usd / MICRO:.2f}"


def span(micros: int) -> str:
    """A duration as a person reads it: milliseconds, then seconds, then minutes."""
    if micros < MICRO:
        return f"{micros // 1000} ms"
    return f"{micros / MICRO:.1f} s" if micros < 60 * MICRO else clock(micros)


def stat(diff: DiffStat) -> str:
    """A diff's size."""
    return f"{diff.files} file{'' if diff.files == 1 else 's'}, +{diff.insertions} -{diff.deletions}"


def _say(event: Event) -> str | None:
    match event:
        case RunCreated():
            return f"run: {event.goal.text}  (base {event.base[:10]}, {event.repo})"
        case RunClaimed():
            return f"resumed by {event.owner}" if event.resumed else None
        case RunFinished():
            return f"{event.outcome}: {event.reason}"
        case Notice():
            return f"note: {event.what}" + (f": {event.why}" if event.why else "")
        case BreakerTripped():
            return f"limit reached: {event.name} ({event.value} of {event.limit} {event.unit})".replace(" )", ")")
        case BranchMade():
            return f"branch {event.branch} at {event.commit[:10]}"
        case CommandReceived():
            return f"{event.principal or 'somebody'}: {event.kind} {event.text}"
        case IterationStarted():
            return f"iteration {event.n} with {event.model}"
        case IterationFinished():
            judged = "accepted" if event.accepted else "green, not accepted" if event.green else "not green"
            return f"iteration {event.n} ended ({event.ending}): {judged}"
        case CandidateMade():
            return f"candidate {event.n}: {event.commit[:10]}, {stat(event.diff)}"
        case VerdictGiven():
            return f"checker ({event.model}): {event.decision}: {event.summary}"
        case GateFinished():
            return _gate(event)
        case NotesInjected():
            return f"notes given: {len(event.notes)}" if event.notes else None
        case NoteLearned():
            return f"learned ({event.kind}): {event.text}"
        case _:
            return _talk(event)


def _talk(event: Event) -> str | None:
    match event:
        case ConversationOpened():
            return f"{event.role} ({event.model}) begins" if event.role != "maker" else None
        case ConversationEnded():
            return f"{event.conversation} ended: {event.ending}" + (f": {event.detail}" if event.detail else "")
        case ModelReplied():
            return f"says: {event.text}" if event.text.strip() else None
        case ModelFailed():
            again = "" if event.retry_micros is None else f", again in {span(event.retry_micros)}"
            return f"model call failed ({event.kind}): {event.message}{again}"
        case ToolStarted():
            return f"{event.name}: {event.summary}"
        case ToolFinished():
            return None if event.status == "ok" else f"{event.name}: {event.status} after {span(event.micros)}"
        case Told():
            return f"told ({event.why}): {event.text}"
        case ModelRequested() | GateStarted() | SandboxOpened() | SandboxClosed() | BranchIntended():
            return None
        case _:
            return None


def _gate(event: GateFinished) -> str:
    where = "base" if event.place == "base" else f"candidate {event.iteration}"
    light = "green" if event.green else "red"
    new = f", {len(event.new_failures)} new" if event.new_failures else ""
    bad = f", {event.violations} violation{'' if event.violations == 1 else 's'}" if event.violations else ""
    took = "from the journal" if event.cached else span(event.micros)
    return f"gate {event.gate} on {where}: {light}: {event.summary}{new}{bad} ({took})"
