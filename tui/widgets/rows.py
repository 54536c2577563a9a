"""Where the items of a pane stand: how many rows each takes, and which item is on a row. Nothing is drawn here."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Generic, TypeVar

T = TypeVar("T")


class Rows(Generic[T]):
    """Items one below the other. Each change keeps the rows of what it does not touch."""

    def __init__(self, height: Callable[[T, int], int]) -> None:
        self._height = height
        self.items: list[T] = []
        self.tops = [0]
        """The row at which each item begins, and the number of all rows behind the last."""
        self.width = 0
        """Cells that an item has; 0 until there was a layout, and every item takes a row."""

    @property
    def total(self) -> int:
        """The rows of all items."""
        return self.tops[-1]

    def at(self, row: int) -> int:
        """The item on a row; the last one behind the end."""
        return max(0, min(bisect_right(self.tops, row) - 1, len(self.items) - 1))

    def find(self, fits: Callable[[T], bool], here: int, *, back: bool = False) -> int | None:
        """The next item behind (or before) `here` that fits, round the end if need be; None when there is none."""
        count = len(self.items)
        order = (range(here - 1, here - count - 1, -1) if back else range(here + 1, here + count + 1)) if count else ()
        return next((at % count for at in order if fits(self.items[at % count])), None)

    def replace(self, items: Sequence[T], width: int) -> None:
        """Hold `items` instead, in `width` cells."""
        self.items, self.width = list(items), width
        self.tops = self._stacked(self.items, 0)

    def swap_last(self, count: int, items: Sequence[T]) -> None:
        """Put `items` in the place of the last `count`."""
        kept = len(self.items) - count
        self.items[kept:] = items
        self.tops[kept:] = self._stacked(items, self.tops[kept])

    def prepend(self, items: Sequence[T]) -> int:
        """Add `items` at the beginning; the rows that they take."""
        tops = self._stacked(items, 0)
        added = tops.pop()
        self.tops = tops + [added + top for top in self.tops]
        self.items[:0] = items
        return added

    def cut_first(self, count: int) -> int:
        """Forget the first `count` items; the rows that they took."""
        gone = self.tops[count]
        del self.items[:count]
        self.tops = [top - gone for top in self.tops[count:]]
        return gone

    def change(self, at: int, item: T) -> int:
        """Put `item` in the place of another; by how many rows it is higher."""
        self.items[at] = item
        grown = self._rows(item) - (self.tops[at + 1] - self.tops[at])
        if grown:
            self.tops[at + 1 :] = [top + grown for top in self.tops[at + 1 :]]
        return grown

    def _rows(self, item: T) -> int:
        return self._height(item, self.width) if self.width else 1

    def _stacked(self, items: Sequence[T], top: int) -> list[int]:
        return list(accumulate(map(self._rows, items), initial=top))
