"""The shell around the loop: it stores every event before the loop goes on, shows it, and brings wishes to stop."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from threading import Event as Flag
from threading import Thread, current_thread, main_thread
from typing import Literal

from harness.events import (
    BranchIntended,
    CandidateMade,
    Event,
    GateStarted,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    PullRequestIntended,
    RunFinished,
    RunParked,
    ToolStarted,
)
from harness.exits import DEFECT, LIMIT
from harness.goal import MICRO
from harness.journal import Journal, JournalError, Record, Speech, apply
from harness.loop.endings import Ended, money_of_the_day, out_of_time, stop_taken, stopped_by
from harness.loop.engine import pursue
from harness.loop.prepare import Ready
from harness.loop.run import Run
from harness.loop.standing import kept
from harness.loop.wishes import POLL, heed, rest, wants_stop
from sandboxes.base import SandboxError

INTENTS = (ModelRequested, ToolStarted, GateStarted, BranchIntended, PullRequestIntended)
"""After these the loop is about to act: a person's wish to pause waits for what comes of it."""


Supervise = Callable[[Run, Journal], AbstractContextManager[None]]


def drive(
    ready: Ready,
    journal: Journal,
    view: Callable[[Record], None] = lambda record: None,
    supervise: Supervise | None = None,
    ended: Callable[[], None] = lambda: None,
) -> RunFinished | RunParked:
    """Claim the run and pursue it until it ends, or has to ask a person.

    `ended` is called when it has, before its containers are cleared away. `supervise` watches beside the loop:
    signals, commands and the clock, unless a replay brings its own. Raises `StaleEpoch` when another process takes it
    over. A defect of the harness ends the run as `failed` with exit code 70, and is raised again.
    """
    run = ready.run
    owner = f"{socket.gethostname()}:{os.getpid()}"
    epoch = journal.claim(run.id, owner, ready.limits)
    run.state = journal.state(run.id)
    run.speech = Speech(journal.path, run.id, run.clean)

    show = _careful(view)

    def store(event: Event) -> None:
        taken = [stop_taken(cause, bool(run.cancel.within))] if (cause := run.cancel.unsaid()) else []
        tape = run.tape.drain(taken=isinstance(event, CandidateMade))
        for record in journal.append(run.id, epoch, *tape, *taken, event):
            run.state = apply(run.state, record)
            show(record)
        match event:
            case ModelRequested():
                run.speech.begin(event.conversation, event.call)
            case ModelReplied() | ModelFailed():
                run.speech.close()

    with ready.held, closing(run.speech), (supervise or _supervised)(run, journal):
        for record in ready.opening:
            show(record)
        try:
            _drain(run, journal, store)
        except JournalError:  # taken over, or no room to write: whoever cannot store an event stops at once
            raise
        except Exception as defect:
            store(_defect(run, defect))
            raise
    if run.state.parked:
        ended()
        return run.state.parked
    if run.state.finished is None:
        raise AssertionError("the loop ended without an outcome")
    ended()
    if not _goes_on(run.state.finished):
        with suppress(SandboxError):  # the run has ended; what is left is for `loopwright gc`
            run.engine.discard(run.id)
    return run.state.finished


def _goes_on(finished: RunFinished) -> bool:
    """Whether `resume` would go on in the maker's conversation, and so needs its work tree."""
    return finished.outcome in ("cancelled", "failed") or finished.exit_code == LIMIT


def _careful(view: Callable[[Record], None]) -> Callable[[Record], None]:
    """A view that is switched off when it fails (its pipe was closed): nobody looking on is no reason to stop."""
    broken = False

    def show(record: Record) -> None:
        nonlocal broken
        if not broken:
            try:
                view(record)
            except (OSError, ValueError):
                broken = True

    return show


def _drain(run: Run, journal: Journal, store: Callable[[Event], None]) -> None:
    heed(run, journal, store)  # what was asked while nobody pursued it
    loop = pursue(run)
    event: Event | None = next(loop, None)
    while event is not None:
        if isinstance(event, ModelRequested) and (cause := run.cancel.take()):
            event = loop.throw(cause)  # announced and not sent: a reservation nobody would ever lift
            continue
        for news in run.news():
            store(news)
        store(event)
        if isinstance(event, ModelRequested) and (over := day_spent(run, journal)):
            store(not_sent(event))
            event = loop.throw(over)
            continue
        heed(run, journal, store)
        if not isinstance(event, INTENTS):
            rest(run, journal, store)
        cause = run.cancel.take()
        event = loop.throw(cause) if cause else next(loop, None)


def day_spent(run: Run, journal: Journal) -> Ended | None:
    """What ends the run when all runs of this machine have used up the day's money, this call's reservation included.

    Each process stores its reservation before it adds up, so that no two can both find room for the last dollar.
    """
    limit = round(run.config.ceiling.usd_per_day * MICRO)
    day = 86_400 * MICRO
    spent = journal.spent(time.time_ns() // 1000 // day * day)
    return money_of_the_day(spent, limit) if spent > limit else None


def not_sent(event: ModelRequested) -> ModelFailed:
    """The end of an attempt that was announced and not made: its reservation is lifted."""
    return ModelFailed(
        conversation=event.conversation,
        call=event.call,
        attempt=event.attempt,
        model=event.model,
        kind="not_sent",
        message="the day's money is used up",
        cost=0,
    )


def _defect(run: Run, defect: Exception) -> RunFinished:
    best = kept(run)
    return RunFinished(
        outcome="failed",
        reason=f"a defect of the harness: {type(defect).__name__}: {defect}",
        exit_code=DEFECT,
        next_step=f"please report it with the output of: loopwright log {run.id}",
        best=best.commit if best else None,
    )


@contextmanager
def _supervised(run: Run, journal: Journal) -> Iterator[None]:
    """Signals, stop commands and the clock, watched beside the loop so that nothing it waits for can hide them.

    What a model says is shown from here, too."""
    over = Flag()
    signals: list[Literal["SIGINT", "SIGTERM"]] = []

    def watch() -> None:
        while not over.wait(POLL):
            if time.monotonic() > run.deadline:
                run.cancel.set(out_of_time(int(time.monotonic() - run.started), run.goal.limits.seconds))
            if signals:
                run.cancel.set(stopped_by(signals[0]))
            with suppress(JournalError):  # the loop's own thread will say it
                if wants_stop(journal.commands(run.id, run.state.acknowledged)):
                    run.cancel.set(stopped_by("stop"))
            run.cancel.interrupt()
            run.speech.show()

    def note(number: int, frame: object) -> None:
        if signals and number == signal.SIGINT:
            raise KeyboardInterrupt  # the second Ctrl-C: at once; the run can be resumed
        signals.append("SIGTERM" if number == signal.SIGTERM else "SIGINT")

    thread = Thread(target=watch, name="supervisor", daemon=True)
    thread.start()
    mine = (signal.SIGINT, signal.SIGTERM) if current_thread() is main_thread() else ()
    previous = {number: signal.signal(number, note) for number in mine}
    try:
        yield
    finally:
        over.set()
        thread.join(30)
        for number, handler in previous.items():
            signal.signal(number, handler)
