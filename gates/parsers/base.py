"""What every parser of reports shares: its answer, its limits, and how it says that a report is none."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import msgspec

from gates.base import Failure
from gates.tools import Finding, failures

LIMIT = 32_000_000
"""Bytes of one report."""
MOST = 200_000
"""Entries of one report."""
DETAIL = 6_000
"""Characters kept of what a tool says about one failure."""

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A report that was read. With a `problem` it is no result, whatever else it says."""

    failures: tuple[Failure, ...] = ()
    passed: tuple[str, ...] = ()
    """Ids of what ran and passed; only formats of tests have any."""
    skipped: tuple[str, ...] = ()
    problem: str = ""


Parser = Callable[[bytes], Report]
"""It may raise `Refused` and `ValueError`, which the caller turns into a `problem`."""


class Refused(Exception):
    """The bytes are not a whole report of that tool."""


class Tests:
    """The results of tests as they are read. The second test of a name is `name #2`: its place among equals."""

    __test__ = False

    def __init__(self) -> None:
        self._failures: dict[str, Failure] = {}
        self._passed: list[str] = []
        self._skipped: list[str] = []
        self._seen: Counter[str] = Counter()
        self._count = 0

    def _id(self, name: str) -> str:
        self._seen[name] += 1
        self._count += 1
        if self._count > MOST:
            raise Refused(f"it has more than {MOST} entries")
        return name if self._seen[name] == 1 else f"{name} #{self._seen[name]}"

    def passed(self, name: str) -> None:
        self._passed.append(self._id(name))

    def skipped(self, name: str) -> None:
        self._skipped.append(self._id(name))

    def failed(self, name: str, message: str, detail: str = "", path: str = "", line: int = 0) -> None:
        node = self._id(name)
        said = (message.strip().splitlines() or ["failed"])[0][:300]
        self._failures[node] = Failure(id=node, message=said, path=path, line=line, detail=capped(detail))

    def report(self) -> Report:
        return Report(failures=tuple(self._failures.values()), passed=tuple(self._passed), skipped=tuple(self._skipped))


def found(findings: Iterable[Finding]) -> Report:
    """A report of findings, their ids without lines. Raises `Refused` when there are too many."""
    listed = list(findings)
    if len(listed) > MOST:
        raise Refused(f"it has more than {MOST} entries")
    return Report(failures=failures(listed))


def lines(data: bytes) -> Iterator[str]:
    """The lines of a text report, without colours. Raises `Refused` for one whose last line has no end: it was cut."""
    if data and not data.endswith(b"\n"):
        raise Refused("its last line has no end")
    text = _ESCAPES.sub("", data.decode(errors="replace"))
    return (line.removesuffix("\r") for line in text.split("\n")[:-1])


def capped(text: str) -> str:
    return text if len(text) <= DETAIL else f"{text[: DETAIL // 2]}\n...\n{text[-DETAIL // 2 :]}"


def number(text: str) -> int:
    """A line number of a report, zero for one that is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0
