"""A block of a transcript: what it shows in one row, what it shows when it is open, and how both are drawn."""

import msgspec

from tui.text import Line, Span, Tone, cells, cut, fit, wrap

LEFT = 3
"""Cells before the text of a block: a sign, and air."""
OPEN_ROWS = 48
"""Rows of an open block; Enter shows all there are."""
NARROW = 40
"""Cells of a head below which what stands at its right end is left out."""

Row = tuple[str, Tone]
"""A row of an open block, cut to the width and never wrapped."""


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened. With a `body` it can be folded to its head; without, the head is wrapped in full."""

    seq: int
    """The event that it begins with."""
    text: str
    tone: Tone = "plain"
    sign: str = ""
    sign_tone: Tone = "plain"
    right: str = ""
    mark: str = ""
    """Whether it went well, at the right end: ✓ or ✗."""
    body: tuple[Row, ...] = ()
    more: int = 0
    """Rows of the body that were left out."""
    open: bool = False
    call: str = ""
    """Conversation and id of the tool call; `waiting` while its result is not there."""
    waiting: bool = False
    rule: bool = False
    """It is a line across, the beginning of an iteration."""
    until: int = 0
    """The event that it ends with, where that is another one."""


def height(block: Block, width: int) -> int:
    """Rows of `block` in `width` cells."""
    if block.rule:
        return 2
    if block.call or block.body:
        return 1 + (len(block.body) + bool(block.more) if block.open else 0)
    return len(wrap(block.text, width - LEFT))


def draw(block: Block, width: int) -> tuple[Line, ...]:
    """The rows of `block` in `width` cells."""
    if block.rule:
        words = cut(f" {block.text} ", width - 4)
        return (), (("──", "rule"), (words, "dim"), ("─" * (width - 3 - cells(((words, "dim"),))), "rule"))
    if not (block.call or block.body):
        rows = wrap(block.text, width - LEFT)
        first = fit(block.sign, LEFT)
        return tuple(
            ((first if n == 0 else " " * LEFT, block.sign_tone), (row, block.tone)) for n, row in enumerate(rows)
        )
    head = _head(block, width)
    if not block.open:
        return (head,)
    room = max(width - LEFT - 2, 1)
    rows_ = tuple(((" " * LEFT, "plain"), ("│ ", "rule"), (fit(text, room), tone)) for text, tone in block.body)
    rest: tuple[Line, ...] = ()
    if block.more:
        rest = (
            ((" " * LEFT, "plain"), ("│ ", "rule"), (cut(f"… {block.more} more rows: enter shows all", room), "dim")),
        )
    return (head, *rows_, *rest)


def _head(block: Block, width: int) -> Line:
    foldable = bool(block.body)
    sign = ("▾" if block.open else "▸") if foldable else block.sign or "·"
    right: list[Span] = []
    if width >= NARROW and block.right:
        right.append((f" {block.right} ", "dim"))
    if block.mark:
        right.append((block.mark, {"✓": "good", "✗": "bad", "!": "warn"}.get(block.mark, "dim")))
    room = max(width - LEFT - cells(tuple(right)), 1)
    name, _, rest = block.text.partition(" ")
    words = fit(f"{name} {rest}" if rest else name, room)
    return (
        (fit(sign, LEFT), "gate" if foldable else block.sign_tone if block.sign else "dim"),
        (words[: len(name)], f"{block.tone} strong"),
        (words[len(name) :], block.tone),
        *right,
    )


def folded(rows: list[Row], most: int = OPEN_ROWS, *, end: bool = False) -> tuple[tuple[Row, ...], int]:
    """At most `most` of `rows`, from their beginning or their end, and how many were left out."""
    if len(rows) <= most:
        return tuple(rows), 0
    return tuple(rows[-most:] if end else rows[:most]), len(rows) - most
