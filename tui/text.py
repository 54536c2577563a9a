"""Text in terminal cells: spans with a tone, cut, aligned and wrapped to a width. Nothing here parses markup."""

from collections.abc import Iterator, Sequence

import msgspec
from rich.cells import cell_len, chop_cells, set_cell_size

Tone = str
"""What a span means: one of `theme.LOOKS`, or several with spaces between them, the later ones on top. A mark or a word
beside it always says the same."""

Span = tuple[str, Tone]
Line = tuple[Span, ...]
"""One row of the screen, from left to right."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A paragraph of a pane: a mark, and text that is wrapped beside it."""

    text: str
    tone: Tone = "plain"
    mark: str = ""
    mark_tone: Tone = "plain"
    indent: int = 0
    hang: int = 0
    """Cells by which the rows after the first stand further in."""
    right: str = ""
    """Stands at the right end of the first row, with nothing of the text below it."""
    line: Line = ()
    """Drawn as it is, in place of the text, in one row."""


MARK = 2
"""Cells of the gutter where the mark stands."""


def height(item: Item, width: int) -> int:
    """Rows that `item` takes in `width` cells."""
    return 1 if item.line else len(_rows(item, width))


def draw(item: Item, width: int) -> tuple[Line, ...]:
    """The rows of `item` in `width` cells."""
    mark: Line = ((set_cell_size(item.mark, MARK), item.mark_tone),)
    right: Line = ((f"  {item.right}", "dim"),) if item.right else ()
    if item.line:
        return (spread((*mark, *item.line), right if cells(right) * 3 <= width else (), width),)
    first, *rest = _rows(item, width)
    head: Line = ((" " * item.indent, "plain"), *mark, (first, item.tone))
    lead = " " * (item.indent + MARK + _hang(item, width))
    return (spread(head, right, width) if right else head, *(((lead, "plain"), (row, item.tone)) for row in rest))


def _rows(item: Item, width: int) -> list[str]:
    room = width - item.indent - MARK - (len(item.right) + 2 if item.right else 0)
    rows = wrap(item.text, room)
    hang = _hang(item, width)
    if len(rows) == 1 or not hang:
        return rows
    return [rows[0], *wrap(item.text[len(rows[0]) :].lstrip(), room - hang)]


def _hang(item: Item, width: int) -> int:
    """Where most of a narrow row would be empty, nothing hangs."""
    return item.hang if item.hang * 2 <= width else 0


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
    if cell_len(text.rstrip()) <= width:
        return set_cell_size(text, max(width, 0))
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 0 else ""


def fit(text: str, width: int, *, right: bool = False) -> str:
    """`text` in exactly `width` cells: cut, or filled with spaces."""
    text = cut(text, width)
    fill = " " * (width - cell_len(text))
    return fill + text if right else text + fill


def lit(line: Line, needle: str) -> Line:
    """`line` with every place that has `needle` in it (whatever the case) marked as a hit."""
    spans: list[Span] = []
    for text, tone in line:
        low, at = text.casefold(), 0
        if len(low) != len(text):  # case folding made it longer: places would not agree
            low = text
        while needle and (found := low.find(needle, at)) >= 0:
            spans += [(text[at:found], tone), (text[found : found + len(needle)], f"{tone} hit")]
            at = found + len(needle)
        spans.append((text[at:], tone))
    return tuple(span for span in spans if span[0])


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


def opening(body: Sequence[Line], foot: Sequence[Line], room: int, at: int, brief: Line = ()) -> tuple[list[Line], int]:
    """What is seen in `room` rows of a text that may be longer, from its row `at` on, and `foot` below it; and `at`, as
    far as it can be. Where `foot` would leave no room for the text it scrolls with it, and `brief` stands below."""
    if len(body) + len(foot) <= room:
        return [*body, *foot], 0
    if len(foot) + 3 > room:
        body, foot = [*body, *foot], (brief,) if brief else ()
    shown = max(room - len(foot) - 1, 1)
    at = max(0, min(at, len(body) - shown))
    below = len(body) - at - shown
    words = "  ".join(f"{sign} {count} more" for sign, count in (("↑", at), ("↓", below)) if count)
    return [*body[at : at + shown], ((words, "key"),), *foot][: max(room, 1)], at


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
