"""Asking a person: a question with options and a deadline parks the run, and its answer is read when it goes on."""

import time
from collections.abc import Generator, Sequence

from harness.events import Event, QuestionAnswered, QuestionAsked, RunParked
from harness.goal import MICRO
from harness.loop.endings import Ended, Parked
from harness.loop.limits import between_iterations
from harness.loop.run import Run

DENY = "deny"
"""What holds when nobody answers in time."""


KINDS = {"review_rounds": "checker", "unchanged_failures": "stuck", "seen_tree": "stuck", "repetition": "stuck"}
"""What a person is asked about when this breaker trips, where `[escalation] ask` names it."""


def worth_going_on(run: Run, n: int) -> Generator[Event, None, None]:
    """Before iteration `n`: raise `Ended` when the ones before show that it would be a waste and nobody disagrees."""
    try:
        between_iterations(run.state, run.goal.limits)
    except Ended as ended:
        if not asks_about(run, ended):
            raise
        kind = _kind(ended)
        if any(run.state.answers[q.question].answer == "allow_run" for q in _settled(run, kind)):
            return
        text = f"{ended.reason}. Shall it go on? A reply is told to the maker."
        said = yield from ask(run, kind, f"iteration {n}", text, ("allow_once", "allow_run", "reply"))
        if said.answer == DENY:
            raise


def asks_about(run: Run, ended: Ended) -> bool:
    """Whether a person is to be asked before a breaker ends the run."""
    return _kind(ended) in run.config.escalation.ask


def _kind(ended: Ended) -> str:
    return KINDS.get(ended.tripped[0], "") if ended.tripped else ""


def _settled(run: Run, kind: str) -> tuple[QuestionAsked, ...]:
    return tuple(q for q in run.state.asked if q.kind == kind and q.question in run.state.answers)


def answered(run: Run) -> Generator[Event, None, None]:
    """Before the loop goes on: expired questions are denied. Raises `Parked` while one is still open."""
    if cause := run.cancel.take():
        raise cause
    for question in run.state.questions:
        if _now() < question.deadline:
            raise Parked(question)
        yield QuestionAnswered(question=question.question, answer=question.default, expired=True)


def ask(
    run: Run, kind: str, subject: str, text: str, options: Sequence[str]
) -> Generator[Event, None, QuestionAnswered]:
    """A person's answer about `subject`. Raises `Parked` when it has to be waited for.

    The same question is asked once: when the run goes on and comes here again, its answer is there.
    """
    for question in run.state.asked:
        if (question.kind, question.subject) == (kind, subject) and question.question in run.state.answers:
            return run.state.answers[question.question]
    question = QuestionAsked(
        question=f"q{len(run.state.asked) + 1}",
        kind=kind,
        text=text,
        options=(*options, DENY),
        default=DENY,
        deadline=_now() + round(run.config.escalation.hours * 3_600) * MICRO,
        subject=subject,
    )
    yield question
    raise Parked(question)


def parked(run: Run, park: Parked) -> RunParked:
    """The run's last event until somebody answers."""
    run.cancel.close()
    question = park.question
    return RunParked(reason=f"asks: {question.text}", question=question.question, until=question.deadline)


def _now() -> int:
    return time.time_ns() // 1000
