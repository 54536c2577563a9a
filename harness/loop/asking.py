"""Asking a person: a question with options and a deadline parks the run, and its answer is read when it goes on."""

import re
from collections import Counter
from collections.abc import Generator, Sequence

import msgspec

from harness.agent import MAKER_TOOLS
from harness.events import Event, HostAllowed, QuestionAnswered, QuestionAsked, RunParked
from harness.goal import MICRO
from harness.loop.endings import Ended, Parked
from harness.loop.limits import between_iterations
from harness.loop.run import Run

DENY = "deny"
"""What holds when nobody answers in time."""


KINDS = {
    "review_rounds": "checker",
    "unchanged_failures": "stuck",
    "seen_tree": "stuck",
    "repetition": "stuck",
    "output_runaway": "stuck",
    "scope_tools": "tool",
    "scope_paths": "scope",
}
"""What a person is asked about when this breaker trips, where `[escalation] ask` names it."""
OPTIONS = {"tool": ("allow_run", "reply"), "scope": ("allow_run", "reply"), "host": ("allow_run",)}
"""What can be answered besides `deny`; about all else: go on once, without asking again, or with a word."""


def worth_going_on(run: Run, n: int) -> Generator[Event, None, None]:
    """Before iteration `n`: raise `Ended` when the ones before show that it would be a waste and nobody disagrees."""
    yield from _hosts(run)
    try:
        between_iterations(run.state, run.goal.limits)
    except Ended as ended:
        if not asks_about(run, ended):
            raise
        kind = _kind(ended)
        if "allow_run" in _answers(run, kind) and kind not in OPTIONS:
            return
        text = f"{ended.reason}. Shall it go on? A reply is told to the maker."
        subject = ended.subject or f"iteration {n}"
        said = yield from ask(run, kind, subject, text, OPTIONS.get(kind, ("allow_once", "allow_run", "reply")))
        if said.answer == DENY:
            raise


def _hosts(run: Run) -> Generator[Event, None, None]:
    """A host that was wanted in two iterations is asked about once; without it the run goes on as it can."""
    if "host" not in run.config.escalation.ask:
        return
    wanted = Counter(host for host, _ in run.state.denied)
    for host, times in wanted.items():
        if times > 1 and host not in run.state.allowed:
            text = f"the sandbox wanted {host} in {times} iterations, and the network policy does not name it"
            yield from ask(run, "host", host, text, OPTIONS["host"])


def granted(run: Run, kind: str) -> tuple[str, ...]:
    """The subjects of a kind that people have allowed for the rest of the run: paths, tools, hosts."""
    asked = [q for q in run.state.asked if q.kind == kind and q.question in run.state.answers]
    allowed = [q for q in asked if run.state.answers[q.question].answer.startswith("allow")]
    return tuple(subject for q in allowed for subject in q.subject.split("\n"))


def tools_of(run: Run) -> tuple[str, ...]:
    """The tools that the maker has besides the two that end its work; empty for all."""
    only = run.config.scope.tools
    return (*only, *granted(run, "tool")) if only else ()


def asks_about(run: Run, ended: Ended) -> bool:
    """Whether a person is to be asked before a breaker ends the run. A tool that nobody has cannot be allowed."""
    if _kind(ended) == "tool" and not set(ended.subject.split("\n")) & set(MAKER_TOOLS):
        return False
    return _kind(ended) in run.config.escalation.ask


def _kind(ended: Ended) -> str:
    return KINDS.get(ended.tripped[0], "") if ended.tripped else ""


def _answers(run: Run, kind: str) -> tuple[str, ...]:
    return tuple(
        run.state.answers[q.question].answer
        for q in run.state.asked
        if q.kind == kind and q.question in run.state.answers
    )


def answered(run: Run) -> Generator[Event, None, None]:
    """Before the loop goes on: expired questions are denied, what was allowed holds from here on.

    Raises `Parked` while a question is still open.
    """
    if cause := run.cancel.take():
        raise cause
    for question in run.state.questions:
        if run.state.touched < question.deadline:
            raise Parked(question)
        yield QuestionAnswered(question=question.question, answer=question.default, expired=True)
    for host in granted(run, "host"):
        if host not in run.state.allowed:
            yield HostAllowed(host=host)
    if paths := granted(run, "scope"):
        scope = tuple(dict.fromkeys((*run.goal.scope, *map(literal, paths))))
        run.goal = msgspec.structs.replace(run.goal, scope=scope)
        run.rules = msgspec.structs.replace(run.rules, scope=scope)


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
        deadline=run.state.touched + round(run.config.escalation.hours * 3_600) * MICRO,
        subject=subject,
    )
    yield question
    raise Parked(question)


def parked(run: Run, park: Parked) -> RunParked:
    """The run's last event until somebody answers."""
    run.cancel.close()
    question = park.question
    return RunParked(reason=f"asks: {question.text}", question=question.question, until=question.deadline)


def literal(path: str) -> str:
    """A path as a glob that matches it alone."""
    return re.sub(r"[*?\[\]]", "?", path)
