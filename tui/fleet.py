"""All runs as rows, kept up to date with little reading: the living ones at each look, the others when seen."""

import time
from collections.abc import Callable, Iterable

from harness.journal import Journal, JournalError, Summary
from harness.journal.liveness import locks
from tui.card import OVER, Card, of_summary, of_view, unreadable
from tui.follow import Roll, Tail

LOADING = 0.02
"""Seconds of one look that go into runs that are only being looked at."""


SORTS: dict[str, Callable[[Card], tuple[object, ...]]] = {
    "inbox": lambda card: (card.rank, card.since),
    "newest": lambda card: (-card.started,),
    "cost": lambda card: (-card.cost,),
    "goal": lambda card: (card.goal.casefold(),),
}
"""What the rows can be ordered by."""
STATES: dict[str, Callable[[Card], bool]] = {
    "all": lambda card: True,
    "needs you": lambda card: card.rank <= 2,
    "going on": lambda card: card.live,
    "ended": lambda card: card.rank == OVER,
}
"""What the rows can be narrowed to."""


def inbox(card: Card) -> tuple[object, ...]:
    """The order in which runs stand unless another is asked for."""
    return SORTS["inbox"](card)


def chosen(cards: Iterable[Card], state: str, order: str, words: str) -> list[Card]:
    """The rows of a state that have every one of `words`, in an order."""
    wanted = words.casefold().split()
    kept = [
        card
        for card in cards
        if STATES[state](card)
        and all(word in f"{card.run} {card.goal} {card.word} {card.repo}".casefold() for word in wanted)
    ]
    return sorted(kept, key=SORTS[order]) if order != "inbox" else kept


class Fleet:
    """The rows: what needs a person first, then what is going on, then what has ended."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._roll = Roll(journal)
        self._rows: dict[str, Summary] = {}
        self._open: set[str] = set()
        """Runs that had not finished when the list was read, or when they were last looked at."""
        self._tails: dict[str, Tail] = {}
        self._known: dict[str, Card] = {}
        self.cards: list[Card] = []
        self.trouble = ""
        """Why the journal could not be read at the last look; empty when it could."""

    def look(self, seen: Iterable[str] = ()) -> bool:
        """Bring the rows up to date; `seen` are the runs on the screen. Whether any row changed."""
        try:
            changed = self._roll.look() and self._list()
            self.trouble = ""
        except JournalError as error:
            self.trouble = str(error)
            return False
        locked = locks(self._journal.path.parent / "runs")
        for run in self._open:
            tail = self._tails.get(run)
            if run in locked or (tail and not tail.over):  # nothing can have happened to the others
                changed |= self._update(run, load=False)
        deadline = time.monotonic() + LOADING
        for run in seen:
            if run in self._rows and run not in self._tails and time.monotonic() < deadline:
                changed |= self._update(run, load=True)
        if changed:
            self.cards = sorted((self._known[run] for run in self._rows), key=inbox)
        return changed

    def _list(self) -> bool:
        """Take over the list as it was read again; whether it changed."""
        before, self._rows = self._rows, {row.run: row for row in self._roll.rows}
        self._open = {row.run for row in self._roll.rows if row.phase != "finished"}
        self._open |= {run for run, tail in self._tails.items() if run in self._rows and not tail.over}
        fresh = [row for run, row in self._rows.items() if before.get(run) != row]
        for row in fresh:
            tail = self._tails.get(row.run)
            if tail and tail.over and tail.state.epoch != row.epoch:
                del self._tails[row.run]  # it was resumed, and may be over again
                tail = None
            if tail is None:
                self._known[row.run] = of_summary(row)
        return bool(fresh) or len(before) != len(self._rows)

    def _update(self, run: str, load: bool) -> bool:
        try:
            card = self._card(run, load)
        except JournalError:
            card = unreadable(self._rows[run])
        changed = card != self._known[run]
        self._known[run] = card
        return changed

    def _card(self, run: str, load: bool) -> Card:
        tail = self._tails.get(run)
        held = self._journal.is_held(run)
        if tail is None:
            if not load and not held:
                return self._known[run]
            tail = self._tails[run] = Tail(self._journal, run)
        elif held or not tail.over:
            tail.look()
        return of_view(tail)
