"""The TypeScript compiler's messages, plain or pretty. It has no end mark when plain: its exit status is one."""

import re

from gates.parsers.base import Refused, Report, found, lines, number
from gates.tools import Finding, relative

_ERROR = re.compile(r"(?:(.+?)(?:\((\d+),\d+\)|:(\d+):\d+)(?:: | - ))?error (TS\d+): (.*)")
_SUMMARY = re.compile(r"Found (\d+) errors?\b.*")


def parse(data: bytes) -> Report:
    """Read the errors. Raises `Refused` when a summary counts others."""
    text = list(lines(data))
    errors = [match for line in text if (match := _ERROR.fullmatch(line))]
    for summary in filter(None, map(_SUMMARY.fullmatch, text)):
        if int(summary[1]) != len(errors):
            raise Refused(f"it has {len(errors)} errors of {summary[1]} counted")
    return found(
        Finding(path=relative(m[1] or ""), line=number(m[2] or m[3] or ""), code=m[4], message=m[5][:300])
        for m in errors
    )
