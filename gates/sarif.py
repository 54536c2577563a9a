"""Our own evidence as SARIF 2.1.0 (OASIS), for whoever shows findings: a run of the log for each gate.

What base had is `unchanged`, what the candidate brought is `new`; a gate that could not run says so as an invocation
that did not succeed. Scanners' SARIF is read by `gates.parsers.sarif`.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from gates.base import Failure, GateResult, Violation, old_failures

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "loopwrightId/v1"
"""The failure's id, which has no line in it, hashed."""


def export(
    results: Sequence[GateResult], baseline: Mapping[str, GateResult], *, version: str, run: str = "", base: str = ""
) -> dict[str, Any]:
    """The log of what these gates found, against what they found at base.

    `version` is the harness's, `run` names the run and `base` its base commit.
    """
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [_run(result, baseline.get(result.gate), version, run, base) for result in results],
    }


def _run(result: GateResult, base: GateResult | None, version: str, run: str, commit: str) -> dict[str, Any]:
    old = frozenset(failure.id for failure in old_failures(result, base))
    found = [_failure(failure, result, known=failure.id in old) for failure in result.failures]
    found += [_violation(violation) for violation in result.violations]
    rules = list(dict.fromkeys(entry["ruleId"] for entry in found))
    for entry in found:
        entry["ruleIndex"] = rules.index(entry["ruleId"])
    return {
        "tool": {
            "driver": {
                "name": f"loopwright {result.gate}",
                "version": version,
                "rules": [{"id": rule, "shortDescription": {"text": rule}} for rule in rules],
            }
        },
        "automationDetails": {"id": f"loopwright/{result.gate}/{run}"},
        "invocations": [_invocation(result)],
        "columnKind": "unicodeCodePoints",
        "results": found,
        "properties": {
            "kind": result.kind,
            "status": result.status,
            "summary": result.summary,
            "required": result.required,
            "passed": len(result.passed),
            "skipped": len(result.skipped),
            **({"baseCommit": commit} if commit else {}),
        },
    }


def _invocation(result: GateResult) -> dict[str, Any]:
    succeeded = result.status not in ("error", "timeout")
    said: Iterable[tuple[str, str]] = (
        *([] if succeeded else [("error", result.summary)]),
        *(("note", note) for note in result.notes),
    )
    notes = [{"level": level, "message": {"text": text}} for level, text in said]
    return {"executionSuccessful": succeeded, **({"toolExecutionNotifications": notes} if notes else {})}


def _failure(failure: Failure, result: GateResult, *, known: bool) -> dict[str, Any]:
    """A finding's rule is the code its message begins with; a test has none, so it is called what its gate is."""
    finding = failure.path and failure.id.startswith(f"{failure.path}: ")
    rule = failure.message.split(" ")[0] if finding else f"{result.kind}-failed"
    text = failure.message if finding else f"{failure.id}: {failure.message}"
    return {
        "ruleId": rule or "finding",
        "level": "error" if result.required else "warning",
        "message": {"text": text},
        "baselineState": "unchanged" if known else "new",
        "partialFingerprints": {FINGERPRINT: hashlib.sha256(failure.id.encode(errors="replace")).hexdigest()},
        **_place(failure.path, failure.line),
    }


def _violation(violation: Violation) -> dict[str, Any]:
    identity = f"{violation.rule} {violation.path} {violation.message}"
    return {
        "ruleId": violation.rule,
        "level": "error" if violation.severity == "block" else "warning",
        "message": {"text": f"{violation.message}; fix: {violation.fix}"},
        "baselineState": "new",
        "partialFingerprints": {FINGERPRINT: hashlib.sha256(identity.encode(errors="replace")).hexdigest()},
        **_place(violation.path, violation.line),
    }


def _place(path: str, line: int) -> dict[str, Any]:
    if not path:
        return {}
    region = {"region": {"startLine": line}} if line > 0 else {}
    where = {"artifactLocation": {"uri": quote(path.encode(errors="replace")), "uriBaseId": "%SRCROOT%"}, **region}
    return {"locations": [{"physicalLocation": where}]}
