"""What a run costs: a fold over its model calls, in micro-dollars, by role and model.

A call counts what it was settled at. One whose reservation was written and whose end was not (the harness was
killed in between) counts at its reservation: its outcome is unknown, and the server may have billed it.
"""

from collections.abc import Iterable

import msgspec

from harness.events import Event, ModelFailed, ModelReplied, ModelRequested, Usage
from harness.journal.base import Record


class Spend(msgspec.Struct, frozen=True, kw_only=True):
    """What one model cost in one role."""

    role: str
    model: str
    calls: int = 0
    """Replies."""
    failed: int = 0
    """Attempts that brought no reply."""
    usage: Usage = Usage()
    settled: int = 0
    held: int = 0
    """Reservations of attempts whose outcome is unknown, or not known yet."""
    tokens_lost: int = 0
    """Charged for attempts whose outcome is unknown."""
    tokens_held: int = 0
    """Reserved by attempts whose outcome is not known."""

    @property
    def cost(self) -> int:
        """Micro-dollars, settled and held."""
        return self.settled + self.held


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A reservation that nothing has settled."""

    conversation: str
    call: int
    attempt: int
    role: str
    model: str
    reserved: int
    tokens: int = 0


class Accounts(msgspec.Struct, frozen=True):
    """The state of the fold."""

    spends: tuple[Spend, ...] = ()
    holds: tuple[Hold, ...] = ()

    @property
    def cost(self) -> int:
        """Micro-dollars, settled and held."""
        return sum(spend.cost for spend in self.spends)

    @property
    def usage(self) -> Usage:
        return sum((spend.usage for spend in self.spends), Usage())

    @property
    def tokens(self) -> int:
        """What counts against a token limit: used, lost and held."""
        return self.usage.total + sum(spend.tokens_lost + spend.tokens_held for spend in self.spends)

    def calls(self, role: str | None = None) -> int:
        """Replies, of one role or of all: a maker's replies are its turns."""
        return sum(spend.calls for spend in self.spends if role in (None, spend.role))


class Meter:
    """Adds up the model calls of a run, one event at a time, wherever the fold stands."""

    def __init__(self, accounts: Accounts | None = None) -> None:
        start = accounts or Accounts()
        self._rows = {
            (s.role, s.model): [
                s.calls, s.failed, s.settled, s.held,
                s.usage.input, s.usage.output, s.usage.cache_read, s.usage.cache_write_5m, s.usage.cache_write_1h,
                s.tokens_lost, s.tokens_held,
            ]
            for s in start.spends
        }  # fmt: skip
        self._holds: dict[tuple[str, int], list[tuple[int, str, str, int, int]]] = {}
        for h in start.holds:
            self._holds.setdefault((h.conversation, h.call), []).append(
                (h.attempt, h.role, h.model, h.reserved, h.tokens)
            )

    def add(self, event: Event) -> bool:
        """Count `event`; whether it was one that counts."""
        match event:
            case ModelRequested():
                role = role_of(event.conversation)
                key = (event.conversation, event.call)
                self._holds.setdefault(key, []).append((event.attempt, role, event.model, event.reserved, event.tokens))
                row = self._row(role, event.model)
                row[3] += event.reserved
                row[10] += event.tokens
            case ModelReplied():
                self._release(event.conversation, event.call, None)
                row = self._row(role_of(event.conversation), event.model)
                usage = event.usage
                row[0] += 1
                row[2] += event.cost
                row[4] += usage.input
                row[5] += usage.output
                row[6] += usage.cache_read
                row[7] += usage.cache_write_5m
                row[8] += usage.cache_write_1h
            case ModelFailed():
                self._release(event.conversation, event.call, event.attempt)
                row = self._row(role_of(event.conversation), event.model)
                row[1] += 1
                row[2] += event.cost
                row[9] += event.tokens
            case _:
                return False
        return True

    def accounts(self) -> Accounts:
        """Where the fold stands."""
        spends = tuple(
            Spend(
                role=role,
                model=model,
                calls=r[0],
                failed=r[1],
                settled=r[2],
                held=r[3],
                usage=_usage(r),
                tokens_lost=r[9],
                tokens_held=r[10],
            )
            for (role, model), r in self._rows.items()
        )
        holds = tuple(
            Hold(
                conversation=name, call=call, attempt=attempt, role=role, model=model, reserved=reserved, tokens=tokens
            )
            for (name, call), held in self._holds.items()
            for attempt, role, model, reserved, tokens in held
        )
        return Accounts(spends, holds)

    def _row(self, role: str, model: str) -> list[int]:
        row = self._rows.get((role, model))
        if row is None:
            row = self._rows[role, model] = [0] * 11
        return row

    def _release(self, conversation: str, call: int, attempt: int | None) -> None:
        """Lift the latest hold of this attempt; one of a killed process, further down, stays for ever."""
        holds = self._holds.get((conversation, call), [])
        for at in range(len(holds) - 1, -1, -1):
            if attempt is None or holds[at][0] == attempt:
                _, role, model, reserved, tokens = holds.pop(at)
                row = self._row(role, model)
                row[3] -= reserved
                row[10] -= tokens
                break
        if not holds:
            self._holds.pop((conversation, call), None)


def cost(events: Iterable[Event]) -> Accounts:
    """The accounts of a run: its table by role and model."""
    meter = Meter()
    for event in events:
        meter.add(event)
    return meter.accounts()


def settled_before(records: Iterable[Record], moment: int) -> int:
    """Micro-dollars that a run's calls were settled at before `moment` (microseconds since 1970)."""
    meter = Meter()
    for record in records:
        if record.ts >= moment:
            break
        meter.add(record.event)
    return sum(spend.settled for spend in meter.accounts().spends)


def role_of(conversation: str) -> str:
    """The role that a conversation's name begins with."""
    return conversation.partition(".")[0]


def by_model(spends: Iterable[Spend]) -> dict[str, Spend]:
    """The same rows added up over the roles (and over runs, when there are several)."""
    return _grouped((spend.model, msgspec.structs.replace(spend, role="")) for spend in spends)


def by_role(spends: Iterable[Spend]) -> dict[str, Spend]:
    """The same rows added up over the models."""
    return _grouped((spend.role, msgspec.structs.replace(spend, model="")) for spend in spends)


def _grouped(pairs: Iterable[tuple[str, Spend]]) -> dict[str, Spend]:
    sums: dict[str, Spend] = {}
    for key, spend in pairs:
        old = sums.get(key)
        sums[key] = spend if old is None else Spend(
            role=spend.role,
            model=spend.model,
            calls=old.calls + spend.calls,
            failed=old.failed + spend.failed,
            usage=old.usage + spend.usage,
            settled=old.settled + spend.settled,
            held=old.held + spend.held,
            tokens_lost=old.tokens_lost + spend.tokens_lost,
            tokens_held=old.tokens_held + spend.tokens_held,
        )  # fmt: skip
    return sums


def _usage(row: list[int]) -> Usage:
    return Usage(input=row[4], output=row[5], cache_read=row[6], cache_write_5m=row[7], cache_write_1h=row[8])
