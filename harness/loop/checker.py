"""The checker: another model judges a green candidate, reading only, by evidence and never by the maker's talk."""

from collections.abc import Generator, Iterable
from contextlib import closing
from typing import Any

import msgspec

from harness.agent import Ending, checker_tools
from harness.events import CandidateMade, CriterionJudged, Event, Finding, SandboxClosed, VerdictGiven
from harness.exits import UNPROVEN
from harness.goal import Goal
from harness.loop.endings import Ended
from harness.loop.looking import Looking
from harness.loop.pack import evidence
from harness.loop.refuting import refutes
from harness.loop.run import Run
from harness.loop.talk import converse, numbered

REFUTED = 8
"""How many blocking findings are examined by another call; further ones stand as they are."""


class Answer(msgspec.Struct, frozen=True):
    """The checker's reply as it came."""

    decision: str
    summary: str
    findings: tuple[Finding, ...] = ()
    criteria: tuple[CriterionJudged, ...] = ()


def _object(**properties: Any) -> dict[str, Any]:
    required = list(properties)
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


_TEXT = {"type": "string"}
SCHEMA = _object(
    decision={"type": "string", "enum": ["accept", "revise"]},
    summary=_TEXT,
    findings={
        "type": "array",
        "items": _object(
            severity={"type": "string", "enum": ["blocking", "minor"]},
            path=_TEXT,
            line={"type": "integer"},
            claim=_TEXT,
        ),
    },
    criteria={
        "type": "array",
        "items": _object(
            id=_TEXT,
            state={"type": "string", "enum": ["met", "not_met", "not_verifiable"]},
            evidence=_TEXT,
        ),
    },
)
"""What a verdict looks like (`output_config.format`)."""


def check(run: Run, candidate: CandidateMade) -> Generator[Event, None, None]:
    """Have the candidate judged in a throw-away copy of its tree, unless it has been."""
    if (known := run.iteration(candidate.n)) and known.verdicts:
        return
    before = [run.state.conversations[name] for name in numbered(run, f"checker.{candidate.n}")]
    with closing(Looking(run, "checker", candidate)) as tree:
        ending = yield from converse(
            run,
            "checker",
            f"checker.{candidate.n}",
            lambda: evidence(run, candidate),
            checker_tools(tree, run.clean, timeout=run.config.sandbox.command_timeout),
            n=candidate.n,
            schema=SCHEMA,
            anew=bool(before and before[-1].ended and before[-1].ended.ending != "quiet"),  # it came to no verdict
        )
    if tree.sandbox:
        yield SandboxClosed(sandbox=tree.sandbox.id)
    if ending.kind != "quiet":
        raise no_verdict(ending)
    yield (yield from weigh(run, candidate, ending.text))


def no_verdict(ending: Ending) -> Ended:
    """A checker that refuses, or that a breaker stops, has judged nothing: neither yes nor no."""
    why = ending.text[:300] or "it gave no reason"
    if ending.kind == "refused":
        return Ended("refused", f"the checker refused: {why}", UNPROVEN, "name another model as models.checker")
    return Ended(
        "stuck", f"the checker came to no verdict ({ending.kind}): {why}", UNPROVEN, "try: loopwright resume RUN"
    )


def weigh(run: Run, candidate: CandidateMade, text: str) -> Generator[Event, None, VerdictGiven]:
    """The verdict that a reply amounts to.

    An unreadable one means no. A finding counts where its line exists, and where another call does not refute it.
    """
    model = run.state.conversations[numbered(run, f"checker.{candidate.n}")[-1]].model
    try:
        answer = msgspec.json.decode(json_of(text), type=Answer)
    except msgspec.MsgspecError as error:
        summary = f"the verdict could not be read ({error})"
        return VerdictGiven(
            n=candidate.n, model=model, decision="revise", summary=summary, criteria=judged(run.goal, ())
        )
    real = [f for f in answer.findings if _exists(run, candidate, f)]
    refuted: list[Finding] = []
    for k, finding in enumerate([f for f in real if f.severity == "blocking"][:REFUTED], start=1):
        if (yield from refutes(run, candidate, finding, k)):
            refuted.append(finding)
    standing = tuple(f for f in real if f not in refuted)
    criteria = judged(run.goal, answer.criteria)
    objects = any(c.state == "not_met" for c in criteria) or any(f.severity == "blocking" for f in standing)
    return VerdictGiven(
        n=candidate.n,
        model=model,
        decision="accept" if answer.decision == "accept" and not objects else "revise",
        summary=answer.summary,
        findings=standing,
        dropped=tuple(f for f in answer.findings if f not in real),
        refuted=tuple(refuted),
        criteria=criteria,
    )


def judged(goal: Goal, said: Iterable[CriterionJudged]) -> tuple[CriterionJudged, ...]:
    """A row for each criterion of the goal, and for no other; what the checker left out it could not verify. Of
    several on one criterion the worst counts."""
    ranks = {"met": 0, "not_verifiable": 1, "not_met": 2}
    known = {row.id: row for row in sorted(said, key=lambda row: ranks[row.state])}
    silent = "the checker said nothing about it"
    return tuple(
        known.get(c.id) or CriterionJudged(id=c.id, state="not_verifiable", evidence=silent) for c in goal.criteria
    )


def objections(verdict: VerdictGiven) -> str:
    """What the maker is told about a verdict that is not an acceptance."""
    lines = ["All gates are green, but the checker does not accept the change.", verdict.summary]
    lines += [f"- {f.path}:{f.line} ({f.severity}) {f.claim}" for f in verdict.findings]
    lines += [f"- criterion {c.id} is not met: {c.evidence}" for c in verdict.criteria if c.state == "not_met"]
    return "\n".join(lines)


def _exists(run: Run, candidate: CandidateMade, finding: Finding) -> bool:
    for tree in (candidate.tree, run.base.tree):
        data = run.store.file(tree, finding.path)
        if data is not None and 1 <= finding.line <= data.count(b"\n") + 1:
            return True
    return False


def json_of(text: str) -> str:
    """The outermost object of a reply: models without structured output wrap it in words or a fence."""
    start, end = text.find("{"), text.rfind("}")
    return text[start : end + 1] if 0 <= start < end else text
