"""Following runs through the journal: one run at its tail, or the whole list. No daemon, no socket, no Textual."""

import time
from itertools import islice

from harness.events import CommandReceived, RunClaimed
from harness.journal import Command, Journal, Record, Spoken, State, Summary, UnknownRun, fold, spoken
from tui.control import waiting

BATCH = 1024
"""Records taken in one look: what bounds the time and the memory of it."""
RESCAN = 2.0
"""Seconds after which the list is read again although no new run is on top of it: an old one may have been resumed."""
IDLE_SHARE = 20
"""The list is read again at most this share of the time, however long it has become."""


def newest(journal: Journal, run: str) -> int:
    """The number of the run's newest event, without folding the others. Raises `UnknownRun`."""
    record = next(journal.read_back(run), None)
    if record is None:
        raise UnknownRun(run)
    return record.seq


class Tail:
    """One run as it stood at the last look. Raises what the journal raises.

    With `whole` it begins before the first event, so that looking brings every record.
    """

    def __init__(self, journal: Journal, run: str, *, whole: bool = False) -> None:
        self._journal, self.run = journal, run
        self.held = journal.is_held(run)
        self.state = State(run=run) if whole else journal.state(run)
        self.interrupted = not whole and not self.held and self._goes_on
        """Neither ended nor pursued by a living process of this machine."""
        self.unheard: tuple[Command, ...] = ()
        """What people have asked of it and it has not acknowledged."""
        self._stop_heard = False
        self._note_wishes(())

    @property
    def stopping(self) -> bool:
        """Whether somebody has asked it to stop since it was last claimed, and has not taken it back."""
        return self._stop_heard or any(command.kind == "stop" for command in self.unheard)

    @property
    def end(self) -> int | None:
        """There is no last event while it can go on."""
        return None

    @property
    def _goes_on(self) -> bool:
        """Neither ended nor parked: a process should be there."""
        return self.state.finished is None and self.state.parked is None

    @property
    def over(self) -> bool:
        """Whether nothing more is to be expected until somebody resumes it."""
        return self.interrupted or not self._goes_on

    def hear(self) -> Spoken | None:
        """What its model is saying and has not said to its end: that comes as a record, and this is gone."""
        said = spoken(self._journal.path, self.run) if self.held else None
        talk = self.state.conversations.get(said.conversation) if said else None
        return said if said and talk and said.call > talk.turns else None

    def look(self) -> tuple[Record, ...]:
        """Bring the state up to date with the next records, at most `BATCH`, and return them."""
        # Before the records are read: what was stored before the hold was let go is then among them.
        self.held = self._journal.is_held(self.run)
        records = tuple(islice(self._journal.read(self.run, self.state.seq), BATCH))
        self.state = fold(records, self.state)
        self.interrupted = not self.held and not records and self._goes_on
        self._note_wishes(records)
        return records

    def _note_wishes(self, records: tuple[Record, ...]) -> None:
        for record in records:
            match record.event:
                case RunClaimed():
                    self._stop_heard = False
                case CommandReceived(kind="stop"):
                    self._stop_heard = True
        self.unheard = () if self.state.finished else waiting(self._journal, self.run, self.state.acknowledged)


class Roll:
    """The list of runs, newest first, read again only when it may have changed."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.rows: tuple[Summary, ...] = ()
        self._due = 0.0

    def look(self) -> bool:
        """Bring the list up to date if need be; whether it was read again."""
        now = time.monotonic()
        newest = self._journal.runs(1)
        if now < self._due and [row.run for row in newest] == [row.run for row in self.rows[:1]]:
            return False
        self.rows = self._journal.runs()
        took = time.monotonic() - now
        self._due = now + max(RESCAN, IDLE_SHARE * took)
        return True
