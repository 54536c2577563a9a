"""mypy: its lines with the summary at their end, or JSON lines (`--output json`)."""

import re
from collections.abc import Iterator

import msgspec

from gates.parsers.base import Refused, Report, found, lines, number
from gates.tools import Finding, relative

_ERROR = re.compile(r"(.+?)(?::(\d+))?(?::\d+)?(?::\d+:\d+)?: error: (.*?)(?:  \[([\w-]+)\])?")
_SUMMARY = re.compile(r"Found (\d+) errors? in .*|Success: .*")


class _Error(msgspec.Struct):
    file: str
    line: int
    message: str
    severity: str
    code: str | None = None


def parse(data: bytes) -> Report:
    """Read the errors. Raises `Refused` for text without mypy's summary, or with another count than it says."""
    text = list(lines(data))
    if any(line.startswith("{") for line in text):
        return found(_json(text))
    errors = [match for line in text if (match := _ERROR.fullmatch(line))]
    summary = next((match for line in reversed(text) if (match := _SUMMARY.fullmatch(line))), None)
    if summary is None:
        raise Refused("mypy's summary is missing (it was cut, or --no-error-summary is set)")
    if int(summary[1] or 0) != len(errors):
        raise Refused(f"it has {len(errors)} errors of {summary[1] or 0} counted")
    return found(
        Finding(path=relative(m[1]), line=number(m[2] or ""), code=m[4] or "error", message=m[3][:300]) for m in errors
    )


def _json(text: list[str]) -> Iterator[Finding]:
    """JSON lines have no end mark: that all of them are there is what the exit status says."""
    decoder = msgspec.json.Decoder(_Error)
    for error in (decoder.decode(line) for line in text if line.strip()):
        if error.severity == "error":
            code, line = error.code or "error", max(0, error.line)
            yield Finding(path=relative(error.file), line=line, code=code, message=error.message[:300])
