"""Iterations and conversations as a run's events tell them."""

import msgspec

from harness.events import (
    CandidateMade,
    ConversationEnded,
    ConversationOpened,
    GateFinished,
    IterationFinished,
    IterationStarted,
    VerdictGiven,
)
from harness.journal.cost import role_of


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation. `opened` is the sequence number to read it from; `ended` is None while it can go on."""

    name: str
    role: str
    model: str
    iteration: int
    opened: int
    turns: int = 0
    ended: ConversationEnded | None = None


class Iteration(msgspec.Struct, frozen=True, kw_only=True):
    """One iteration. `ending` and `detail` say how the maker's last conversation ended, empty while it has not."""

    n: int
    parent: str = ""
    model: str = ""
    started: int = 0
    conversations: tuple[str, ...] = ()
    """The maker's, in order."""
    ending: str = ""
    detail: str = ""
    value: int = 0
    """Of the breaker that ended it, and its limit."""
    limit: int = 0
    candidate: CandidateMade | None = None
    gates: dict[str, GateFinished] = {}
    verdicts: tuple[VerdictGiven, ...] = ()
    finished: IterationFinished | None = None


Step = (
    IterationStarted | ConversationOpened | ConversationEnded | CandidateMade | GateFinished | VerdictGiven
    | IterationFinished
)  # fmt: skip
"""The events that change an iteration."""


def advance(iterations: tuple[Iteration, ...], event: Step, n: int, ts: int) -> tuple[Iteration, ...]:
    """The iterations after `event`, which belongs to number `n` and was stored at `ts`."""
    old = next((it for it in reversed(iterations) if it.n == n), None) or Iteration(n=n)
    new = _step(old, event, ts)
    if iterations and iterations[-1] is old:
        return (*iterations[:-1], new)
    return tuple(sorted((*(it for it in iterations if it.n != n), new), key=lambda it: it.n))


def _step(old: Iteration, event: Step, ts: int) -> Iteration:
    replace = msgspec.structs.replace
    match event:
        case IterationStarted():
            return replace(old, parent=event.parent, model=event.model, started=old.started or ts)
        case ConversationOpened(role="maker"):
            talks = (*old.conversations, event.conversation)
            return replace(old, conversations=talks, ending="", detail="", value=0, limit=0)
        case ConversationEnded():
            if event.conversation not in old.conversations:
                return old
            return replace(old, ending=event.ending, detail=event.detail, value=event.value, limit=event.limit)
        case CandidateMade() if old.candidate and old.candidate.tree != event.tree:
            # a resumed maker went on: what was said of the tree before says nothing of this one
            return replace(old, candidate=event, gates={}, verdicts=())
        case CandidateMade():
            return replace(old, candidate=event)
        case GateFinished():
            return replace(old, gates=old.gates | {event.gate: event})
        case VerdictGiven():
            return replace(old, verdicts=(*old.verdicts, event))
        case IterationFinished():
            return replace(old, finished=event)
        case _:
            return old


def number(conversation: str) -> int:
    """The iteration in a conversation's name, `<role>.<iteration>[.<round>]`; 0 when there is none."""
    part = conversation.removeprefix(role_of(conversation)).removeprefix(".").partition(".")[0]
    return int(part) if part.isdecimal() else 0
