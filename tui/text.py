"""Text in terminal cells: spans with a tone, cut, aligned and wrapped to a width. Nothing here parses markup."""

from collections.abc import Iterator
from typing import Literal

import msgspec
from rich.cells import cell_len, chop_cells, set_cell_size

Tone = Literal["plain", "strong", "dim", "good", "bad", "warn", "live", "gate", "key", "badge"]
"""What a span means; the theme gives it a colour, and a mark or a word beside it always says the same."""

Span = tuple[str, Tone]
Line = tuple[Span, ...]
"""One row of the screen, from left to right."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A paragraph of a pane: a mark, a label before it, and text that is wrapped beside them."""

    text: str
    tone: Tone = "plain"
    mark: str = ""
    mark_tone: Tone = "plain"
    label: str = ""
    label_width: int = 0
    """Cells that the label takes; 0 for none."""
    indent: int = 0
    key: int = 0
    """Names what the paragraph tells of, such as an event's sequence number."""


MARK = 2
"""Cells of the gutter where the mark stands."""
NARROW = 50
"""Cells below which labels are left out."""


def height(item: Item, width: int) -> int:
    """Rows that `item` takes in `width` cells."""
    return len(wrap(item.text, width - _lead(item, width)))


def draw(item: Item, width: int) -> tuple[Line, ...]:
    """The rows of `item` in `width` cells."""
    lead = _lead(item, width)
    label = lead - item.indent - MARK
    first: Line = ((" " * item.indent, "plain"), (set_cell_size(item.mark, MARK), item.mark_tone))
    if label:
        first = ((set_cell_size(item.label, label), "dim"), *first)
    rows = wrap(item.text, width - lead)
    rest: Line = ((" " * lead, "plain"),)
    return tuple((*(first if n == 0 else rest), (row, item.tone)) for n, row in enumerate(rows))


def _lead(item: Item, width: int) -> int:
    return (item.label_width if width >= NARROW else 0) + item.indent + MARK


def one_line(text: str) -> str:
    """The first line that has any text, every run of white space in it made one space."""
    for line in text.splitlines():
        if words := line.split():
            return " ".join(words)
    return ""


def cells(line: Line) -> int:
    """Cells that `line` takes."""
    return sum(cell_len(text) for text, _ in line)


def cut(text: str, width: int) -> str:
    """`text` in at most `width` cells, with an ellipsis where something is missing."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 0 else ""


def fit(text: str, width: int, *, right: bool = False) -> str:
    """`text` in exactly `width` cells: cut, or filled with spaces."""
    text = cut(text, width)
    fill = " " * (width - cell_len(text))
    return fill + text if right else text + fill


def trim(line: Line, width: int) -> Line:
    """`line` in exactly `width` cells."""
    kept: list[Span] = []
    left = width
    for text, tone in line:
        size = cell_len(text)
        if size > left:
            kept.append((cut(text, left), tone))
            left -= cell_len(kept[-1][0])
            break
        kept.append((text, tone))
        left -= size
    if left:
        kept.append((" " * left, "plain"))
    return tuple(kept)


def spread(left: Line, right: Line, width: int) -> Line:
    """`left` and `right` at the two ends of a row; what does not fit is cut from `left`."""
    room = width - cells(right)
    return trim((*trim(left, room), *right), width) if room > 0 else trim(right, width)


def wrap(text: str, width: int) -> list[str]:
    """`text` in rows of at most `width` cells, broken at spaces where there are any. Never empty."""
    width = max(width, 2)  # a wide character takes two
    rows = [row for line in text.expandtabs(4).split("\n") for row in _wrap(line, width)]
    return rows or [""]


def _wrap(line: str, width: int) -> Iterator[str]:
    if not line.isascii() and cell_len(line) > width:
        yield from _wrap_wide(line, width)
        return
    at = 0
    while len(line) - at > width:
        space = line.rfind(" ", at + 1, at + width + 1)
        end = space if space > 0 else at + width
        yield line[at:end]
        at = end + 1 if space > 0 else end
    yield line[at:]


def _wrap_wide(line: str, width: int) -> Iterator[str]:
    row: str | None = None
    used = 0
    for word in line.split(" "):
        size = cell_len(word)
        if row is not None and used + 1 + size <= width:
            row, used = f"{row} {word}", used + 1 + size
            continue
        if row is not None:
            yield row
        *full, word = chop_cells(word, width) or [""]
        yield from full
        row, used = word, cell_len(word)
    yield row or ""
