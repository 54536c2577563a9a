"""A second look at one finding: another, cheaper model tries to refute it, and only what stands blocks a change."""

from collections.abc import Generator

import msgspec

from harness.agent import TurnLimits, no_tools, section
from harness.events import CandidateMade, Event, Finding, Notice
from harness.loop.brief import goal_text
from harness.loop.run import Run
from harness.loop.talk import converse
from harness.models import ModelError
from harness.repo.errors import RepoError

AROUND = 20
"""Lines shown before and after the one that a finding names."""
LINE_CHARS, DIFF_CHARS = 400, 12_000
LIMITS = TurnLimits(turns=2, max_tokens=2_048)
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["refuted", "why"],
    "properties": {"refuted": {"type": "boolean"}, "why": {"type": "string"}},
}


class Refutation(msgspec.Struct, frozen=True):
    """The reply as it came."""

    refuted: bool
    why: str = ""


def refutes(run: Run, candidate: CandidateMade, finding: Finding, k: int) -> Generator[Event, None, bool]:
    """Whether another model shows that the verdict's finding number `k` is wrong.

    In doubt it stands: when the reply cannot be read, and when nobody can be asked. Raises `OverBudget`.
    """
    try:
        ending = yield from converse(
            run,
            "refute",
            f"refute.{candidate.n}.{k}",
            lambda: _case(run, candidate, finding),
            no_tools(run.clean),
            n=candidate.n,
            schema=SCHEMA,
            limits=LIMITS,
        )
    except ModelError as error:
        if run.cancel.cause is not None:
            raise
        yield Notice(what="a finding stands unexamined: no model could be asked", why=error.message[:300])
        return False
    text = ending.text
    start, end = text.find("{"), text.rfind("}")
    try:
        said = msgspec.json.decode(text[start : end + 1], type=Refutation) if ending.kind == "quiet" else None
    except msgspec.MsgspecError:
        return False
    return said is not None and said.refuted and bool(said.why.strip())


def _case(run: Run, candidate: CandidateMade, finding: Finding) -> str:
    """The goal, the objection, the code around it, and the change to that file."""
    data = run.store.file(candidate.tree, finding.path) or run.store.file(run.base.tree, finding.path) or b""
    lines = data.decode(errors="replace").splitlines()
    first = max(1, finding.line - AROUND)
    shown = "\n".join(
        f"{number:>5} {line[:LINE_CHARS]}"
        for number, line in enumerate(lines[first - 1 : finding.line + AROUND], start=first)
    )
    try:
        there = finding.path in set(run.store.paths(candidate.tree))
        only = run.store.compose(run.base.tree, {finding.path: candidate.tree if there else None})
        diff = run.store.diff(run.base.tree, only)
    except RepoError:
        diff = ""
    return "\n\n".join(
        (
            section("goal", goal_text(run.goal)),
            section("objection", f"{finding.path}:{finding.line}\n{finding.claim}"),
            section("code", shown),
            section("change", diff[:DIFF_CHARS]),
        )
    )
