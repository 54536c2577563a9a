"""What the journal's tests share: events of every type, and small runs."""

import types
import typing
from pathlib import Path
from typing import Any, Literal

import msgspec
from hypothesis import strategies as st

from gates.base import Failure, GateResult
from harness.events import (
    CandidateMade,
    ConversationEnded,
    ConversationOpened,
    DiffStat,
    Event,
    GateFinished,
    GateStarted,
    IterationFinished,
    IterationStarted,
    ModelReplied,
    ModelRequested,
    RunCreated,
    RunFinished,
    ToolFinished,
    ToolStarted,
    Usage,
    VerdictGiven,
)
from harness.goal import Goal, Limits
from harness.journal import Journal

EVENTS: tuple[type[Any], ...] = typing.get_args(Event)
"""Every type of the union."""
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
INTEGER = st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1)


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type, for the types that events are made of; anything else is an error."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind is str:
        return TEXT
    if kind is bool:
        return st.booleans()
    if kind is int:
        return INTEGER
    if kind is type(None):
        return st.none()
    if origin is Literal:
        return st.sampled_from(args)
    if origin is tuple and args[-1] is Ellipsis:
        return st.lists(values(args[0]), max_size=3).map(tuple)
    if origin in (types.UnionType, typing.Union):
        return st.one_of([values(arg) for arg in args])
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return structs(kind)
    raise TypeError(f"no event may hold a {kind}")


def structs(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Structs of a type, every field of its own."""
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{name: values(hints[name]) for name in kind.__struct_fields__})


ANY = st.one_of([structs(kind) for kind in EVENTS])


def same(text: str) -> str:
    """A cleaner that cleans nothing, to see every character through the store."""
    return text


def created(text: str = "parse_range() drops the last byte\nof a range", **fields: Any) -> RunCreated:
    """The first event of a run."""
    defaults: dict[str, Any] = {
        "goal": Goal(text=text, limits=Limits(iterations=4, micro_usd=2_000_000)),
        "repo": "/home/u/repo",
        "repo_id": "repo-1",
        "base": "b" * 40,
        "base_tree": "t" * 40,
        "base_ref": "main",
        "branch": "loopwright/parse-range",
        "maker": "m-1",
        "checker": "c-1",
        "image": "sha256:1",
        "settings": '{"a":1}',
    }
    return RunCreated(**defaults | fields)


def open_run(path: Path, run: str = "r1") -> tuple[Journal, int]:
    """A journal with one run, claimed."""
    journal = Journal(path)
    journal.create(run, created())
    return journal, journal.claim(run, "host:1")


def turn(conversation: str, call: int, cost: int = 700, model: str = "m-1") -> tuple[Event, ...]:
    """One turn of a conversation: a call of the model and of one tool."""
    return (
        ModelRequested(conversation=conversation, call=call, attempt=1, model=model, reserved=5_000),
        ModelReplied(
            conversation=conversation,
            call=call,
            model=model,
            stop_reason="tool_use",
            usage=Usage(input=10, output=20, cache_read=300, cache_write_5m=40),
            cost=cost,
            calls=1,
            micros=1_000,
            text="I look at it.",
            wire='{"role":"assistant"}',
        ),
        ToolStarted(conversation=conversation, call=f"t{call}", name="bash", summary="ls", input='{"command":"ls"}'),
        ToolFinished(conversation=conversation, call=f"t{call}", name="bash", status="ok", micros=5, output="a.py\n"),
    )


def gate(place: Any, n: int, *failed: str, name: str = "tests", new: tuple[str, ...] = (), **fields: Any) -> Event:
    """A finished gate with these failures."""
    result = GateResult(
        gate=name,
        kind="pytest",
        status="fail" if failed else "pass",
        summary=f"{len(failed)} failed",
        failures=tuple(Failure(id=test, message="boom", path=test.partition("::")[0]) for test in failed),
        **fields,
    )
    return GateFinished(
        place=place,
        iteration=n,
        gate=name,
        tree=f"tree-{place}-{n}",
        key=f"key-{place}-{n}-{name}",
        status=result.status,
        summary=result.summary,
        green=not new,
        new_failures=new,
        baseline_failures=tuple(test for test in failed if test not in new),
        micros=2_000_000,
        result=result,
    )


def iteration(n: int, *, green: bool, score: tuple[int, ...] = (1,), cured: tuple[str, ...] = ()) -> tuple[Event, ...]:
    """A whole iteration: red for `cured`, or green and accepted."""
    maker, checker = f"maker.{n}", f"checker.{n}"
    made = CandidateMade(
        n=n,
        commit=f"c{n}" * 20,
        tree=f"tree-{n}",
        parent="b" * 40,
        diff=DiffStat(files=n, insertions=n * 2, deletions=n),
        paths=("src/ranges.py",),
    )
    verdict = (
        ConversationOpened(conversation=checker, role="checker", model="c-1"),
        *turn(checker, 1, cost=900, model="c-1"),
        ConversationEnded(conversation=checker, ending="finish"),
        VerdictGiven(n=n, model="c-1", decision="accept", summary="good"),
    )
    return (
        IterationStarted(n=n, parent="b" * 40, model="m-1"),
        ConversationOpened(conversation=maker, role="maker", model="m-1", system="s", tools="[]", first="do it"),
        *turn(maker, 1),
        *turn(maker, 2),
        ConversationEnded(conversation=maker, ending="finish", detail="done"),
        made,
        GateStarted(place="candidate", iteration=n, gate="tests", tree=made.tree),
        gate("candidate", n, *cured, new=cured),
        *(verdict if green else ()),
        IterationFinished(
            n=n, ending="finish", green=green, accepted=green, score=score, feedback="" if green else "red"
        ),
    )


def finished(**fields: Any) -> RunFinished:
    """The last event of a run that succeeded."""
    return RunFinished(**{"outcome": "succeeded", "reason": "all green", "exit_code": 0} | fields)


def sample(kind: Any, name: str = "x") -> Any:
    """One fixed value of a type, nothing left at a default: what the stored journal of an old version holds."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind is str:
        return name
    if kind is bool:
        return True
    if kind is int:
        return len(name)
    if origin is Literal:
        return args[-1]
    if origin is tuple:
        return (sample(args[0], name),)
    if origin in (types.UnionType, typing.Union):
        return sample(args[0], name)
    hints = typing.get_type_hints(kind)
    return kind(**{field: sample(hints[field], field) for field in kind.__struct_fields__})
