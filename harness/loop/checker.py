"""The checker: another model judges a green candidate, reading only, by evidence and never by the maker's talk."""

from collections.abc import Generator, Iterable
from typing import Any

import msgspec

from gates import is_test
from harness.agent import Ending, checker_tools, section
from harness.events import CandidateMade, CriterionJudged, Event, Finding, SandboxClosed, VerdictGiven
from harness.exits import UNPROVEN
from harness.loop.brief import goal_text
from harness.loop.endings import Ended
from harness.loop.exchange import put
from harness.loop.run import Run
from harness.loop.talk import converse

DIFF_CHARS = 60_000
"""What of a diff is shown; the rest can be read in the checker's copy of the tree."""

REMARKS, REMARK_CHARS = 60, 200
"""How many remarks of the gates are shown, and how much of each."""


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
    sandbox = yield from run.sandbox("checker")
    run.cancel.busy.add(sandbox.interrupt)
    try:
        put(sandbox, run.store, candidate.commit, run.base.commit)
        ending = yield from converse(
            run,
            "checker",
            f"checker.{candidate.n}",
            evidence(run, candidate),
            checker_tools(sandbox, run.clean, timeout=run.config.sandbox.command_timeout),
            SCHEMA,
        )
    finally:
        run.cancel.busy.discard(sandbox.interrupt)
        sandbox.close()
    yield SandboxClosed(sandbox=sandbox.id)
    if ending.kind != "quiet":
        raise no_verdict(ending)
    yield weigh(run, candidate, ending.text)


def no_verdict(ending: Ending) -> Ended:
    """A checker that refuses, or that a breaker stops, has judged nothing: neither yes nor no."""
    why = ending.text[:300] or "it gave no reason"
    if ending.kind == "refused":
        return Ended("refused", f"the checker refused: {why}", UNPROVEN, "name another model as models.checker")
    return Ended(
        "stuck", f"the checker came to no verdict ({ending.kind}): {why}", UNPROVEN, "try: loopwright resume RUN"
    )


def weigh(run: Run, candidate: CandidateMade, text: str) -> VerdictGiven:
    """The verdict that a reply amounts to: unreadable means no, and a finding counts only where its line exists."""
    model = run.voices["checker"].profile.name
    try:
        answer = msgspec.json.decode(_json_of(text), type=Answer)
    except msgspec.MsgspecError as error:
        summary = f"the verdict could not be read ({error})"
        return VerdictGiven(n=candidate.n, model=model, decision="revise", summary=summary)
    real = tuple(f for f in answer.findings if _exists(run, candidate, f))
    dropped = tuple(f for f in answer.findings if f not in real)
    unmet = any(c.state == "not_met" for c in answer.criteria)
    objects = unmet or any(f.severity == "blocking" for f in real)
    return VerdictGiven(
        n=candidate.n,
        model=model,
        decision="accept" if answer.decision == "accept" and not objects else "revise",
        summary=answer.summary,
        findings=real,
        dropped=dropped,
        criteria=answer.criteria,
    )


def objections(verdict: VerdictGiven) -> str:
    """What the maker is told about a verdict that is not an acceptance."""
    lines = ["All gates are green, but the checker does not accept the change.", verdict.summary]
    lines += [f"- {f.path}:{f.line} ({f.severity}) {f.claim}" for f in verdict.findings]
    lines += [f"- criterion {c.id} is not met: {c.evidence}" for c in verdict.criteria if c.state == "not_met"]
    return "\n".join(lines)


def evidence(run: Run, candidate: CandidateMade) -> str:
    """The evidence pack: goal, what the gates found, and the diff with its tests apart."""
    iteration = run.iteration(candidate.n)
    finished = iteration.gates.values() if iteration else ()
    results = [g.result for g in finished if g.result is not None]
    lines = [f"{g.gate}: {g.status}, {len(g.new_failures)} new failures, {g.violations} flags" for g in finished]
    remarks = [f"{v.rule} at {v.path}:{v.line}: {v.message}" for r in results for v in r.violations]
    remarks += [note for r in results for note in r.notes]
    changes = run.store.changes(run.base.tree, candidate.tree)
    tests = {c.path for c in changes if is_test(c.path)}
    parts = {
        "goal": goal_text(run.goal),
        "evidence": "\n".join(lines),
        "remarks": "\n".join(_quoted(remark) for remark in remarks[:REMARKS]),
        "diff": _diff(run, candidate, (c.path for c in changes if c.path not in tests)),
        "test_diff": _diff(run, candidate, tests),
    }
    return "\n\n".join(section(name, text) for name, text in parts.items() if text)


def _quoted(remark: str) -> str:
    """A remark names paths and tests, and the maker chose those names: they are shown as data, and no longer."""
    return msgspec.json.encode(remark[:REMARK_CHARS]).decode()


def _diff(run: Run, candidate: CandidateMade, paths: Iterable[str]) -> str:
    """The change of some paths only: base with these paths taken from the candidate, against base."""
    there = set(run.store.paths(candidate.tree))
    take = {path: candidate.tree if path in there else None for path in paths}
    if not take:
        return ""
    text = run.store.diff(run.base.tree, run.store.compose(run.base.tree, take))
    if len(text) <= DIFF_CHARS:
        return text
    return text[:DIFF_CHARS] + f"\n... {len(text) - DIFF_CHARS} characters more; read the files in /w\n"


def _exists(run: Run, candidate: CandidateMade, finding: Finding) -> bool:
    for tree in (candidate.tree, run.base.tree):
        data = run.store.file(tree, finding.path)
        if data is not None and 1 <= finding.line <= data.count(b"\n") + 1:
            return True
    return False


def _json_of(text: str) -> str:
    """The outermost object of a reply: models without structured output wrap it in words or a fence."""
    start, end = text.find("{"), text.rfind("}")
    return text[start : end + 1] if 0 <= start < end else text
