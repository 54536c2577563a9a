"""The tracking comment while a run goes on: in the all-in-one job, whose token may write."""

import time
from contextlib import suppress

from harness.forge import ForgeError
from harness.github import tracker
from harness.github.begun import Begun
from harness.github.marker import Ledger
from harness.journal import State

EVERY = 5.0
"""Seconds between two changes of the comment."""


class Live:
    """Keeps the tracking comment of the all-in-one job up to date: its token may write, the split's may not."""

    def __init__(self, begun: Begun) -> None:
        self._begun, self._said, self._at = begun, "", 0.0

    def __call__(self, state: State) -> None:
        """Say where the run stands, if that is new and the last time was `EVERY` seconds ago."""
        ticket = self._begun.ticket
        if ticket is None or not ticket.comment or time.monotonic() - self._at < EVERY:
            return
        last = state.iterations[-1] if state.iterations else None
        gates = {name: gate.green for name, gate in last.gates.items()} if last else {}
        text = tracker.progress(state.phase, len(state.iterations), gates, state.cost, self._begun.runner.job)
        if text == self._said:
            return
        self._said, self._at = text, time.monotonic()
        where = tracker.Tracker(number=ticket.number, comment=ticket.comment)
        ledger = Ledger(issue=ticket.number, workflow=self._begun.runner.run)
        with suppress(ForgeError):  # who looks on is no reason to stop
            tracker.put(self._begun.github, where, text, ledger)
