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
LINE_CHARS, DIFF_CHARS, NUMBERED = 400, 12_000, 6
LIMITS = TurnLimits(turns=2, max_tokens=2_048)
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["refuted", "why", "quote"],
    "properties": {"refuted": {"type": "boolean"}, "why": {"type": "string"}, "quote": {"type": "string"}},
}


class Refutation(msgspec.Struct, frozen=True):
    """The reply as it came."""

    refuted: bool
    why: str = ""
    quote: str = ""


def refutes(run: Run, candidate: CandidateMade, finding: Finding, k: int) -> Generator[Event, None, bool]:
    """Whether another model shows that the verdict's finding number `k` is wrong.

    In doubt it stands: when the reply cannot be read or names no line that is there, and when nobody can be asked. So
    words in the objection that ask to be refuted are not enough. Raises `OverBudget`.
    """
    code, change = _shown(run, candidate, finding)
    try:
        ending = yield from converse(
            run,
            "refute",
            f"refute.{candidate.n}.{k}",
            lambda: _case(run, finding, code, change),
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
    return said is not None and said.refuted and bool(said.why.strip()) and quoted(said.quote, code, change)


def quoted(quote: str, code: str, change: str) -> bool:
    """Whether a quotation is a whole line of the code or of the change, indentation and signs aside."""
    lines = {line[NUMBERED:].strip() for line in code.splitlines()}
    lines |= {line[1:].strip() for line in change.splitlines() if line[:1] in ("+", "-", " ")}
    wanted = quote.strip()
    return any(character.isalnum() for character in wanted) and wanted in lines


def _case(run: Run, finding: Finding, code: str, change: str) -> str:
    parts = {"goal": goal_text(run.goal), "objection": f"{finding.path}:{finding.line}\n{finding.claim}"}
    parts |= {"code": code, "change": change}
    return "\n\n".join(section(name, text) for name, text in parts.items())


def _shown(run: Run, candidate: CandidateMade, finding: Finding) -> tuple[str, str]:
    """The code around the line that a finding names, and the change to that file."""
    data = run.store.file(candidate.tree, finding.path) or run.store.file(run.base.tree, finding.path) or b""
    lines = data.decode(errors="replace").splitlines()
    first = max(1, finding.line - AROUND)
    shown = "\n".join(
        f"{number:>{NUMBERED - 1}} {line[:LINE_CHARS]}"
        for number, line in enumerate(lines[first - 1 : finding.line + AROUND], start=first)
    )
    try:
        there = finding.path in set(run.store.paths(candidate.tree))
        only = run.store.compose(run.base.tree, {finding.path: candidate.tree if there else None})
        diff = run.store.diff(run.base.tree, only)
    except RepoError:
        diff = ""
    return shown, diff[:DIFF_CHARS]
