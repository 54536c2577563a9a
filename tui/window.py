"""A window over a run's journal: as many blocks as a reader can want at once, moved as the reader moves.

The rest stays in the journal, so a run of any length takes the same memory and opens in the same time.
"""

from collections.abc import Callable
from itertools import islice

import msgspec

from harness.journal import Journal, Record
from tui.block import Block
from tui.widgets import Pane

PAGE = 512
"""Events that are read at once."""
KEEP = 4096
"""Blocks that are kept while the reader is at the tail; twice as many while not."""
NEAR = 96
"""Blocks from an edge of the window at which more is read."""

Make = Callable[[list[Record], list[Block]], tuple[list[Block], dict[str, Block]]]
"""From records to new blocks; the blocks before are given, and those that a record completes come back by call."""


class Window:
    """What `pane` shows of a run. Raises what the journal raises."""

    def __init__(self, journal: Journal, run: str, pane: Pane[Block], make: Make) -> None:
        self._journal, self.run, self.pane, self._make = journal, run, pane, make
        self.first = 0
        """The sequence number before the first event in the window."""
        self.last = 0
        """That of the last one."""
        self.end: int | None = None
        """The last event there is to show: None for the journal's own."""
        self._passing: list[Block] = []
        """What is being said, at the end of the pane: it has no event yet."""

    def start(self, at: int, end: int | None = None, size: int = PAGE) -> None:
        """Begin anew with the events up to `at`; what comes after `end` is not shown at all."""
        self.first, self.last, self.end = max(0, at - size), at, end
        new, _ = self._make(self._read(self.first, at), [])
        self._passing = []
        self.pane.replace(new)
        self.pane.action_last()

    def say(self, passing: list[Block], newest: int) -> None:
        """Show what is being said behind the event `newest`, if the window reaches to it, in the place of what was."""
        passing = passing if self.last == newest else []
        if passing == self._passing:
            return
        first = len(self.pane.items) - len(self._passing)
        if len(passing) == len(self._passing):
            for at, (old, new) in enumerate(zip(self._passing, passing, strict=True), first):
                if old != new:
                    self.pane.change(at, new)
        else:
            self.pane.swap_last(len(self._passing), passing)
        self._passing = passing

    def around(self, seq: int) -> None:
        """Begin anew so that the event `seq` is in the window, and go there."""
        if not self.first < seq <= self.last:
            self.first = max(0, seq - PAGE // 2)
            records = self._read(self.first, self.first + PAGE)
            self._passing = []
            self.last = records[-1].seq if records else self.first
            self.pane.replace(self._make(records, [])[0])
        self.pane.go(self.at(seq))

    def at(self, seq: int) -> int:
        """The block that shows the event `seq`, or the one before it."""
        found = 0
        for at, block in enumerate(self.pane.items):
            if block.seq > seq:
                break
            if block.until == seq:
                return at
            found = at
        return found

    def take(self, records: tuple[Record, ...]) -> None:
        """Add events that have just been stored, if the window reaches to them."""
        if not records or records[0].seq != self.last + 1:
            return
        if not self.pane.at_tail and len(self.pane.items) > 2 * KEEP:
            return  # the reader is elsewhere: they are read when they are wanted
        self._append(list(records))
        if self.pane.at_tail and len(self.pane.items) > KEEP + PAGE:
            self._cut_first(len(self.pane.items) - KEEP)

    def move(self, newest: int) -> bool:
        """Read on where the reader comes near to an edge of the window; `newest` is the run's last event."""
        pane = self.pane
        top, bottom = pane.span
        if self.first and top < NEAR:
            self._older()
            return True
        if len(pane.items) - bottom < NEAR and self.last < (newest if self.end is None else self.end):
            records = self._read(self.last, self.last + PAGE)
            self._append(records)
            if len(pane.items) > 2 * KEEP:
                self._cut_first(len(pane.items) - 2 * KEEP)
            return bool(records)
        return False

    def _read(self, after: int, upto: int) -> list[Record]:
        upto = upto if self.end is None else min(upto, self.end)
        return list(islice(self._journal.read(self.run, after), max(0, upto - after)))

    def _append(self, records: list[Record]) -> None:
        if not records:
            return
        self.last = records[-1].seq
        new, done = self._make(records, self.pane.items)
        for at in range(len(self.pane.items) - 1, max(-1, len(self.pane.items) - 65), -1):
            if (call := self.pane.items[at].call) in done:
                self.pane.change(at, done[call])
        self.pane.swap_last(len(self._passing), new)
        self._passing = []

    def _older(self) -> None:
        pane = self.pane
        upto, self.first = self.first, max(0, self.first - PAGE)
        new, _ = self._make(self._read(self.first, upto), [])
        waiting = {block.call: block for block in new[-64:] if block.waiting}
        for at, block in enumerate(pane.items[:64]):
            if begun := waiting.pop(block.call, None):  # its result was on the page behind
                new.remove(begun)
                pane.change(at, _joined(begun, block))
        pane.prepend(new)
        if len(pane.items) > 2 * KEEP + PAGE:
            self._cut_last(len(pane.items) - 2 * KEEP)

    def _cut_first(self, count: int) -> None:
        items = self.pane.items
        while count < len(items) - 1 and items[count].seq == items[count - 1].seq:
            count += 1
        self.first = items[count].seq - 1
        self.pane.cut_first(count)

    def _cut_last(self, count: int) -> None:
        self.say([], self.last)
        items = self.pane.items
        while count < len(items) - 1 and items[-count].seq == items[-count - 1].seq:
            count += 1
        self.pane.swap_last(count, ())
        self.last = max(items[-1].until, items[-1].seq)


def _joined(begun: Block, ended: Block) -> Block:
    return msgspec.structs.replace(
        ended, seq=begun.seq, text=begun.text, body=ended.body or begun.body, more=ended.more or begun.more
    )
