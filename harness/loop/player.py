"""A journal that was written before: what a replay is driven against, and what says where it differs."""

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NoReturn

import msgspec

from harness.agent import Conversation
from harness.clean import Cleaner
from harness.events import (
    BreakerTripped,
    CandidateMade,
    CommandReceived,
    ConversationOpened,
    Event,
    GateFinished,
    HostDenied,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    NoteChecked,
    RunClaimed,
    SandboxUsed,
    ServiceEnded,
    ServiceStarted,
    StopTaken,
    Told,
    ToolFinished,
)
from harness.goal import Limits
from harness.journal import Command, Record, State, fold
from harness.journal.codec import scrub
from harness.loop.endings import cause_of
from harness.loop.run import Run
from harness.loop.same import Difference, comparable, differing, first_byte
from harness.loop.scene import Scene, Unhurried, set_clock
from harness.loop.served import Desk
from harness.models import Profile, Request
from harness.models.wire import body

SOFT = (ConversationOpened, ToolFinished, Told)
"""What a model is told: a difference in it is reported at the first byte of the request that carries it."""
CAUSED = ("question.answered", "host.allowed", "run.continued", "notice")
"""What a command may lead to before the next one is acknowledged."""


class Halt(BaseException):
    """Leaves the replayed code from wherever it is. Without a difference: the process died here then."""

    def __init__(self, difference: Difference | None = None) -> None:
        super().__init__(difference)
        self.difference = difference


class Player:
    """A journal that was written before: it takes the event that follows and no other, and says what came then."""

    def __init__(self, scene: Scene, clean: Cleaner) -> None:
        self.scene, self.clean = scene, clean
        self.path = scene.repository.root / "journal.db"
        self.records = [r for r in scene.records if not isinstance(r.event, SandboxUsed)]
        # where it begins: what stands before the first process took it was there for that one, too
        self.at = next((n for n, r in enumerate(self.records) if isinstance(r.event, RunClaimed)), 1)
        self.requests = 0
        self.run: Run | None = None
        self._talks: dict[str, Conversation] = {}
        self._sent: tuple[ModelRequested, Request | None] | None = None
        self.soft: Difference | None = None
        self.folded = fold(self.records[: self.at])
        trees = (r.event.tree for r in scene.records if isinstance(r.event, CandidateMade))
        self.desk = Desk(self, scene.repository, scene.created.base, trees)
        for record in scene.records:
            if isinstance(record.event, SandboxUsed):
                used = record.event
                self.desk.record(record.epoch, used.number, used.sandbox, used.calls)

    # What the driver and the loop ask of a journal

    def hold(self, run: str) -> AbstractContextManager[None]:
        return nullcontext()

    def claim(self, run: str, owner: str, limits: Limits | None = None) -> int:
        record = self.records[self.at]
        self._advance()
        self.desk.epoch = record.epoch
        return record.epoch

    def state(self, run: str) -> State:
        return self.folded

    def read(self, run: str, after: int = 0) -> Iterator[Record]:
        done = self.records[self.at - 1].seq
        return iter([record for record in self.scene.records if after < record.seq <= done])

    def find(self, key: str) -> Event | None:
        event = self.next()
        known = isinstance(event, GateFinished | NoteChecked) and event.cached and event.key == key
        return event if known else None

    def spent(self, since: int) -> int:
        """The day's money, where it ended the run: what the other runs of that day cost is not known here."""
        if not (isinstance(failed := self.next(), ModelFailed) and failed.kind == "not_sent"):
            return 0
        events = (record.event for record in self.records[self.at :])
        return next((e.value for e in events if isinstance(e, BreakerTripped) and e.name == "money_per_day"), 0)

    def commands(self, run: str, after: int, limit: int | None = None) -> tuple[Command, ...]:
        found = []
        for record in self.records[self.at :]:
            event = record.event
            if isinstance(event, CommandReceived):
                found.append(Command(event.command, run, record.ts, event.principal, event.kind, event.text))
            elif tag(event) not in CAUSED:
                break
        return tuple(found)

    def append(self, run: str, epoch: int, *events: Event) -> tuple[Record, ...]:
        return tuple(self._match(event) for event in events if not isinstance(event, SandboxUsed))

    # Keeping step

    def next(self) -> Event | None:
        return self.records[self.at].event if self.at < len(self.records) else None

    def _match(self, event: Event) -> Record:
        expected = self.next()
        if expected is None or isinstance(expected, RunClaimed):
            self.lost("the run goes on", "it had ended, or died, here", tag(event))
        record = self.records[self.at]
        now, then = comparable(scrub(event, self.clean)), comparable(expected)
        if now != then:
            found = differing(record.seq, tag(expected), now, then)
            # once a text differs so does what its request reserves: the request itself will tell
            soft = (*SOFT, ModelRequested) if self.soft else SOFT
            if not (isinstance(expected, soft) and type(event) is type(expected)):
                raise Halt(self.soft or found)
            self.soft = self.soft or found
        self._hear(record, event)
        self._advance()
        return record

    def _hear(self, record: Record, live: Event) -> None:
        """Keep the conversations as they were then, from the recorded events alone."""
        event = record.event
        if isinstance(event, ConversationOpened):
            self._talks[event.conversation] = Conversation(event)
        elif (talk := self._talks.get(getattr(event, "conversation", ""))) is not None:
            talk.apply(event)
            if isinstance(event, ModelRequested):
                self._sent = event, _request(talk, event)

    def _advance(self) -> None:
        self.folded = fold(self.records[self.at : self.at + 1], self.folded)
        event, self.at = self.records[self.at].event, self.at + 1
        if self.run is not None:
            self._stimulate(self.run, event)

    def _stimulate(self, run: Run, event: Event) -> None:
        """What came from outside after this event, and the time it was."""
        coming = self.next()
        if isinstance(run.cancel, Unhurried):
            run.cancel.last = isinstance(event, ModelFailed) and event.retry_micros is None
            if isinstance(coming, StopTaken):
                run.cancel.plan(cause_of(coming), within=coming.within)
        timed = isinstance(coming, StopTaken) or (isinstance(coming, Told) and coming.why == "wrap_up")
        wait = self.records[self.at].ts - self.records[self.at - 1].ts if timed else 0
        set_clock(run, self.folded, wait)

    def lost(self, what: str, why: str, *detail: str) -> NoReturn:
        coming = self.next()
        died = coming is None and not (self.folded.finished or self.folded.parked)
        if isinstance(coming, RunClaimed) or died:
            raise Halt(self.soft)  # the process died, or has not come, to where it stores what comes of this
        seq = self.records[min(self.at, len(self.records) - 1)].seq
        then = f"{why}; next came {tag(coming)}" if coming else why
        raise Halt(self.soft or Difference(seq=seq, what=what, now=" ".join(detail), then=then))

    def news(self) -> bool:
        return isinstance(self.next(), HostDenied | ServiceStarted | ServiceEnded)

    def heard(self, profile: Profile, request: Request) -> ModelReplied | ModelFailed:
        if self._sent is None:
            self.lost("a model is asked", "it was not then")
        sent, then = self._sent
        self._compare(profile, request, sent, then)
        for record in self.records[self.at :]:
            match record.event:
                case ModelReplied(conversation=sent.conversation, call=sent.call) as replied:
                    return replied
                case ModelFailed(conversation=sent.conversation, call=sent.call, attempt=sent.attempt) as failed:
                    return failed
                case RunClaimed():
                    break
        return self.lost("a model is asked", "no answer came", f"{sent.conversation} call {sent.call}")

    def _compare(self, profile: Profile, request: Request, sent: ModelRequested, then: Request | None) -> None:
        now = body(profile, request)
        if then is not None and (was := body(profile, then)) != now:
            raise Halt(first_byte(self.records[self.at - 1].seq, sent, now, was))
        if sent.request and hashlib.sha256(now).hexdigest() != sent.request:
            what = f"the request {sent.conversation} call {sent.call}"
            why = f"the body that was sent had the digest {sent.request[:16]}: the code that writes it has changed"
            raise Halt(Difference(seq=self.records[self.at - 1].seq, what=what, now="", then=why))
        self.requests += 1


def _request(talk: Conversation, sent: ModelRequested) -> Request | None:
    """The request as the journal tells it; None for a journal that does not know its length limit."""
    if not sent.params:
        return None
    given: dict[str, Any] = msgspec.json.decode(sent.params)
    request = talk.request(given["max_tokens"], given["schema"])
    return msgspec.structs.replace(request, effort=given["effort"])


def tag(event: Event | None) -> str:
    """An event's name in the journal."""
    return str(type(event).__struct_config__.tag) if event is not None else "nothing"
