"""JUnit XML of any tool: surefire, gradle, vitest, node, phpunit. pytest's own goes through `gates.testing`."""

import re

from gates import junit
from gates.parsers.base import Refused, Report, Tests
from gates.tools import relative

_FRAME = re.compile(r"(/?(?:[\w.-]+/)*[\w.-]+\.[a-z]{1,5}):(\d{1,7})")
"""A place in a trace: `calc.test.ts:12`, `(CalcTest.java:12)`."""
LINES, WIDTH = 60, 300
"""How much of a trace is looked at for a place."""


def parse(data: bytes) -> Report:
    """Read one report. XML that is cut is not well-formed, so it is refused."""
    whole = junit.parse(data)
    if whole.problem:
        raise Refused(whole.problem)
    tests = Tests()
    for case in whole.cases:
        match case.outcome:
            case "passed":
                tests.passed(case.id)
            case "skipped":
                tests.skipped(case.id)
            case "failed":
                path, line = _where(case.text)
                tests.failed(case.id, case.message or case.text, case.text, path, line)
    return tests.report()


def _where(text: str) -> tuple[str, int]:
    places = (_FRAME.search(line[:WIDTH]) for line in text.splitlines()[:LINES])
    return next(((relative(place[1]), int(place[2])) for place in places if place), ("", 0))
