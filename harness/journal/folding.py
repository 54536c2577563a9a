"""The fold of a run: from its events to what it has come to."""

from collections.abc import Iterable
from typing import Any

import msgspec

from gates.base import Failure, GateResult
from harness.events import (
    BranchIntended,
    BranchMade,
    BreakerTripped,
    CandidateMade,
    CommandReceived,
    ConversationEnded,
    ConversationOpened,
    GateFinished,
    GateStarted,
    IterationFinished,
    IterationStarted,
    ModelReplied,
    NoteChecked,
    NoteDropped,
    NoteLearned,
    NotesInjected,
    Notice,
    PullRequestMade,
    RunClaimed,
    RunCreated,
    RunFinished,
    RunForked,
    SandboxClosed,
    SandboxOpened,
    SandboxUsed,
    Told,
    ToolFinished,
    ToolStarted,
    VerdictGiven,
)
from harness.journal.base import Record
from harness.journal.cost import Meter
from harness.journal.iteration import Conversation, advance, number
from harness.journal.people import asked
from harness.journal.phase import after
from harness.journal.state import State

INERT = frozenset((ToolStarted, ToolFinished, Told, SandboxUsed))
"""What changes nothing here: the types that the statement `read_for_state` leaves out."""


def fold(records: Iterable[Record], state: State | None = None) -> State:
    """The state after `records`, going on from `state` when one is given.

    Records of the types in `INERT` may be left out.
    """
    state = state or State()
    meter = Meter(state.accounts)
    turns: dict[str, int] = {}
    last: Record | None = None
    before = state.touched
    for last in records:
        event, seen, before = last.event, before, last.ts
        if type(event) in INERT:
            continue
        if meter.add(event):
            if type(event) is ModelReplied:
                turns[event.conversation] = turns.get(event.conversation, 0) + 1
        elif changes := _changes(state, last):
            if type(event) is RunClaimed:
                worked = state.worked + (state.pursued(seen) if state.claimed else 0)
                changes |= {"worked": worked, "claimed": last.ts, "idle": 0}
            state = msgspec.structs.replace(state, **changes)
    if last is None:
        return state
    talks = dict(state.conversations) if turns else state.conversations
    for name in turns.keys() & talks.keys():
        talks[name] = msgspec.structs.replace(talks[name], turns=talks[name].turns + turns[name])
    return msgspec.structs.replace(
        state,
        run=last.run,
        seq=last.seq,
        head=last.hash,
        touched=last.ts,
        conversations=talks,
        accounts=meter.accounts(),
    )


def apply(state: State, record: Record) -> State:
    """The state after one more record."""
    return fold((record,), state)


def _changes(state: State, record: Record) -> dict[str, Any]:
    event = record.event
    changes: dict[str, Any] = asked(state, record)
    phase, rests_in = after(state.phase, state.rests_in, event)
    if (phase, rests_in) != (state.phase, state.rests_in):
        changes |= {"phase": phase, "rests_in": rests_in}
    match event:
        case RunCreated():
            changes |= {"created": event, "started": record.ts}
        case RunClaimed():
            # what the process before had open died with it
            changes |= {"owner": event.owner, "epoch": record.epoch, "sandboxes": (), "running": ()}
            changes |= {"finished": None, "ended": 0, "raised": event.limits or state.raised}
            changes |= {"learned": ()} if state.finished else {}  # what comes now can teach again
        case RunFinished():
            changes |= {"finished": event, "ended": record.ts}
        case Notice():
            changes["notices"] = (*state.notices, event)
        case BreakerTripped():
            changes["tripped"] = (*state.tripped, event)
        case CommandReceived():
            changes["acknowledged"] = max(state.acknowledged, event.command)
        case BranchIntended():
            changes["branch_intended"] = event
        case BranchMade():
            changes["branch_made"] = event
        case PullRequestMade():
            changes["pull_request"] = event
        case NotesInjected():
            changes["notes"] = event.notes
        case NoteDropped():
            changes["dropped"] = (*state.dropped, event.note)
        case NoteChecked():
            changes["checked"] = (*state.checked, event.note)
        case RunForked():
            changes["forked"] = event
        case NoteLearned():
            changes["learned"] = (*state.learned, event)
        case SandboxOpened():
            changes["sandboxes"] = (*state.sandboxes, event)
        case SandboxClosed():
            changes["sandboxes"] = tuple(open_ for open_ in state.sandboxes if open_.sandbox != event.sandbox)
        case GateStarted():
            changes["running"] = (*state.running, event)
        case GateFinished():
            changes["running"] = tuple(
                gate for gate in state.running if (gate.gate, gate.iteration) != (event.gate, event.iteration)
            )
            if event.place == "base":
                changes["baseline"] = state.baseline | {event.gate: _result(event)}
            else:
                changes["iterations"] = advance(state.iterations, event, event.iteration, record.ts)
        case ConversationOpened() | ConversationEnded():
            changes |= _talk(state, record, event)
        case IterationStarted() | CandidateMade() | VerdictGiven() | IterationFinished():
            changes["iterations"] = advance(state.iterations, event, event.n, record.ts)
        case _:
            pass
    return changes


def _talk(state: State, record: Record, event: ConversationOpened | ConversationEnded) -> dict[str, Any]:
    talk = state.conversations.get(event.conversation)
    if isinstance(event, ConversationOpened):
        n = number(event.conversation) or (state.iterations[-1].n if state.iterations else 0)
        talk = Conversation(name=event.conversation, role=event.role, model=event.model, iteration=n, opened=record.seq)
    elif talk is not None:
        talk = msgspec.structs.replace(talk, ended=event)
    else:
        return {}
    changes: dict[str, Any] = {"conversations": state.conversations | {talk.name: talk}}
    if talk.role == "maker":
        changes["iterations"] = advance(state.iterations, event, talk.iteration, record.ts)
    return changes


def _result(event: GateFinished) -> GateResult:
    """What a gate found at base; of an erased result the ids of the failures are left, and they decide."""
    if event.result is not None:
        return event.result
    ids = dict.fromkeys((*event.baseline_failures, *event.new_failures))
    failures = tuple(Failure(id=name, message="") for name in ids)
    status: Any = event.status
    return GateResult(gate=event.gate, kind="", status=status, summary=event.summary, failures=failures)
