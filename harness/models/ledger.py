"""The ledger: money and tokens are reserved at their worst case before a call and settled after it."""

import itertools
import threading
from typing import Literal

import msgspec

from harness.events import Usage


class Hold(msgspec.Struct, frozen=True):
    """A reservation: what one attempt may cost at most."""

    number: int
    micro_usd: int
    tokens: int


class OverBudget(Exception):
    """A reservation that the limit has no room for. Nothing was sent. Money is in micro-dollars."""

    def __init__(self, kind: Literal["money", "tokens"], limit: int, spent: int, held: int, wanted: int) -> None:
        self.kind, self.limit, self.spent, self.held, self.wanted = kind, limit, spent, held, wanted
        show = _dollars if kind == "money" else _tokens
        self.what = f"the {kind} limit of {show(limit)} would be passed"
        others = f", {show(held)} reserved by other calls" if held else ""
        self.why = f"{show(spent)} spent{others}, and the next call may cost {show(wanted)}"
        option = "--max-cost" if kind == "money" else "[limits] tokens"
        self.fix = f"raise {option}, or give the run a smaller goal"
        super().__init__(f"{self.what}: {self.why}")


class Ledger:
    """The account of one run, shared by all its threads.

    At every moment `spent + held <= limit`, as long as no call costs more than was reserved for it. A resumed run
    starts with what the journal says was spent, open reservations included.
    """

    def __init__(self, limit_micro_usd: int, limit_tokens: int, *, spent: int = 0, tokens: int = 0) -> None:
        self.limit_micro_usd, self.limit_tokens = limit_micro_usd, limit_tokens
        self._spent, self._tokens = spent, tokens
        self._holds: dict[int, Hold] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    @property
    def spent(self) -> int:
        """Micro-dollars settled so far."""
        return self._spent

    @property
    def tokens(self) -> int:
        """Tokens settled so far: whole prompts, cached or not, and replies."""
        return self._tokens

    @property
    def held(self) -> int:
        """Micro-dollars reserved by calls under way."""
        with self._lock:
            return sum(hold.micro_usd for hold in self._holds.values())

    def reserve(self, micro_usd: int, tokens: int) -> Hold:
        """Set aside the worst case of a call that is about to be sent. Raises `OverBudget`."""
        with self._lock:
            money = sum(hold.micro_usd for hold in self._holds.values())
            count = sum(hold.tokens for hold in self._holds.values())
            if self._spent + money + micro_usd > self.limit_micro_usd:
                raise OverBudget("money", self.limit_micro_usd, self._spent, money, micro_usd)
            if self._tokens + count + tokens > self.limit_tokens:
                raise OverBudget("tokens", self.limit_tokens, self._tokens, count, tokens)
            hold = Hold(next(self._numbers), micro_usd, tokens)
            self._holds[hold.number] = hold
            return hold

    def settle(self, hold: Hold, cost: int, usage: Usage) -> None:
        """The call came back: charge what it cost, in micro-dollars."""
        self._close(hold, cost, usage.total)

    def forfeit(self, hold: Hold) -> None:
        """Nobody knows what the server billed: charge the whole reservation."""
        self._close(hold, hold.micro_usd, hold.tokens)

    def release(self, hold: Hold) -> None:
        """The server is known to have billed nothing."""
        self._close(hold, 0, 0)

    def _close(self, hold: Hold, cost: int, tokens: int) -> None:
        with self._lock:
            if self._holds.pop(hold.number, None) is None:
                raise ValueError(f"reservation {hold.number} was closed before")
            self._spent += cost
            self._tokens += tokens


class Slice:
    """A part of a ledger, for work that must not eat the rest: every reservation is made on both."""

    def __init__(self, whole: Ledger, limit_micro_usd: int, limit_tokens: int) -> None:
        self._whole, self._part = whole, Ledger(limit_micro_usd, limit_tokens)
        self._outer: dict[int, Hold] = {}

    @property
    def spent(self) -> int:
        """Micro-dollars settled on this part."""
        return self._part.spent

    def reserve(self, micro_usd: int, tokens: int) -> Hold:
        """As `Ledger.reserve`. Raises `OverBudget` for the limit that has no room: the part's or the whole's."""
        hold = self._part.reserve(micro_usd, tokens)
        try:
            self._outer[hold.number] = self._whole.reserve(micro_usd, tokens)
        except OverBudget:
            self._part.release(hold)
            raise
        return hold

    def settle(self, hold: Hold, cost: int, usage: Usage) -> None:
        """As `Ledger.settle`."""
        self._part.settle(hold, cost, usage)
        self._whole.settle(self._outer.pop(hold.number), cost, usage)

    def forfeit(self, hold: Hold) -> None:
        """As `Ledger.forfeit`."""
        self._part.forfeit(hold)
        self._whole.forfeit(self._outer.pop(hold.number))

    def release(self, hold: Hold) -> None:
        """As `Ledger.release`."""
        self._part.release(hold)
        self._whole.release(self._outer.pop(hold.number))


def _dollars(micro_usd: int) -> str:
    return f"${micro_usd // 1_000_000}.{micro_usd % 1_000_000 // 10_000:02d}"


def _tokens(count: int) -> str:
    return f"{count:,} tokens"
