"""`python -m bench [NAME]... [--runs N] [--json]`: measure and print the table."""

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from bench import figures
from bench.catalogue import CATALOGUE
from bench.context import Context
from bench.families import FAMILIES, Family
from bench.figures import Row, Unmeasurable


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is named, or everything; 0 whatever the figures are, 1 when there is not one."""
    given = _parser().parse_args(arguments)
    unknown = set(given.names) - set(CATALOGUE) - {family.name for family in FAMILIES}
    if unknown:
        known = ", ".join(family.name for family in FAMILIES)
        print(
            f"nothing here is called {', '.join(sorted(unknown))}; there are {known}, and single rows", file=sys.stderr
        )
        return 2
    began, load = time.monotonic(), os.getloadavg()[0]
    rows = list(measured(given.names, given.runs))
    if given.json:
        print(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
    else:
        took = f"{given.runs} runs in {time.monotonic() - began:.0f} s, load {load:.1f} to {os.getloadavg()[0]:.1f}"
        machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, Linux {platform.release()}"
        print(f"{machine}; {took}\n\n{figures.table(rows)}")
    return 0 if any(row.value is not None for row in rows) else 1


def measured(names: Sequence[str], runs: int) -> Iterator[Row]:
    """The rows of the named families and measures, or all there are."""
    wanted = {name for name in names if name in CATALOGUE}
    wanted |= {row for family in FAMILIES if family.name in names for row in family.measures}
    with tempfile.TemporaryDirectory(prefix="loopwright-bench-", ignore_cleanup_errors=True) as scratch:
        context = Context(Path(scratch), runs, _say, frozenset(wanted))
        try:
            for family in FAMILIES:
                if context.wants(*family.measures):
                    yield from (row for row in of(family, context) if context.wants(row.name))
        finally:
            context.close()


def of(family: Family, context: Context) -> Iterator[Row]:
    """A family's rows. One that fails says why in each row that it still owes."""
    owed = list(family.measures)
    context.say(family.name)
    try:
        for figure in family.measure()(context):
            owed.remove(figure.name)
            yield figures.row(figure)
    except Exception as error:
        why = str(error) if isinstance(error, Unmeasurable) else f"{type(error).__name__}: {error}"
        yield from (figures.missing(name, why) for name in owed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = ", ".join(family.name for family in FAMILIES)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"a family ({names}) or a row as in --json")
    parser.add_argument("--runs", type=int, default=4, help="how often what takes seconds is done (default: 4)")
    parser.add_argument("--json", action="store_true", help="the rows as one JSON document")
    return parser


def _say(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
