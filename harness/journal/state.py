"""What a run has come to: the fold from which the loop goes on, a screen is drawn and a run is resumed."""

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
    QuestionAnswered,
    QuestionAsked,
    RunClaimed,
    RunCreated,
    RunFinished,
    RunForked,
    RunParked,
    RunPaused,
    SandboxClosed,
    SandboxOpened,
    SandboxUsed,
    Told,
    ToolFinished,
    ToolStarted,
    Usage,
    VerdictGiven,
)
from harness.goal import Limits
from harness.journal.base import Record
from harness.journal.cost import Accounts, Meter, by_model
from harness.journal.iteration import Conversation, Iteration, advance, number
from harness.journal.people import asked
from harness.journal.phase import Phase, after

INERT = frozenset((ToolStarted, ToolFinished, Told, SandboxUsed))
"""What changes nothing here: the types that the statement `read_for_state` leaves out."""


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
    judged_anew: int = 0
    """The last iteration that was judged before a person widened the scope: what was found of it holds no longer."""
    denied: tuple[tuple[str, int], ...] = ()
    """Hosts that were wanted and not allowed, with the iteration in which they were."""
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
        return self.worked + (_pursued(self, self.touched) if self.claimed else 0)

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
                worked = state.worked + (_pursued(state, seen) if state.claimed else 0)
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


def _pursued(state: State, until: int) -> int:
    """Microseconds since the claim in which the run was not paused."""
    return (state.rested or until) - state.claimed - state.idle


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
