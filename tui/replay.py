"""A run as it stood at any of its events: the same fold, stopped early."""

from bisect import bisect_right
from itertools import islice

from harness.goal import MICRO
from harness.journal import Command, Journal, Record, Spoken, State, fold

EVERY = 2_000
"""Events between two states that are kept, so that going back is folding only that many."""
LONGEST = 2 * MICRO
"""Microseconds that a pause takes at most when a run is played: nobody wants to watch a model think."""
SPEEDS = (1, 2, 4, 8, 16, 64)


class Past:
    """A run at the event `at`, which can be any. Raises what the journal raises."""

    def __init__(self, journal: Journal, run: str) -> None:
        self._journal, self.run = journal, run
        self._kept = [State(run=run)]
        self._times: list[int] = []
        """When each event would come, from the first, with long pauses cut short."""
        self._stamps: list[int] = []
        self.unheard: tuple[Command, ...] = ()
        self.held, self.interrupted, self.stopping = False, False, False
        self.playing = False
        self.speed = 4
        self.behind = 0
        """Microseconds of the play that have passed since the event."""
        self._read()
        self.at = self.newest
        self.state = self.last = self._fold(self.at)
        """As it stood at the event, and in the end."""

    def _read(self) -> None:
        records = self._journal.read(self.run)
        while page := tuple(islice(records, EVERY)):
            self._kept.append(fold(page, self._kept[-1]))
            for record in page:
                before = self._stamps[-1] if self._stamps else record.ts
                at = (self._times[-1] if self._times else 0) + min(record.ts - before, LONGEST)
                self._stamps.append(record.ts)
                self._times.append(at)

    @property
    def newest(self) -> int:
        """The last event there was when the replay began."""
        return len(self._stamps)

    @property
    def over(self) -> bool:
        """A past does not go on."""
        return True

    @property
    def end(self) -> int | None:
        """Nothing behind this event is there yet."""
        return self.at

    @property
    def now(self) -> int:
        """The time of the event, in microseconds since 1970."""
        return self._stamps[self.at - 1] if self.at else 0

    def seek(self, at: int) -> tuple[Record, ...]:
        """Go to the event `at` and return what happened on the way there: nothing when it is back, or far."""
        at = max(1, min(at, self.newest))
        before, self.at, self.behind = self.at, at, 0
        if not before <= at <= before + EVERY:
            self.state = self._fold(at)
            return ()
        records = tuple(islice(self._journal.read(self.run, before), at - before))
        self.state = fold(records, self.state)
        return records

    def after(self, micros: int) -> int:
        """The event at which a play is that goes on for `micros`."""
        clock = self._times[self.at - 1] + self.behind + micros * self.speed
        return max(bisect_right(self._times, clock), self.at)

    def look(self) -> tuple[Record, ...]:
        """Nothing new happens in the past."""
        return ()

    def hear(self) -> Spoken | None:
        """What was said is in the journal."""
        return None

    def _fold(self, at: int) -> State:
        kept = self._kept[at // EVERY]
        return fold(islice(self._journal.read(self.run, kept.seq), at - kept.seq), kept)
