"""Progress on stderr: a live region on a terminal, plain lines elsewhere, JSON lines for programs, or nothing."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import click
import msgspec

from harness.goal import MICRO
from harness.journal import Record, State, line

Mode = Literal["auto", "live", "plain", "json", "none"]
View = Callable[[Record], None]


@contextmanager
def viewing(mode: Mode, state: Callable[[], State], limit_micro_usd: int, iterations: int) -> Iterator[View]:
    """A view of the records as they are stored. `state` gives the run as it stands, for the live region."""
    match mode:
        case "none":
            yield lambda record: None
        case "json":
            yield lambda record: click.echo(msgspec.json.encode(record), err=True)
        case "live":
            yield from _live(state, limit_micro_usd, iterations)
        case "auto" if sys.stderr and sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
            yield from _live(state, limit_micro_usd, iterations)
        case _:
            yield lambda record: _plain(record, state().started)


def _plain(record: Record, started: int) -> None:
    if (text := line(record, started)) is not None:
        click.echo(click.style(text, fg=_colour(text)), err=True)


def _live(state: Callable[[], State], limit: int, iterations: int) -> Iterator[View]:
    """Lines scroll by; below them one region says where the run stands. rich is imported only here."""
    from rich.console import Console
    from rich.live import Live
    from rich.spinner import Spinner
    from rich.table import Table
    from rich.text import Text

    console = Console(stderr=True, highlight=False, no_color="NO_COLOR" in os.environ or None)
    begun = time.monotonic()
    spinner = Spinner("dots")

    class Region:
        def __rich__(self) -> Table:
            row = Table.grid(padding=(0, 2))
            row.add_row(spinner, *(Text(cell) for cell in _cells(state(), limit, iterations, begun)))
            return row

    with Live(Region(), console=console, refresh_per_second=8, transient=True) as live:

        def view(record: Record) -> None:
            if (text := line(record, state().started)) is not None:
                live.console.print(Text(text, style=_colour(text) or ""), soft_wrap=True)

        yield view


def _cells(state: State, limit: int, iterations: int, begun: float) -> list[str]:
    n = len(state.iterations)
    lights = "".join(_light(gate.green) for gate in state.iterations[-1].gates.values()) if n else ""
    minutes, seconds = divmod(int(time.monotonic() - begun), 60)
    return [
        state.phase,
        f"iteration {n}/{iterations}" if n else "baseline",
        f"gates {lights}" if lights else "gates –",
        f"${state.cost / MICRO:.4f} of ${limit / MICRO:.2f}",
        f"{minutes}:{seconds:02d}",
    ]


def _light(green: bool) -> str:
    return "●" if green else "○"


def _colour(text: str) -> str | None:
    """By the mark of the line; terminals that want no colour get none."""
    for mark, colour in (("✗", "red"), ("✓", "green"), ("!", "yellow")):
        if f" {mark} " in text[:16]:
            return colour
    return None
