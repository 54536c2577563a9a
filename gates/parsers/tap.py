"""TAP, versions 12 to 14: test lines, plans, subtests by indentation, YAML blocks.

A plan says how many tests there are, so a stream that is cut, or that somebody else wrote into, does not add up.
"""

import re

import msgspec

from gates.parsers.base import Refused, Report, Tests, lines
from gates.tools import relative

_TEST = re.compile(r"(not )?ok\b(?: +(\d{1,7}))?(?: +-)? *(.*)", re.DOTALL)
_PLAN = re.compile(r"1\.\.(\d{1,7})(?:\s.*)?", re.DOTALL)
_DIRECTIVE = re.compile(r"(?:^|\s)#\s*(skip|todo)", re.IGNORECASE)
_LOCATION = re.compile(r"location: '?(\S+?):(\d{1,7})(?::\d+)?'?\s")
DEPTH = 32


class _Level(msgspec.Struct):
    """The tests of one level of indentation since their parent was last seen."""

    plan: int | None = None
    numbers: set[int] = msgspec.field(default_factory=set)
    results: list[list[str]] = msgspec.field(default_factory=list)
    """[outcome, name, directive, YAML block] of each test, subtests before their parents."""


def parse(data: bytes) -> Report:
    """Read a stream. Raises `Refused` for one without a plan or with other tests than planned."""
    levels = [_Level()]
    block: list[str] | None = None
    for line in lines(data):
        text = line.lstrip(" ")
        if block is not None:
            block.append(text)
            if text == "...":
                _last(levels)[3] = "\n".join(block[:-1])
                block = None
        elif text == "---" and _last(levels):
            block = []
        else:
            _line(levels, text, (len(line) - len(text)) // 4)
    if block is not None or len(levels) > 1:
        raise Refused("it ends within a test")
    _check(levels[0])
    return _report(levels[0])


def _line(levels: list[_Level], text: str, depth: int) -> None:
    if depth == 0 and text.startswith("Bail out!"):
        raise Refused(text[:200])
    plan, test = _PLAN.fullmatch(text), _TEST.fullmatch(text)
    if not plan and not test:
        return
    if depth >= min(len(levels) + 1, DEPTH):
        return  # indented deeper than any subtest can be: a diagnostic
    if depth == len(levels):
        levels.append(_Level())
    if plan:
        if depth < len(levels) - 1 or levels[depth].plan is not None:
            raise Refused("it has a plan in the wrong place")
        levels[depth].plan = int(plan[1])
    elif test:
        _test(levels, depth, test)


def _test(levels: list[_Level], depth: int, test: re.Match[str]) -> None:
    if len(levels) > depth + 2:
        raise Refused("a subtest has no parent")
    level = levels[depth]
    number = int(test[2]) if test[2] else len(level.numbers) + 1
    if number in level.numbers:
        raise Refused(f"it has the test {number} twice")
    level.numbers.add(number)
    directive = _DIRECTIVE.search(test[3])
    name = (test[3][: directive.start()] if directive else test[3]).strip() or f"test {number}"
    if len(levels) == depth + 2:
        inner = levels.pop()
        _check(inner)
        level.results += [[outcome, f"{name} > {inside}", mark, yaml] for outcome, inside, mark, yaml in inner.results]
    level.results.append(["failed" if test[1] else "passed", name, directive[1].lower() if directive else "", ""])


def _check(level: _Level) -> None:
    if level.plan is None:
        raise Refused("it has no plan")
    if level.numbers != set(range(1, level.plan + 1)):
        raise Refused(f"it has {len(level.numbers)} tests of {level.plan} planned")


def _last(levels: list[_Level]) -> list[str]:
    return next((level.results[-1] for level in reversed(levels) if level.results), [])


def _report(level: _Level) -> Report:
    tests = Tests()
    for outcome, name, directive, yaml in level.results:
        if directive:
            tests.skipped(name)
        elif outcome == "passed":
            tests.passed(name)
        else:
            place = _LOCATION.search(f"{yaml}\n")
            path, line = (relative(place[1]), int(place[2])) if place else ("", 0)
            tests.failed(name, _error(yaml), yaml, path, line)
    return tests.report()


def _error(yaml: str) -> str:
    """What a YAML block says of the error, in a line."""
    match = re.search(r"^(?:error|message): *(?:[|>]-?\s*\n)?\s*(.+)$", yaml, re.MULTILINE)
    return match[1].strip(" '\"") if match else "failed"
