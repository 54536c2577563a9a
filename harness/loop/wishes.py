"""What people want of a run: rows of the journal, acknowledged by it and done between two steps of the loop."""

import time
from collections.abc import Callable, Iterable, Iterator

import msgspec

from harness.events import (
    CommandReceived,
    Event,
    HostAllowed,
    IterationStarted,
    Notice,
    QuestionAnswered,
    QuestionAsked,
    RunContinued,
    RunPaused,
    ShellClosed,
    ShellOpened,
    Told,
)
from harness.goal import MICRO
from harness.journal import Command, Journal
from harness.loop.endings import stopped_by
from harness.loop.run import Run
from harness.loop.surroundings import in_run, wrong_host

POLL = 0.25
"""Seconds between two looks at commands while a run is paused, and of the supervisor."""

Store = Callable[[Event], None]


class Reply(msgspec.Struct, frozen=True):
    """The text of an `answer`; without a question it is meant for the oldest open one."""

    answer: str
    question: str = ""
    text: str = ""


class Session(msgspec.Struct, frozen=True):
    """The text of a `shell` and a `shell_end`: a person's session in a sandbox."""

    sandbox: str
    writable: bool = False
    micros: int = 0


def heed(run: Run, journal: Journal, store: Store) -> None:
    """Acknowledge what was asked since the last look, in order, and do it. Called by the loop's own thread.

    A command that a later one withdraws is acknowledged and not done. A `stop` whose text is a number of seconds
    waits for so long, and what was asked after it waits with it: so long it can be withdrawn.
    """
    waiting = journal.commands(run.id, run.state.acknowledged)
    undone = withdrawn(waiting)
    for command in waiting:
        if command.id not in undone and not due(command):
            return
        store(CommandReceived(command=command.id, kind=command.kind, principal=command.principal, text=command.text))
        if command.id not in undone:
            for event in _done(run, command):
                store(event)


def rest(run: Run, journal: Journal, store: Store) -> None:
    """Hold the run while a person has it paused: the clock stands still, commands are heard."""
    if not run.pausing:
        return
    store(RunPaused(principal=run.pausing))
    run.pausing = ""
    run.resting = time.monotonic()
    while run.state.paused and not run.cancel.wait(POLL):
        heed(run, journal, store)
    run.started += time.monotonic() - run.resting
    run.resting = None


def wants_stop(waiting: Iterable[Command]) -> bool:
    """Whether somebody asks for an end now."""
    waiting = tuple(waiting)
    undone = withdrawn(waiting)
    return any(c.kind == "stop" and c.id not in undone and due(c) for c in waiting)


def withdrawn(waiting: Iterable[Command]) -> frozenset[int]:
    """The ids that `withdraw` commands name."""
    return frozenset(int(c.text) for c in waiting if c.kind == "withdraw" and c.text.isdecimal())


def due(command: Command) -> bool:
    """Whether a command is to be done now: only a `stop` can be put off."""
    if command.kind != "stop" or not command.text.isdecimal():
        return True
    return time.time_ns() // 1000 >= command.ts + int(command.text) * MICRO


def said_of(question: QuestionAsked | None, answer: str, text: str = "") -> str:
    """What the maker is told of an answer: a person's words, and whether it may reach a host that was denied."""
    if question is None or question.kind != "host":
        return text
    may = {"allow_once": "may be reached in this iteration", "allow_run": "may be reached from now on"}
    what = may.get(answer, "stays out of reach: do without it, and do not try again")
    return f"{question.subject} {what}. {text}".strip()


def unsaid(events: Iterable[Event]) -> tuple[list[str], list[str]]:
    """What people wanted said to the maker and was not said yet: now, and from the next iteration on."""
    now: list[tuple[int, str]] = []
    later: list[tuple[int, str]] = []
    asked: dict[str, QuestionAsked] = {}
    for event in events:
        match event:
            case CommandReceived(kind="steer"):
                now.append((event.command, event.text))
            case CommandReceived(kind="steer_next"):
                later.append((event.command, event.text))
            case CommandReceived(kind="withdraw"):
                now, later = ([row for row in rows if str(row[0]) != event.text] for rows in (now, later))
            case QuestionAsked():
                asked[event.question] = event
            case QuestionAnswered() if said := said_of(asked.get(event.question), event.answer, event.text):
                now.append((0, said))
            case IterationStarted():
                now, later = now + later, []
            case Told(why="steer"):
                at = next((n for n, row in enumerate(now) if row[1] == event.text), None)
                now = now if at is None else now[:at] + now[at + 1 :]
    return [text for _, text in now], [text for _, text in later]


def _done(run: Run, command: Command) -> Iterator[Event]:
    match command.kind:
        case "stop":
            run.cancel.set(stopped_by("stop"))
        case "steer":
            run.words.append(command.text)
        case "steer_next":
            run.later.append(command.text)
        case "pause" if run.state.paused is None:
            run.pausing = command.principal or "somebody"
        case "continue":
            run.pausing = ""
            if run.state.paused:
                yield RunContinued(principal=command.principal)
        case "allow":
            yield from _allowed(run, command)
        case "shell" | "shell_end":
            yield from _looked(command)
        case "answer":
            yield from _answered(run, command)


def _allowed(run: Run, command: Command) -> Iterator[Event]:
    """A host is allowed for the rest of the run, where it has a network through which one could be reached."""
    host = command.text.strip()
    if why := wrong_host(host):
        yield Notice(what=f"{host!r} cannot be allowed", why=why, fix="name a host, as in sandbox.network.allow")
    elif in_run(run.config.sandbox, ()) is None:
        fix = '[sandbox.network] preset = "open" gives the next run a way out that can be opened further'
        yield Notice(what=f"{host} cannot be allowed", why="this run has no network", fix=fix)
    else:
        yield HostAllowed(host=host, principal=command.principal)
        run.allow(host)


def _looked(command: Command) -> Iterator[Event]:
    """A person has opened a session in a sandbox, or ended it: `harness.loop.shell` has told."""
    try:
        session = msgspec.json.decode(command.text, type=Session)
    except msgspec.MsgspecError:
        yield Notice(what="a session of a person could not be read", why=command.text[:200])
        return
    if command.kind == "shell":
        yield ShellOpened(sandbox=session.sandbox, writable=session.writable, principal=command.principal)
    else:
        yield ShellClosed(sandbox=session.sandbox, principal=command.principal, micros=session.micros)


def _answered(run: Run, command: Command) -> Iterator[Event]:
    """The first answer to an open question; any other is acknowledged and changes nothing."""
    try:
        reply = msgspec.json.decode(command.text, type=Reply)
    except msgspec.MsgspecError:
        yield Notice(what="an answer could not be read", why=command.text[:200])
        return
    open_ = [q for q in run.state.questions if reply.question in ("", q.question)]
    if not open_:
        return
    question = open_[0]
    if reply.answer not in question.options:
        options = ", ".join(question.options)
        yield Notice(what=f"{reply.answer!r} answers {question.question} with none of its options", fix=options)
        return
    if said := said_of(question, reply.answer, reply.text):
        run.words.append(said)
    yield QuestionAnswered(
        question=question.question,
        answer=reply.answer,
        text=reply.text,
        principal=command.principal,
        command=command.id,
    )
