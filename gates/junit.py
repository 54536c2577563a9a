"""JUnit XML, read as what it is: a file that hostile code may have written.

No document type, no entities, no depth, no endless text. Whatever the bytes, the answer is a `Report`, and one
that is not whole has a `problem`, so that nobody takes a part of it for a result.
"""

from typing import Literal
from xml.parsers import expat

import msgspec

LIMIT = 32_000_000
"""Bytes of a report; pytest writes about 200 for a passing test."""
CASES = 200_000
DEPTH = 16
TEXT = 20_000
"""Characters kept of one case's text: half from the beginning, half from the end."""
ID_PROPERTY = "loopwright-id"
"""The property by which our own plugin says a test's node id."""

Outcome = Literal["passed", "failed", "skipped"]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One test as the report has it."""

    id: str
    outcome: Outcome
    message: str = ""
    text: str = ""
    collection: bool = False
    """The case stands for a file that could not be collected; `id` is that file."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed report. With a `problem` it is not a result, whatever the cases say."""

    cases: tuple[Case, ...] = ()
    problem: str = ""


class _Refused(Exception):
    """The document is not one that a test runner writes."""


def parse(data: bytes) -> Report:
    """Read a report. Never raises; what cannot be a whole and sane report is a `problem`."""
    if len(data) > LIMIT:
        return Report(problem=f"the report has more than {LIMIT} bytes")
    reader = _Reader()
    try:
        reader.parser.Parse(data, True)
    except (expat.ExpatError, _Refused, ValueError, LookupError) as error:
        return Report(problem=f"the report is not valid: {error}"[:300])
    if reader.claimed_bad > 0 and not any(case.outcome == "failed" for case in reader.cases):
        return Report(problem="the report counts failures that it does not contain")
    return Report(cases=tuple(reader.cases))


class _Reader:
    def __init__(self) -> None:
        self.cases: list[Case] = []
        self.claimed_bad = 0
        self._path: list[str] = []
        self._case: dict[str, str] = {}
        self._properties: dict[str, str] = {}
        self._outcome: Outcome = "passed"
        self._message = ""
        self._text: list[str] = []
        self.parser = expat.ParserCreate(namespace_separator=None)
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = _refuse
        self.parser.EntityDeclHandler = _refuse
        self.parser.ExternalEntityRefHandler = _refuse

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._path and name not in ("testsuites", "testsuite"):
            raise _Refused(f"its root is <{name[:40]}>")
        self._path.append(name)
        if len(self._path) > DEPTH:
            raise _Refused("it is nested too deeply")
        match name:
            case "testsuite":
                self.claimed_bad += _count(attributes, "failures") + _count(attributes, "errors")
            case "testcase":
                if self._path.count("testcase") > 1:
                    raise _Refused("a test case lies inside another")
                self._case, self._properties, self._text = dict(attributes), {}, []
                self._outcome, self._message = "passed", ""
            case "property":
                self._properties[attributes.get("name", "")] = attributes.get("value", "")
            case "failure" | "error":
                self._message = self._message or attributes.get("message", "")
                self._outcome = "failed"
            case "skipped" if self._outcome == "passed":
                self._message, self._outcome = attributes.get("message", ""), "skipped"

    def _characters(self, text: str) -> None:
        if self._path and self._path[-1] in ("failure", "error", "skipped"):
            self._text.append(text)

    def _end(self, name: str) -> None:
        self._path.pop()
        if name == "testcase":
            if len(self.cases) >= CASES:
                raise _Refused(f"it has more than {CASES} test cases")
            self.cases.append(self._finished())

    def _finished(self) -> Case:
        collection = self._outcome != "passed" and not self._case.get("classname")
        node = self._properties.get(ID_PROPERTY) or _node_id(self._case)
        text = "".join(self._text)
        if len(text) > TEXT:
            text = f"{text[: TEXT // 2]}\n...\n{text[-TEXT // 2 :]}"
        return Case(id=node, outcome=self._outcome, message=self._message[:2_000], text=text, collection=collection)


def _node_id(case: dict[str, str]) -> str:
    """The node id of a case that does not say it: from `file` (xunit1), `classname` and `name`."""
    classname, name, file = case.get("classname", ""), case.get("name", ""), case.get("file", "")
    if not classname:
        return file or f"{name.replace('.', '/')}.py"
    module = file.removesuffix(".py").replace("/", ".")
    if file and (classname == module or classname.startswith(f"{module}.")):
        inner = classname.removeprefix(module).strip(".").split(".")
        return "::".join([file, *filter(None, inner), name])
    return f"{classname}::{name}"


def _count(attributes: dict[str, str], name: str) -> int:
    value = attributes.get(name, "0")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 1


def _refuse(*_: object) -> int:
    raise _Refused("it declares a document type or entities")
