"""`go test -json`: one event a line. A package and a test that began have to have ended."""

import re
from collections.abc import Iterator

import msgspec

from gates.parsers.base import Refused, Report, Tests, lines

ENDS = ("pass", "fail", "skip")
_PLACE = re.compile(r"^[ \t]*([\w./-]+\.go):(\d{1,7}):", re.MULTILINE)
SAID = 200
"""Lines of output kept for one test."""


class _Event(msgspec.Struct):
    action: str = msgspec.field(name="Action")
    package: str = msgspec.field(name="Package", default="")
    test: str = msgspec.field(name="Test", default="")
    output: str = msgspec.field(name="Output", default="")
    build: str = msgspec.field(name="ImportPath", default="")
    broken: str = msgspec.field(name="FailedBuild", default="")


class _Stream:
    def __init__(self) -> None:
        self.ended: dict[tuple[str, str], str] = {}
        """(package, test; "" for the package itself) -> how it ended; "" for not yet."""
        self.said: dict[tuple[str, str], list[str]] = {}

    def add(self, event: _Event) -> None:
        key = (event.package or event.build, event.test)
        if event.output:
            said = self.said.setdefault(key, [])
            said.append(event.output)
            del said[SAID:]
        if not event.package:
            return
        self.ended.setdefault((event.package, ""), "")
        if event.action in ENDS:
            if self.ended.get(key):
                raise Refused(f"{' '.join(key)} ends twice")
            self.ended[key] = event.action
            if event.broken:
                self.said.setdefault(key, [])[:0] = self.said.get((event.broken, ""), [])
        elif event.action in ("start", "run"):
            self.ended.setdefault(key, "")


def parse(data: bytes) -> Report:
    """Read a stream. Raises `Refused` when a package or a test of one that passed has no end."""
    stream = _Stream()
    for event in _events(data):
        stream.add(event)
    if not stream.ended:
        raise Refused("it has no package")
    red = {package for package, test in stream.ended if stream.ended[package, test] == "fail" and test}
    tests = Tests()
    for (package, test), end in stream.ended.items():
        of_package = stream.ended[package, ""]
        if not of_package or (not end and of_package != "fail"):
            raise Refused(f"{package} {test} has no end".replace("  ", " "))
        if of_package != "fail" and package in red:
            raise Refused(f"{package} passes though a test of it fails")
        name = f"{package}::{test}" if test else package
        if end in ("fail", ""):
            if test or package not in red:
                _failed(tests, name, "".join(stream.said.get((package, test), ())), cut=not end)
        elif test:
            (tests.passed if end == "pass" else tests.skipped)(name)
    return tests.report()


def _failed(tests: Tests, name: str, said: str, *, cut: bool) -> None:
    place = _PLACE.search(said)
    wanted = (
        line.strip() for line in said.splitlines() if line.strip() and not line.startswith(("=== ", "--- ", "# "))
    )
    message = "did not come to an end" if cut else next(wanted, "failed")
    tests.failed(name, message, said, place[1] if place else "", int(place[2]) if place else 0)


def _events(data: bytes) -> Iterator[_Event]:
    """The events; what go itself says between them is no test's."""
    decoder = msgspec.json.Decoder(_Event)
    for line in lines(data):
        if line.startswith("{"):
            yield decoder.decode(line)
        elif line.startswith("FAIL\t"):  # before Go 1.24, a package that cannot be built
            yield _Event(action="fail", package=line.split("\t")[1].split(" ")[0], output=line)
