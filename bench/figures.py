"""From samples to a row, and from rows to a table."""

import statistics
from collections.abc import Iterable, Sequence

import msgspec

from bench.catalogue import CATALOGUE, Unit

COLUMNS = ("measure", "ours", "target", "best peer*", "note")
WHY = 200
"""Characters of a reason."""
ELSEWHERE = "* measured elsewhere, on another machine: see bench/catalogue.py. A figure in brackets is the p95."


class Unmeasurable(Exception):
    """A figure cannot be had here; the text says why."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured value, in the unit of its measure. `beside` is a floor measured in the same minute."""

    name: str
    value: float
    least: float | None = None
    p95: float | None = None
    beside: tuple[str, float] | None = None
    note: str = ""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the table: a measure with its figure or, with `value` None, with the reason `why` it has none."""

    name: str
    measure: str
    unit: Unit
    value: float | None
    least: float | None = None
    """The smallest sample: on a busy machine what comes nearest to the truth."""
    p95: float | None = None
    target: float | None = None
    most: float | None = None
    """The target of the p95."""
    met: bool | None = None
    peer: str = ""
    note: str = ""
    why: str = ""


def of(
    name: str, samples: Sequence[float], *, beside: tuple[str, Sequence[float]] | None = None, note: str = ""
) -> Figure:
    """The median of the samples, their 95th percentile where there are enough to speak of one."""
    if not samples:
        raise Unmeasurable("there is not one sample")
    floor = (beside[0], statistics.median(beside[1])) if beside else None
    p95 = statistics.quantiles(samples, n=20)[-1] if len(samples) >= 20 else None
    value, least = statistics.median(samples), min(samples)
    return Figure(name=name, value=value, least=least, p95=p95, beside=floor, note=note)


def tail(name: str, samples: Sequence[float]) -> Figure:
    """The 95th percentile of the samples, of what must never be slow. Of fewer than 20 it is the slowest."""
    if not samples:
        raise Unmeasurable("there is not one sample")
    slow = statistics.quantiles(samples, n=20)[-1] if len(samples) >= 20 else max(samples)
    note = f"median {statistics.median(samples):.0f} of {len(samples)}"
    return Figure(name=name, value=slow, least=min(samples), note=note)


def row(figure: Figure) -> Row:
    """The row of a figure."""
    measure = CATALOGUE[figure.name]
    notes = [figure.note] if figure.note else []
    if figure.beside:
        what, floor = figure.beside
        notes.insert(0, f"{shown(figure.value / floor, 'x')} {what} ({shown(floor, measure.unit)})")
    return Row(
        name=figure.name,
        measure=measure.text,
        unit=measure.unit,
        value=figure.value,
        least=figure.least,
        p95=figure.p95,
        target=measure.target,
        most=measure.p95,
        met=None if measure.target is None else figure.value <= measure.target and in_most(figure, measure.p95),
        peer=measure.peer,
        note="; ".join(notes),
    )


def in_most(figure: Figure, most: float | None) -> bool:
    """Whether 19 of 20 samples are within their own target; too few to tell are no miss."""
    return most is None or figure.p95 is None or figure.p95 <= most


def missing(name: str, why: str) -> Row:
    """The row of a measure without a figure."""
    measure = CATALOGUE[name]
    return Row(
        name=name,
        measure=measure.text,
        unit=measure.unit,
        value=None,
        target=measure.target,
        peer=measure.peer,
        why=" ".join(why.split())[:WHY] or "no reason is known",
    )


def shown(value: float, unit: Unit) -> str:
    """A value with its unit, in three digits or so."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}"


def table(rows: Iterable[Row]) -> str:
    """The table as text, and below it what its columns mean and which targets are missed."""
    rows = tuple(rows)
    lines = [COLUMNS, *(_cells(each) for each in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    lines.insert(1, tuple("-" * width for width in widths))
    drawn = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    missed = [each for each in rows if each.met is False]
    ending = f"{sum(each.met is True for each in rows)} targets met, {len(missed)} missed"
    return "\n".join([*drawn, "", ELSEWHERE, ending + ("" if not missed else ": " + ", ".join(m.name for m in missed))])


def _cells(each: Row) -> tuple[str, ...]:
    if each.value is None:
        ours, note = "-", f"not measured: {each.why}"
    else:
        p95 = "" if each.p95 is None else f" ({shown(each.p95, each.unit).split()[0]})"
        ours, note = shown(each.value, each.unit) + p95, each.note
    mark = {True: "  met", False: "  MISSED", None: ""}[each.met]
    most = "" if each.most is None else f" ({each.most:g})"
    target = "" if each.target is None else f"<= {each.target:g}{most} {each.unit}{mark}"
    return each.measure, ours, target, each.peer, note
