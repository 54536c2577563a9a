"""Reports of other tools, read as what they are: bytes that hostile code may have written or cut.

One small protocol for every format: bytes in, `Report` out. A parser never raises, and what is not a whole report is
a `problem`, so that nobody takes a part of one for a result.
"""

from collections.abc import Callable, Mapping

import msgspec

from gates.parsers import cargo, go, junit, linters, mypy, sarif, tap, tsc
from gates.parsers.base import LIMIT, Parser, Refused, Report

__all__ = ["FORMATS", "Format", "Report", "parse"]


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """How one kind of report is read."""

    parse: Parser
    tests: bool = False
    """Its ids are tests: what passed at base has to have a result, and base's own tests are run as well."""
    merged: bool = False
    """Read from stdout and stderr together: the tool says parts of it on either."""


FORMATS: Mapping[str, Format] = {
    "junit": Format(parse=junit.parse, tests=True),
    "tap": Format(parse=tap.parse, tests=True),
    "go-test": Format(parse=go.parse, tests=True),
    "cargo-test": Format(parse=cargo.parse, tests=True, merged=True),
    "sarif": Format(parse=sarif.parse),
    "eslint": Format(parse=linters.eslint),
    "tsc": Format(parse=tsc.parse),
    "mypy": Format(parse=mypy.parse),
    "pyright": Format(parse=linters.pyright),
    "checkstyle": Format(parse=linters.checkstyle),
    "pip-audit": Format(parse=linters.pip_audit),
}
"""The formats of `[gates.NAME] format = "..."`."""


def parse(format_: str, data: bytes) -> Report:
    """Read a report in one of `FORMATS`. Never raises for what the bytes say."""
    if len(data) > LIMIT:
        return Report(problem=f"the report has more than {LIMIT} bytes")
    read: Callable[[bytes], Report] = FORMATS[format_].parse
    try:
        return read(data)
    except (Refused, ValueError, RecursionError, MemoryError) as error:
        return Report(problem=f"the {format_} report is not whole: {error}"[:300])
