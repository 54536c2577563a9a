"""The fleet as a table: which figures fit into a width, and one row of them."""

from collections.abc import Iterable

import msgspec

from harness.goal import MICRO
from tui.card import Card, dollars, elapsed, gauge, lamps, sized, steps
from tui.text import Line, Span, cells, fit, spread, trim

LEAD = 2
"""Cells of the mark before a row."""
GAP = 2
"""Cells between two columns."""
GOAL = 18
"""Cells that the goal keeps in a header."""
FIRST_TO_GO = {"clock": 26, "diff": 24, "elapsed": 22, "bar": 22, "budget": 12, "lights": 12}
"""What a narrow table leaves out, in this order, and the cells of the goal that it is left out for."""
ORDER = ("run", "goal", "word", "iteration", "lights", "budget", "bar", "elapsed", "clock", "diff")
HEADINGS = {"run": "RUN", "goal": "GOAL", "word": "STATE", "iteration": "ITER", "lights": "GATES", "elapsed": "TIME"}
UNNAMED = ("bar", "clock")
WORKING = {"●": "working", "◆": "in gates"}
"""What the marks of living runs are called where they are counted."""
ALARM = 85
"""Percent of its money from which a run's bar is red."""
RIGHT = ("elapsed", "diff")


class Columns(msgspec.Struct, frozen=True):
    """The widths of the columns that fit, by name."""

    sizes: dict[str, int]
    width: int


def columns(cards: Iterable[Card], width: int) -> Columns:
    """The columns that fit into `width` cells."""
    rows = tuple(cards)
    sizes = {
        "run": min(max((len(card.run) for card in rows), default=0), 10 if width < 90 else 14),
        "word": max((len(card.word) for card in rows), default=0),
        "iteration": 5,
        "lights": max((cells(lamps(card)) for card in rows), default=0),
        "budget": max((len(budget(card)) for card in rows), default=0),
        "bar": 8,
        "elapsed": 7,
        "clock": 4,
        "diff": max((cells(sized(card.diff)) for card in rows if card.diff), default=0),
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
    return HEADINGS.get(name, "" if name in UNNAMED else name.upper())


def headings(table: Columns) -> Line:
    """The line above the rows."""
    return _row(table, {name: ((heading(name), "dim"),) for name in table.sizes}, (" " * LEAD, "plain"))


def row(card: Card, table: Columns, now: int) -> Line:
    """The row of one run; `now` is in microseconds since 1970."""
    figures: dict[str, Line] = {
        "run": ((card.run, "dim"),),
        "goal": ((card.goal, "strong" if card.live or card.asks else "plain"),),
        "word": ((card.word, card.tone),),
        "iteration": ((steps(card), "plain"),),
        "lights": lamps(card),
        "budget": ((budget(card), "bad" if card.budget and card.cost >= card.budget else "plain"),),
        "bar": purse(card),
        "elapsed": ((elapsed(card, now), "plain"),),
        "clock": gauge(spent(card, now), card.seconds * MICRO, 4, "live" if card.live else "dim"),
        "diff": sized(card.diff) if card.diff else (),
    }
    return _row(table, figures, (fit(card.mark, LEAD), card.tone))


def _row(table: Columns, figures: dict[str, Line], lead: Span) -> Line:
    spans: list[Span] = [lead]
    for name in ORDER:
        size = table.sizes.get(name)
        if size is None:
            continue
        line = figures.get(name, ())
        if cells(line) > size:
            line = trim(line, size)
        blank: Span = (" " * (size - cells(line)), "plain")
        spans += (blank, *line) if name in RIGHT else (*line, blank)
        spans.append((" " * GAP, "plain"))
    return tuple(spans)


def purse(card: Card) -> Line:
    """The bar of a run's money."""
    return gauge(card.cost, card.budget, 8, "bad" if card.cost * 100 >= card.budget * ALARM else "live")


def banner(card: Card, width: int, now: int) -> Line:
    """One run in the header of its own screen."""
    left: Line = ((f" {card.run} ", "name"), (f" {card.mark} {card.word} ", card.tone), (f" {card.goal}", "strong"))
    right: list[Span] = [(f"  it {steps(card)}  ", "plain"), *lamps(card)]
    optional: tuple[Line, ...] = (
        ((f" ${budget(card)} ", "plain"),),
        ((f"{elapsed(card, now)} ", "plain"),),
        (*purse(card), (" ", "plain")),
    )
    for line in optional:
        if cells((*left[:2], *right, *line)) + GOAL <= width:
            right += line
    return spread(left, tuple(right), width)


def spent(card: Card, now: int) -> int:
    """Microseconds of its time that a run has had; while it lives the clock goes on."""
    return now - card.started if card.live and card.word != "paused" else card.spent


def budget(card: Card) -> str:
    """Spent, and how much may be."""
    return f"{dollars(card.cost)}/{dollars(card.budget)}"


def counts(cards: Iterable[Card], width: int) -> Line:
    """How many runs are in which state, what needs a person first; the words go where there is no room for them."""
    tally: dict[tuple[int, str], list[Card]] = {}
    for card in cards:
        tally.setdefault((card.rank, card.mark), []).append(card)
    long: list[Span] = []
    short: list[Span] = []
    for _, group in sorted(tally.items()):
        words = {card.word for card in group}
        word = WORKING.get(group[0].mark) or (words.pop() if len(words) == 1 else "")
        long.append((f"  {group[0].mark} {len(group)} {word}".rstrip(), group[0].tone))
        short.append((f"  {group[0].mark} {len(group)}", group[0].tone))
    return tuple(long) if cells(tuple(long)) <= width else tuple(short)


def today(cards: Iterable[Card], midnight: int) -> str:
    """What the runs that began after `midnight` (microseconds since 1970) have cost."""
    return f"today ${dollars(sum(card.cost for card in cards if card.started >= midnight))} "
