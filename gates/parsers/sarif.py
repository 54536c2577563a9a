"""SARIF 2.1.0 (OASIS), from any scanner: what it found, whether or not a comment of the source hides it.

A finding that a comment suppresses counts: what base suppressed is in the baseline, so only a new comment's is new.
"""

from typing import Literal
from urllib.parse import unquote

import msgspec

from gates.parsers.base import Refused, Report, found
from gates.tools import Finding, relative

Level = Literal["none", "note", "warning", "error"]
COUNTED = ("warning", "error")
"""Levels that are failures. Notes are advice by the standard's own words (3.27.10)."""


class _Text(msgspec.Struct):
    text: str = ""
    markdown: str = ""
    id: str = ""


class _Artifact(msgspec.Struct):
    uri: str = ""


class _Region(msgspec.Struct, rename="camel"):
    start_line: int = 0


class _Physical(msgspec.Struct, rename="camel"):
    artifact_location: _Artifact = msgspec.field(default_factory=_Artifact)
    region: _Region = msgspec.field(default_factory=_Region)


class _Location(msgspec.Struct, rename="camel"):
    physical_location: _Physical = msgspec.field(default_factory=_Physical)


class _Suppression(msgspec.Struct):
    kind: str
    status: str = "accepted"


class _Configuration(msgspec.Struct):
    level: Level = "warning"


class _Rule(msgspec.Struct, rename="camel"):
    id: str
    default_configuration: _Configuration = msgspec.field(default_factory=_Configuration)


class _RuleReference(msgspec.Struct):
    id: str = ""
    index: int = -1


class _Result(msgspec.Struct, rename="camel"):
    message: _Text
    rule_id: str = ""
    rule_index: int = -1
    rule: _RuleReference = msgspec.field(default_factory=_RuleReference)
    level: Level | None = None
    kind: str = "fail"
    baseline_state: str = ""
    locations: list[_Location] = []
    suppressions: list[_Suppression] = []


class _Driver(msgspec.Struct):
    name: str
    rules: list[_Rule] = []


class _Tool(msgspec.Struct):
    driver: _Driver
    extensions: list[_Driver] = []


class _Invocation(msgspec.Struct, rename="camel"):
    execution_successful: bool = True


class _Run(msgspec.Struct):
    tool: _Tool
    results: list[_Result] | None = None
    """None: by the standard, that run did not look for results (3.14.23)."""
    invocations: list[_Invocation] = []


class _Log(msgspec.Struct):
    version: str
    runs: list[_Run]


def parse(data: bytes) -> Report:
    """Read a log. Raises `Refused` when a run of it says that it did not succeed, or has no list of results."""
    log = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"), type=_Log)
    if not log.version.startswith("2.1"):
        raise Refused(f"it is SARIF {log.version[:20]}, not 2.1.0")
    if not log.runs:
        raise Refused("it has no run")
    findings = []
    for run in log.runs:
        name = run.tool.driver.name
        if not all(invocation.execution_successful for invocation in run.invocations):
            raise Refused(f"{name} says that it did not succeed")
        if run.results is None:
            raise Refused(f"{name} reports no list of results")
        levels = {
            rule.id: rule.default_configuration.level
            for part in (run.tool.driver, *run.tool.extensions)
            for rule in part.rules
        }
        findings += [_finding(result, run, levels) for result in run.results if _counts(result, run, levels)]
    return found(findings)


def _rule(result: _Result, run: _Run) -> str:
    """The rule's id: named by the result, or by its index among the driver's rules."""
    named = result.rule_id or result.rule.id
    index = result.rule_index if result.rule_index >= 0 else result.rule.index
    if not named and 0 <= index < len(run.tool.driver.rules):
        named = run.tool.driver.rules[index].id
    return named or "finding"


def _counts(result: _Result, run: _Run, levels: dict[str, Level]) -> bool:
    if result.kind not in ("fail", "open", "review") or result.baseline_state == "absent":
        return False
    if any(s.kind == "external" and s.status == "accepted" for s in result.suppressions):
        return False
    rule = _rule(result, run)
    # a hierarchical id (3.27.5) belongs to the nearest rule above it
    parts = rule.split("/")
    above = ("/".join(parts[:n]) for n in range(len(parts), 0, -1))
    default = next((levels[name] for name in above if name in levels), "warning")
    return (result.level or default) in COUNTED


def _finding(result: _Result, run: _Run, levels: dict[str, Level]) -> Finding:
    place = result.locations[0].physical_location if result.locations else _Physical()
    said = result.message.text or result.message.markdown or result.message.id
    hidden = " (suppressed by a comment)" if any(s.kind == "inSource" for s in result.suppressions) else ""
    return Finding(
        path=relative(unquote(place.artifact_location.uri.removeprefix("file://"))),
        line=max(0, place.region.start_line),
        code=_rule(result, run),
        message=" ".join(said.split())[:300] + hidden,
    )
