"""Runs as they happen, one record after another: for logs, pipes, programs and screen readers."""

import time
from collections.abc import Iterator, Sequence

from harness.journal import Journal, Record
from tui.follow import Roll, Tail

POLL = 0.25
"""Seconds between two looks."""


class Watch:
    """The runs that are watched: those that are named, or all that have not finished, new ones as they come up.

    Their records come from now on, or from their beginning with `whole`. `lost` are the runs that nobody pursued
    when the watch of all began: they come in again when somebody resumes them.
    """

    def __init__(self, journal: Journal, runs: Sequence[str] = (), *, whole: bool = False) -> None:
        self._journal = journal
        self._roll = None if runs else Roll(journal)
        if self._roll:
            self._roll.look()
            runs = [row.run for row in reversed(self._roll.rows) if row.phase != "finished"]
        self.tails = {run: Tail(journal, run, whole=whole) for run in runs}
        self.lost = tuple(run for run in runs if self._roll and not self.tails[run].held)
        self._left = set(self.lost)
        """Runs whose end, or whose loss, has been told."""

    @property
    def over(self) -> bool:
        """Whether all of them have ended or are interrupted, and it has been told."""
        return self._left.issuperset(self.tails)

    def look(self) -> Iterator[tuple[Tail, Record | None]]:
        """What is new: each record with its run, and None for a run whose process is gone."""
        if self._roll and self._roll.look():
            for row in reversed(self._roll.rows):
                if row.run not in self.tails and row.phase != "finished":
                    self.tails[row.run] = Tail(self._journal, row.run, whole=True)
        for run, tail in self.tails.items():
            if run in self._left and not self._journal.is_held(run):
                continue
            self._left.discard(run)
            while records := tail.look():
                yield from ((tail, record) for record in records)
            if tail.over:
                self._left.add(run)
            if tail.interrupted:
                yield tail, None

    def follow(self) -> Iterator[tuple[Tail, Record | None]]:
        """What `look` gives, until all watched runs are over."""
        while True:
            yield from self.look()
            if self.over:
                return
            time.sleep(POLL)
