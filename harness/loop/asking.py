"""Asking a person: a question with options and a deadline parks the run, and its answer is read when it goes on."""

import re
from collections import Counter
from collections.abc import Generator, Sequence

import msgspec

from harness.agent import MAKER_TOOLS
from harness.events import Event, QuestionAnswered, QuestionAsked, RunParked
from harness.goal import MICRO
from harness.loop.endings import Ended, Parked
from harness.loop.limits import between_iterations
from harness.loop.run import Run
from harness.loop.surroundings import covered, wrong_host
from harness.loop.wishes import said_of

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
OPTIONS = {"tool": ("allow_run", "reply"), "scope": ("allow_run", "reply"), "host": ("allow_once", "allow_run")}
"""What can be answered besides `deny`; about all else: go on once, without asking again, or with a word."""
HOSTS = 5
"""Hosts that are asked about at once. Who wants more has no need, but a search: that is for `scope_hosts`."""


def worth_going_on(run: Run, n: int) -> Generator[Event, None, None]:
    """Before iteration `n`: raise `Ended` when the ones before show that it would be a waste and nobody disagrees."""
    if "host" in run.config.escalation.ask:
        yield from _hosts(run, 2)
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


def denied(run: Run) -> Generator[Event, None, None]:
    """Before the maker's next request: ask about hosts that its sandbox was just denied, where that is wanted."""
    if "any_host" in run.config.escalation.ask:
        yield from _hosts(run, 1)


def _hosts(run: Run, times: int) -> Generator[Event, None, None]:
    """Ask about the hosts that were wanted in so many iterations and that nobody has spoken about; raises `Parked`.

    Whatever is answered, the run goes on: with the host, or as it can without it.
    """
    wanted = Counter(host for host, n in run.state.denied if _unspoken(run, host, n))
    hosts = [host for host, found in wanted.items() if found >= times]
    if not 0 < len(hosts) <= HOSTS:
        return
    asked: list[QuestionAsked] = []
    for host in hosts:
        text = f"the sandbox wanted {host}, which the network policy does not name. May it?"
        asked.append(_question(run, "host", host, text, OPTIONS["host"], len(asked)))
    yield from asked
    raise Parked(asked[0])


def _unspoken(run: Run, host: str, n: int) -> bool:
    """Whether nobody has said yes or no to a host that was wanted in iteration `n`, and one could say yes."""
    if host in run.state.allowed or any(once == host and n <= at for once, at in run.state.once) or wrong_host(host):
        return False
    if covered(run.config.sandbox, host):  # named, and yet denied: it leads inwards
        return False
    said = [run.state.answers.get(q.question) for q in run.state.asked if (q.kind, q.subject) == ("host", host)]
    return not any(answer and answer.answer == DENY for answer in said)


def granted(run: Run, kind: str) -> tuple[str, ...]:
    """The subjects of a kind that people have allowed for the rest of the run: paths, tools."""
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
    """Before the loop goes on: expired questions are denied, a scope that was widened holds from here on.

    Raises `Parked` while a question is still open.
    """
    if cause := run.cancel.take():
        raise cause
    for question in run.state.questions:
        if run.state.touched < question.deadline:
            raise Parked(question)
        yield QuestionAnswered(question=question.question, answer=question.default, expired=True)
        run.words += [word] if (word := said_of(question, DENY)) else []
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
    question = _question(run, kind, subject, text, options)
    yield question
    raise Parked(question)


def _question(run: Run, kind: str, subject: str, text: str, options: Sequence[str], more: int = 0) -> QuestionAsked:
    """A question after the `more` that are asked along with it."""
    return QuestionAsked(
        question=f"q{len(run.state.asked) + 1 + more}",
        kind=kind,
        text=text,
        options=(*options, DENY),
        default=DENY,
        deadline=run.state.touched + round(run.config.escalation.hours * 3_600) * MICRO,
        subject=subject,
    )


def parked(run: Run, park: Parked) -> RunParked:
    """The run's last event until somebody answers."""
    run.cancel.close()
    question = park.question
    return RunParked(reason=f"asks: {question.text}", question=question.question, until=question.deadline)


def literal(path: str) -> str:
    """A path as a glob that matches it alone."""
    return re.sub(r"[*?\[\]]", "?", path)
