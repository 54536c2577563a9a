"""Reports of linters and auditors that are one document: ESLint, pyright, checkstyle, pip-audit.

Where a tool counts its own findings, the counts have to agree with them.
"""

from collections.abc import Iterator
from xml.parsers import expat

import msgspec

from gates.parsers.base import Refused, Report, found, number
from gates.tools import Finding, relative


class _Message(msgspec.Struct, rename="camel"):
    severity: int
    message: str
    rule_id: str | None = None
    line: int | None = 0


class _Linted(msgspec.Struct, rename="camel"):
    file_path: str
    messages: list[_Message]
    error_count: int
    suppressed_messages: list[_Message] = []


def eslint(data: bytes) -> Report:
    """`eslint -f json`: errors, and those that a comment disables (base's are in the baseline)."""
    listed = []
    for file in msgspec.json.decode(data, type=list[_Linted]):
        errors = [message for message in file.messages if message.severity == 2]
        if len(errors) != file.error_count:
            raise Refused(f"{file.file_path} has {len(errors)} errors of {file.error_count} counted")
        hidden = [message for message in file.suppressed_messages if message.severity == 2]
        for messages, mark in ((errors, ""), (hidden, " (suppressed by a comment)")):
            listed += [_finding(file.file_path, m.line, m.rule_id or "fatal", m.message + mark) for m in messages]
    return found(listed)


class _Start(msgspec.Struct):
    line: int = -1


class _Range(msgspec.Struct):
    start: _Start = msgspec.field(default_factory=_Start)


class _Diagnostic(msgspec.Struct):
    severity: str
    message: str
    file: str = ""
    rule: str = ""
    range: _Range = msgspec.field(default_factory=_Range)


class _Summary(msgspec.Struct, rename="camel"):
    error_count: int


class _Checked(msgspec.Struct, rename="camel"):
    general_diagnostics: list[_Diagnostic]
    summary: _Summary


def pyright(data: bytes) -> Report:
    """`pyright --outputjson` (and basedpyright's): errors."""
    whole = msgspec.json.decode(data, type=_Checked)
    errors = [each for each in whole.general_diagnostics if each.severity == "error"]
    if len(errors) != whole.summary.error_count:
        raise Refused(f"it has {len(errors)} errors of {whole.summary.error_count} counted")
    return found(_finding(e.file, e.range.start.line + 1, e.rule or "error", e.message) for e in errors)


class _Vulnerability(msgspec.Struct):
    id: str
    fix_versions: list[str] = []


class _Dependency(msgspec.Struct):
    name: str
    version: str = ""
    vulns: list[_Vulnerability] | None = None
    skip_reason: str = ""


class _Audited(msgspec.Struct):
    dependencies: list[_Dependency]


def pip_audit(data: bytes) -> Report:
    """`pip-audit -f json`: known vulnerabilities by package and advisory. What it skipped is a finding too."""
    listed = []
    for package in msgspec.json.decode(data, type=_Audited).dependencies:
        if package.vulns is None:
            why = package.skip_reason or "no result"
            listed.append(_finding("", 0, "not audited", f"{package.name}: {why}"))
        for vulnerability in package.vulns or ():
            fix = f"fixed in {', '.join(vulnerability.fix_versions)}" if vulnerability.fix_versions else "no fix known"
            listed.append(_finding("", 0, vulnerability.id, f"{package.name} {package.version}: {fix}"))
    return found(listed)


def checkstyle(data: bytes) -> Report:
    """checkstyle XML, which many linters write: errors and warnings."""
    reader = _Checkstyle()
    try:
        reader.parser.Parse(data, True)
    except (expat.ExpatError, LookupError) as error:
        raise Refused(str(error)) from None
    return found(reader.findings())


class _Checkstyle:
    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = self._refuse
        self._path: list[str] = []
        self._file = ""
        self._errors: list[tuple[str, dict[str, str]]] = []

    def findings(self) -> Iterator[Finding]:
        for path, error in self._errors:
            if error.get("severity", "error") in ("error", "warning"):
                code = error.get("source", "").rpartition(".")[2] or "finding"
                yield _finding(path, number(error.get("line", "")), code, error.get("message", ""))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        expected = ("checkstyle", "file", ("error", "exception"))
        depth = len(self._path)
        if depth > 2 or name not in expected[depth]:
            raise Refused(f"it has <{name[:40]}> where none belongs")
        self._path.append(name)
        if name == "file":
            self._file = attributes.get("name", "")
        elif name == "error":
            self._errors.append((self._file, attributes))
        elif name == "exception":
            raise Refused(f"the tool could not read {self._file[:200]}")

    def _end(self, name: str) -> None:
        self._path.pop()

    def _refuse(self, *_: object) -> None:
        raise Refused("it declares a document type")


def _finding(path: str, line: int | None, code: str, message: str) -> Finding:
    return Finding(path=relative(path), line=max(0, line or 0), code=code, message=" ".join(message.split())[:300])
