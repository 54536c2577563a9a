"""A run as short plain lines: one for each event that is worth a person's eye."""

from harness.events import (
    AnswerGiven,
    BranchMade,
    BreakerTripped,
    CandidateMade,
    CommandReceived,
    ConversationEnded,
    ConversationOpened,
    DiffStat,
    DrillFinished,
    Event,
    GateFinished,
    HostAllowed,
    HostDenied,
    IterationFinished,
    IterationStarted,
    ModelFailed,
    ModelReplied,
    NoteLearned,
    NotesInjected,
    Notice,
    PullRequestMade,
    QuestionAnswered,
    QuestionAsked,
    RunClaimed,
    RunContinued,
    RunCreated,
    RunFinished,
    RunParked,
    RunPaused,
    ServiceEnded,
    ServiceStarted,
    ShellClosed,
    ShellOpened,
    Told,
    ToolFinished,
    ToolStarted,
    VerdictGiven,
)
from harness.goal import MICRO
from harness.journal.base import Record
from harness.journal.cost import role_of

JUDGING = ("checker", "answer", "plan")
"""Roles whose reply is data that the next event says in words."""
WIDTH = 160
"""Characters of a line, the time not counted."""


def line(record: Record, started: int | None = None) -> str | None:
    """One plain line for the record, or None when it is not worth one.

    It begins with a mark: ✓ good, ✗ bad, ! to be looked at, · all else. With `started` (microseconds since 1970)
    the time since then stands before it.
    """
    said = _say(record.event)
    if said is None:
        return None
    mark, text = said
    text = " ".join(text.split())
    text = text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"
    return f"{'' if started is None else f'{clock(record.ts - started):>7}'} {mark} {text}"


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


Said = tuple[str, str] | None


def _say(event: Event) -> Said:
    match event:
        case RunCreated():
            return "·", f"run: {event.goal.text} (base {event.base[:10]} of {event.repo})"
        case RunClaimed():
            return ("·", f"resumed by {event.owner}") if event.resumed else None
        case RunFinished():
            return _good(event.exit_code == 0), f"{event.outcome}: {event.reason}"
        case Notice():
            return "!", event.what + (f": {event.why}" if event.why else "")
        case BreakerTripped():
            return "!", f"limit reached: {event.name}, {event.value} of {event.limit} {event.unit}"
        case BranchMade():
            return "✓", f"branch {event.branch} at {event.commit[:10]}"
        case PullRequestMade():
            return "✓", f"pull request #{event.number} {'opened' if event.created else 'updated'}: {event.url}"
        case CommandReceived(kind="shell" | "shell_end" | "allow"):
            return None  # what comes of it has a line of its own
        case CommandReceived():
            return "!", f"{event.principal or 'somebody'} asks: {event.kind} {event.text}"
        case QuestionAsked():
            return "!", f"asks ({event.question}, {event.kind}): {event.text} [{', '.join(event.options)}]"
        case QuestionAnswered():
            who = "nobody" if event.expired else event.principal or "somebody"
            return "·", f"{who} answers {event.question}: {event.answer} {event.text}"
        case RunParked():
            return "!", f"parked: {event.reason}"
        case RunPaused():
            return "!", f"paused by {event.principal or 'somebody'}"
        case RunContinued():
            return "·", f"{event.principal or 'somebody'} lets it go on"
        case IterationStarted():
            return "·", f"iteration {event.n} with {event.model}"
        case IterationFinished():
            judged = "accepted" if event.accepted else "green, not accepted" if event.green else "not green"
            return _good(event.accepted), f"iteration {event.n} ended ({event.ending}): {judged}"
        case CandidateMade():
            return "·", f"candidate {event.n}: {event.commit[:10]}, {stat(event.diff)}"
        case VerdictGiven():
            text = f"checker ({event.model}): {event.decision}: {event.summary}"
            return _good(event.decision == "accept"), text
        case AnswerGiven():
            found = f"{len(event.places)} places of it were found" + (f", {event.dropped} not" if event.dropped else "")
            return _good(not event.dropped), f"{event.kind} ({event.model}), {found}: {event.text}"
        case GateFinished():
            return _gate(event)
        case DrillFinished():
            shown = sum(exercise.ok for exercise in event.exercises)
            text = f"drill: {shown} of {len(event.exercises)} exercises went as they must"
            text += "".join(f"; not so: {each.gate}, {each.what}" for each in event.exercises if not each.ok)
            return _good(shown == len(event.exercises)), text
        case NotesInjected():
            return ("·", f"notes given: {len(event.notes)}") if event.notes else None
        case NoteLearned():
            return "·", f"learned ({event.kind}): {event.text}"
        case _:
            return _talk(event)


def _talk(event: Event) -> Said:
    match event:
        case ConversationOpened():
            return ("·", f"{event.role} ({event.model}) begins") if event.role != "maker" else None
        case ConversationEnded(ending="finish") | ConversationEnded(ending="quiet", detail=""):
            return None  # the call that ended it, or the verdict, says as much
        case ConversationEnded():
            return "·", f"{event.conversation} ended: {event.ending}" + (f": {event.detail}" if event.detail else "")
        case ModelReplied() if role_of(event.conversation) in JUDGING and event.text.lstrip().startswith("{"):
            return None  # a verdict, an answer and a plan have a line of their own
        case ModelReplied():
            return ("·", f"says: {event.text}") if event.text.strip() else None
        case ModelFailed():
            again = "" if event.retry_micros is None else f", again in {span(event.retry_micros)}"
            return "!", f"model call failed ({event.kind}): {event.message}{again}"
        case ToolStarted():
            return "·", f"{event.name}: {event.summary}"
        case ToolFinished():
            return None if event.status == "ok" else ("!", f"{event.name}: {event.status} after {span(event.micros)}")
        case Told():
            return "·", f"told ({event.why}): {event.text}"
        case _:
            return _around(event)


def _around(event: Event) -> Said:
    match event:
        case HostDenied():
            return "!", f"denied: {event.host}:{event.port}: {event.why}"
        case HostAllowed():
            return "·", f"{event.principal or 'somebody'} allows {event.host}"
        case ServiceStarted():
            return "·", f"service {event.service} answers at localhost:{event.port} after {span(event.micros)}"
        case ServiceEnded() if event.why != "its sandbox was closed":
            return "!", f"service {event.service}: {event.why}"
        case ShellOpened():
            how = "read-write" if event.writable else "read-only"
            return "!", f"{event.principal or 'somebody'} opens a shell in {event.sandbox}, {how}"
        case ShellClosed():
            return "·", f"{event.principal or 'somebody'} leaves {event.sandbox} after {span(event.micros)}"
        case _:
            return None  # intents and sandboxes: worth a place in the journal, not a line


def _good(good: bool) -> str:
    return "✓" if good else "✗"


def _gate(event: GateFinished) -> Said:
    where = "base" if event.place == "base" else f"candidate {event.iteration}"
    new = f", {len(event.new_failures)} new" if event.new_failures else ""
    bad = f", {event.violations} violation{'' if event.violations == 1 else 's'}" if event.violations else ""
    took = "from the journal" if event.cached else span(event.micros)
    return _good(event.green), f"gate {event.gate} on {where}: {event.summary}{new}{bad} ({took})"
