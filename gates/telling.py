"""What the next maker is told, how a candidate is scored, and when two candidates failed alike."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gates.base import Failure, GateResult, Violation, new_failures, old_failures
from gates.naming import REQUIRED, is_required

CAP = 12_000
"""Characters of a whole feedback: about 3,000 tokens, a small part of a turn."""
SHOWN = 10
LINES = 40
WIDTH = 300
OLD = 10


def feedback(results: Sequence[GateResult], baseline: Mapping[str, GateResult], *, cap: int = CAP) -> str:
    """The evidence against a candidate as ranked plain text of at most `cap` characters.

    Violations first, then gates that could not run, then new failures with their places, at last the failures that
    base had, which are nobody's to correct.
    """
    parts = [*_violations(results), *_errors(results), *_failures(results, baseline)]
    tail = _old(results, baseline)
    if not parts:
        return tail
    text, room = "", cap - len(tail) - 60
    for n, part in enumerate(parts):
        if len(text) + len(part) + 2 > room:
            text += part[: max(0, room - len(text) - 10)] + "\n..." if n == 0 else f"... and {len(parts) - n} more"
            break
        text += f"{part}\n\n"
    return f"{text.rstrip()}\n\n{tail}".strip()[:cap]


def fingerprint(results: Sequence[GateResult], baseline: Mapping[str, GateResult]) -> str:
    """A digest of what is wrong with a candidate. Lines do not count, so equal means no progress."""
    wrong = {f"{r.gate} {failure.id}" for r in results for failure in new_failures(r, baseline.get(r.gate))}
    wrong |= {f"{r.gate} {v.rule} {v.path}" for r in results for v in r.violations if v.severity == "block"}
    wrong |= {f"{r.gate} {r.status}" for r in results if r.status in ("error", "timeout")}
    return hashlib.sha256("\n".join(sorted(wrong)).encode(errors="backslashreplace")).hexdigest()[:16]


def score(
    results: Sequence[GateResult], baseline: Mapping[str, GateResult], must_pass: Sequence[str], lines: int
) -> tuple[int, ...]:
    """How good a candidate is, to be compared as a whole; bigger is better.

    In this order: no blocking violation, gates that ran, required tests that pass, new failures of tests, other
    new failures, and last the size of the change in lines. Tests that ended early count for one failure more, so that
    what was not run makes no candidate better than the one whose failures it repeats.
    """
    tests = [r for r in results if _tested(r)]
    others = [r for r in results if not _tested(r)]
    passed = {node for result in tests for node in result.passed}
    blocked = any(v.severity == "block" for r in results for v in r.violations)
    return (
        -int(blocked),
        -sum(r.status in ("error", "timeout") for r in results if r.required),
        sum(any(is_required(wanted, node) for node in passed) for wanted in must_pass),
        -sum(len(new_failures(r, baseline.get(r.gate))) + r.early for r in tests),
        -sum(len(new_failures(r, baseline.get(r.gate))) for r in others),
        -lines,
    )


def _tested(result: GateResult) -> bool:
    """Whether a gate ran tests: pytest's, or a command whose report names what passed."""
    return result.tests or result.kind == "pytest" or (result.kind == "command" and bool(result.passed))


def _violations(results: Iterable[GateResult]) -> Iterator[str]:
    found = [v for result in results for v in result.violations]
    for violation in (v for v in found if v.severity == "block"):
        yield f"VIOLATION {_violation(violation)}"
    warnings = [v for v in found if v.severity != "block"]
    if warnings:
        more = f"\n  ... and {len(warnings) - SHOWN} more" if len(warnings) > SHOWN else ""
        yield "warnings:\n" + "\n".join(f"  {_violation(v)}" for v in warnings[:SHOWN]) + more


def _violation(violation: Violation) -> str:
    where = f"{violation.path}:{violation.line}" if violation.line else violation.path
    place = f" at {where}" if where else ""
    return f"{violation.rule}{place}: {violation.message}\n  fix: {violation.fix}"


def _errors(results: Iterable[GateResult]) -> Iterator[str]:
    for result in results:
        if result.status in ("error", "timeout"):
            said = _lines(result.output, tail=True)
            yield f"GATE {result.gate} has no result ({result.status}): {result.summary}\n{said}".rstrip()


def _failures(results: Iterable[GateResult], baseline: Mapping[str, GateResult]) -> Iterator[str]:
    for result in results:
        found = new_failures(result, baseline.get(result.gate))
        ranked = sorted(found, key=lambda f: (not f.id.startswith(REQUIRED), "::" in f.id))
        yield from (f"FAILURE in {result.gate}: {_failure(failure)}" for failure in ranked[:SHOWN])
        if len(ranked) > SHOWN:
            files = len({failure.path for failure in ranked[SHOWN:]})
            yield f"{result.gate}: {len(ranked) - SHOWN} more new failures in {files} files"
        if result.early and found:
            yield f"{result.gate} ended there: {result.summary}"


def _failure(failure: Failure) -> str:
    where = f" ({failure.path}:{failure.line})" if failure.line else ""
    detail = _lines(failure.detail)
    head = f"{failure.id}{where}"
    message = f"\n  {failure.message}" if failure.message and failure.message not in failure.id else ""
    return f"{head}{message}" + (f"\n{detail}" if detail else "")


def _old(results: Iterable[GateResult], baseline: Mapping[str, GateResult]) -> str:
    found = [f.id for result in results for f in old_failures(result, baseline.get(result.gate))]
    if not found:
        return ""
    more = [f"  ... and {len(found) - OLD} more"] if len(found) > OLD else []
    head = f"Failures that were there before you, not yours ({len(found)}):"
    return "\n".join([head, *(f"  {node[:WIDTH]}" for node in found[:OLD]), *more])


def _lines(text: str, *, tail: bool = False) -> str:
    """At most `LINES` lines: the last ones, or the first and the last halves."""
    lines = [line[:WIDTH] for line in text.strip().splitlines()]
    if len(lines) > LINES:
        left_out = f"... {len(lines) - LINES} lines left out ..."
        lines = [left_out, *lines[-LINES:]] if tail else [*lines[: LINES // 2], left_out, *lines[-LINES // 2 :]]
    return "\n".join(f"  {line}" for line in lines)
