"""The fleet as a table: which figures fit into a width, and one row of them."""

from collections.abc import Iterable

import msgspec

from tui.card import Card, dollars, elapsed, gauge, lamps, steps
from tui.text import Line, Span, cells, fit, spread

LEAD = 2
"""Cells of the mark before a row."""
GAP = 2
"""Cells between two columns."""
GOAL = 18
"""Cells that the goal keeps in a header."""
FIRST_TO_GO = {"bar": 18, "diff": 18, "elapsed": 18, "budget": 12, "lights": 12}
"""What a narrow table leaves out, in this order, and the cells of the goal that it is left out for."""
ORDER = ("run", "goal", "word", "iteration", "lights", "budget", "bar", "elapsed", "diff")
HEADINGS = {"word": "STATE", "iteration": "ITER", "lights": "GATES", "elapsed": "TIME"}
WORKING = {"●": "working", "◆": "in gates"}
"""What the marks of living runs are called where they are counted."""
RIGHT = ("elapsed", "diff")


class Columns(msgspec.Struct, frozen=True):
    """The widths of the columns that fit, by name."""

    sizes: dict[str, int]
    width: int


def columns(cards: Iterable[Card], width: int) -> Columns:
    """The columns that fit into `width` cells."""
    rows = tuple(cards)
    sizes = {
        "run": min(max((len(card.run) for card in rows), default=0), 14),
        "word": max((len(card.word) for card in rows), default=0),
        "iteration": 5,
        "lights": max((cells(lamps(card)) for card in rows), default=0),
        "budget": max((len(budget(card)) for card in rows), default=0),
        "bar": 8,
        "elapsed": 7,
        "diff": max((len(diff(card)) for card in rows), default=0),
    }
    sizes = {name: max(size, len(heading(name))) for name, size in sizes.items() if size}
    for name, least in FIRST_TO_GO.items():
        if _room(sizes, width) < least:
            sizes.pop(name, None)
    return Columns(sizes | {"goal": max(_room(sizes, width), 1)}, width)


def _room(sizes: dict[str, int], width: int) -> int:
    return width - LEAD - sum(size + GAP for size in sizes.values())


def heading(name: str) -> str:
    """What stands above a column."""
    return HEADINGS.get(name, "" if name == "bar" else name.upper())


def headings(table: Columns) -> Line:
    """The line above the rows."""
    return _row(table, {name: (heading(name), "dim") for name in table.sizes}, (" " * LEAD, "plain"))


def row(card: Card, table: Columns, now: int) -> Line:
    """The row of one run; `now` is in microseconds since 1970."""
    spent: Span = (budget(card), "bad" if card.budget and card.cost >= card.budget else "plain")
    figures: dict[str, Span] = {
        "run": (card.run, "dim"),
        "goal": (card.goal, "strong" if card.live else "plain"),
        "word": (card.word, card.tone),
        "iteration": (steps(card), "plain"),
        "budget": spent,
        "bar": (gauge(card.cost, card.budget, 8), "bad" if spent[1] == "bad" else "live"),
        "elapsed": (elapsed(card, now), "plain"),
        "diff": (diff(card), "plain"),
    }
    return _row(table, figures, (fit(card.mark, LEAD), card.tone), lamps(card))


def _row(table: Columns, figures: dict[str, Span], lead: Span, lights: Line = ()) -> Line:
    spans: list[Span] = [lead]
    for name in ORDER:
        size = table.sizes.get(name)
        if size is None:
            continue
        if name == "lights" and lights:
            spans += [*lights, (" " * (size - cells(lights)), "plain")]
        elif name in figures:
            text, tone = figures[name]
            spans.append((fit(text, size, right=name in RIGHT), tone))
        else:
            spans.append((" " * size, "plain"))
        spans.append((" " * GAP, "plain"))
    return tuple(spans)


def banner(card: Card, width: int, now: int) -> Line:
    """One run in the header of its own screen."""
    left: Line = ((f" {card.run} ", "badge"), (f" {card.mark} {card.word} ", card.tone), (f" {card.goal}", "strong"))
    right: list[Span] = [(f"  it {steps(card)}  ", "plain"), *lamps(card)]
    optional: tuple[Span, ...] = (
        (f" ${budget(card)} ", "plain"),
        (f"{elapsed(card, now)} ", "plain"),
        (gauge(card.cost, card.budget, 8) + " ", "live"),
    )
    for span in optional:
        if cells((*left[:2], *right, span)) + GOAL <= width:
            right.append(span)
    return spread(left, tuple(right), width)


def budget(card: Card) -> str:
    """Spent, and how much may be."""
    return f"{dollars(card.cost)}/{dollars(card.budget)}"


def diff(card: Card) -> str:
    """The size of the best candidate's change."""
    return f"+{card.diff.insertions} -{card.diff.deletions}" if card.diff else ""


def counts(cards: Iterable[Card]) -> Line:
    """How many runs are in which state, the living ones first."""
    tally: dict[tuple[bool, str], list[Card]] = {}
    for card in cards:
        tally.setdefault((not card.live, card.mark), []).append(card)
    spans: list[Span] = []
    for _, group in sorted(tally.items()):
        words = {card.word for card in group}
        word = WORKING.get(group[0].mark) or (words.pop() if len(words) == 1 else "")
        spans.append((f"  {group[0].mark} {len(group)} {word}".rstrip(), group[0].tone))
    return tuple(spans)
