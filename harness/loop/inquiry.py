"""Runs that change nothing: a question answered, or a change planned, by a model that only reads. No gate speaks here:
what the harness itself adds is which of the named places exist."""

import re
from collections.abc import Generator, Iterable
from typing import Any

import msgspec

from harness.agent import Ending, TurnLimits, explorer_tools, section
from harness.events import AnswerGiven, Event, Role, SandboxClosed
from harness.exits import PROVEN, UNPROVEN
from harness.loop.checker import json_of
from harness.loop.endings import Ended
from harness.loop.exchange import put
from harness.loop.mapping import repository_map
from harness.loop.run import Run
from harness.loop.talk import converse, numbered
from harness.repo import RepoError

LIMITS = TurnLimits(turns=40, max_tokens=8_192, context_tokens=120_000, output_tokens=60_000)
TEXT, ROW, ROWS = 8_000, 400, 20
"""Characters of a text and of one row, and rows of each kind, that are kept."""
_PLACE = re.compile(r"(.{1,300}?):(\d{1,6})(?:-\d{1,6})?")


class Reply(msgspec.Struct, frozen=True):
    """The model's reply as it came."""

    text: str
    places: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    criteria: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()


def _schema(*lists: str) -> dict[str, Any]:
    rows = {name: {"type": "array", "items": {"type": "string"}} for name in lists}
    return {
        "type": "object", "additionalProperties": False, "required": ["text", *lists],
        "properties": {"text": {"type": "string"}, **rows},
    }  # fmt: skip


SCHEMAS = {"answer": _schema("places"), "plan": _schema("steps", "criteria", "scope", "tests", "risks", "places")}
"""What a reply looks like (`output_config.format`)."""


def inquire(run: Run) -> Generator[Event, None, Ended]:
    """Have the question answered or the change planned, unless it has been, in a throw-away copy of the base."""
    kind: Role = "plan" if run.goal.asks == "plan" else "answer"
    if not any(isinstance(record.event, AnswerGiven) for record in run.history()):
        sandbox = yield from run.sandbox(kind)
        run.cancel.busy.add(sandbox.interrupt)
        try:
            put(sandbox, run.store, run.base.commit, run.base.commit)
            ending = yield from converse(
                run,
                kind,
                f"{kind}.1",
                lambda: _question(run),
                explorer_tools(sandbox, run.clean),
                n=1,
                schema=SCHEMAS[kind],
                limits=LIMITS,
            )
        finally:
            run.cancel.busy.discard(sandbox.interrupt)
            sandbox.close()
        yield SandboxClosed(sandbox=sandbox.id)
        yield _given(run, kind, ending)
    done = "planned" if kind == "plan" else "answered"
    return Ended("succeeded", f"{done}; nothing was changed", PROVEN)


def _question(run: Run) -> str:
    return "\n\n".join(
        [section("repo", repository_map(run.store, run.base.tree)), section("question", run.goal.text.strip())]
    )


def _given(run: Run, kind: Role, ending: Ending) -> AnswerGiven:
    """The answer that a conversation ended with. Raises `Ended` when there is none."""
    if ending.kind == "refused":
        why = ending.text[:300] or "it gave no reason"
        raise Ended("refused", f"the model refused: {why}", UNPROVEN, "ask in other words, or another model")
    try:
        reply = msgspec.json.decode(json_of(ending.text), type=Reply)
    except msgspec.MsgspecError as error:
        why = f"{ending.kind}: {error}"
        raise Ended("stuck", f"no {kind} came of it ({why})", UNPROVEN, "ask in other words") from None
    named = tuple(dict.fromkeys(row.strip().strip("`") for row in reply.places[: 3 * ROWS]))
    real = tuple(row for row in named if _exists(run, row))
    return AnswerGiven(
        kind="plan" if kind == "plan" else "answer",
        model=run.state.conversations[numbered(run, f"{kind}.1")[-1]].model,
        text=_cut(reply.text, TEXT),
        places=real[:ROWS],
        dropped=len(named) - len(real),
        steps=_rows(reply.steps),
        criteria=_rows(reply.criteria),
        scope=_rows(reply.scope),
        tests=_rows(reply.tests),
        risks=_rows(reply.risks),
    )


def _exists(run: Run, place: str) -> bool:
    """Whether a place named as `path:line` is there at base."""
    found = _PLACE.fullmatch(place)
    if found is None:
        return False
    try:
        data = run.store.file(run.base.tree, found[1].removeprefix("/w/"))
    except RepoError:
        return False
    return data is not None and 1 <= int(found[2]) <= data.count(b"\n") + 1


def _rows(rows: Iterable[str]) -> tuple[str, ...]:
    kept = (" ".join(row.split()) for row in rows)
    return tuple(_cut(row, ROW) for row in kept if row)[:ROWS]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
