"""What a run asks of people and they of it: open questions, answers, pausing and parking, as a fold."""

from typing import Any

from harness.events import (
    Event,
    HostAllowed,
    HostDenied,
    QuestionAnswered,
    QuestionAsked,
    RunClaimed,
    RunContinued,
    RunFinished,
    RunParked,
    RunPaused,
)
from harness.journal.base import Record
from harness.journal.state import State

PLAIN = (0, 80, 443)
"""Ports that a host's name alone means; any other is named with it."""


def asked(state: State, record: Record) -> dict[str, Any]:
    """The fields of the state that `record` changes because of a person, or for one."""
    match record.event:
        case QuestionAsked() | QuestionAnswered() as event:
            known = answered(state, event)
            if isinstance(event, QuestionAnswered) and event.answer.startswith("allow"):
                known |= _allowed(state, event)
            return {"questions": still_open(state.questions, event)} | known
        case RunPaused() as event if state.paused is None:
            return {"paused": event, "rested": record.ts}
        case RunContinued() if state.paused:
            return {"paused": None, "rested": 0, "idle": state.idle + record.ts - state.rested}
        case RunParked() as event:
            return {"parked": event, "sandboxes": (), "running": ()}
        case RunClaimed() | RunFinished():
            return {"parked": None, "paused": None, "rested": 0}
        case HostDenied(host=host, port=port):
            place = host if port in PLAIN else f"{host}:{port}"
            n = state.iterations[-1].n if state.iterations else 0
            return {"denied": (*(d for d in state.denied if d != (place, n)), (place, n))}
        case HostAllowed(host=host) if host not in state.allowed:
            return {"allowed": (*state.allowed, host)}
        case _:
            return {}


def _allowed(state: State, event: QuestionAnswered) -> dict[str, Any]:
    """What an answer allows: a wider scope, or a host in the iteration under way or from here on."""
    match next((q for q in state.questions if q.question == event.question), None):
        case QuestionAsked(kind="scope"):
            return {"judged_anew": state.iterations[-1].n if state.iterations else 0}
        case QuestionAsked(kind="host", subject=host) if event.answer == "allow_once":
            return {"once": (*state.once, (host, state.current))}
        case QuestionAsked(kind="host", subject=host) if host not in state.allowed:
            return {"allowed": (*state.allowed, host)}
        case _:
            return {}


def still_open(questions: tuple[QuestionAsked, ...], event: Event) -> tuple[QuestionAsked, ...]:
    """The open questions after `event`."""
    match event:
        case QuestionAsked():
            return (*(q for q in questions if q.question != event.question), event)
        case QuestionAnswered():
            return tuple(q for q in questions if q.question != event.question)
        case _:
            return questions


def answered(state: State, event: QuestionAsked | QuestionAnswered) -> dict[str, Any]:
    """Questions ever asked, and the answers by question: the first one counts."""
    if isinstance(event, QuestionAsked):
        return {"asked": (*state.asked, event)}
    return {} if event.question in state.answers else {"answers": state.answers | {event.question: event}}
