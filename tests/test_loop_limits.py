"""The breakers between iterations, by hand: each trips at its limit, names value and limit, and not before."""

from typing import Any

import pytest

from gates.base import GateResult, Violation
from harness.events import GateFinished, ModelFailed, ModelRequested, Usage
from harness.goal import Limits
from harness.journal import State, cost
from harness.loop.endings import Ended
from harness.loop.limits import between_iterations
from harness.loop.making import stop_of
from harness.loop.routing import stalled
from harness.models import Ledger, OverBudget, Slice
from tests.loop_support import done


def outside(*paths: str) -> dict[str, GateFinished]:
    violations = tuple(Violation(rule="out-of-scope", path=path, message="", fix="") for path in paths)
    result = GateResult(gate="integrity", kind="integrity", status="fail", summary="", violations=violations)
    event = GateFinished(
        place="candidate", iteration=1, gate="integrity", tree="t", key="", status="fail", summary="", green=False,
        result=result,
    )  # fmt: skip
    return {"integrity": event}


@pytest.mark.parametrize(
    ("iterations", "denied", "tripped"),
    [
        ([{"fingerprint": "f"}] * 3, 0, ("unchanged_failures", 3, 3, "iterations")),
        ([{"fingerprint": "f"}] * 2, 0, None),
        ([{"fingerprint": "f"}, {"fingerprint": "g"}, {"fingerprint": "f"}], 0, None),
        ([{"tree": "a"}, {"tree": "b"}, {"tree": "a"}, {"tree": "b"}], 0, ("seen_tree", 2, 2, "repeats")),
        ([{"tree": "a"}, {"tree": "b"}, {"tree": "a"}], 0, None),
        ([{"green": True}] * 2, 0, ("review_rounds", 2, 2, "rejections")),
        ([{"green": True}, {"green": True, "accepted": True}], 0, None),
        ([{"ending": "stuck", "value": 4, "limit": 4}], 0, ("repetition", 4, 4, "calls")),
        ([{"ending": "stuck", "value": 3, "limit": 3}], 0, ("repetition", 3, 3, "calls")),
        (
            [{"ending": "scope", "value": 3, "limit": 3, "detail": "calls: deploy"}],
            0,
            ("scope_tools", 3, 3, "calls"),
        ),
        ([{"gates": outside("a", "b")}, {"gates": outside("b")}], 0, ("scope_paths", 2, 2, "iterations")),
        ([{"gates": outside("a")}, {"gates": outside("b")}], 0, None),
        ([{}], 20, ("scope_hosts", 20, 20, "hosts")),
        ([{}], 19, None),
    ],
)
def test_each_breaker_trips_at_its_limit(iterations: list[dict[str, Any]], denied: int, tripped: Any) -> None:
    rows = tuple(done(n, **fields) for n, fields in enumerate(iterations, start=1))
    state = State(iterations=rows, denied=tuple((f"h{n}", 1) for n in range(denied)))
    if tripped is None:
        between_iterations(state, Limits())
        return
    with pytest.raises(Ended) as caught:
        between_iterations(state, Limits())
    assert caught.value.tripped == tripped
    assert caught.value.next_step
    assert caught.value.subject == {"scope_paths": "b", "scope_tools": "deploy"}.get(tripped[0], "")


@pytest.mark.parametrize(
    ("ending", "value", "limit", "tripped"),
    [
        ("stuck", 3, 3, ("repetition", 3, 3, "calls")),
        ("error_rate", 75, 60, ("error_rate", 75, 60, "percent")),
        ("runaway", 3, 3, ("output_runaway", 3, 3, "replies")),
        ("runaway", 400_100, 400_000, ("output_runaway", 400_100, 400_000, "tokens")),
        ("scope", 3, 3, ("scope_tools", 3, 3, "calls")),
        ("finish", 0, 0, None),
        ("turns", 150, 150, None),
    ],
)
def test_what_ended_a_conversation_is_told_with_its_numbers(ending: str, value: int, limit: int, tripped: Any) -> None:
    stop = stop_of(ending, "detail", value, limit)
    assert (stop.tripped if stop else None) == tripped


@pytest.mark.parametrize(
    ("scores", "count"),
    [
        ([], 0),
        ([(1,)], 1),  # red from the start: nothing is better than base yet
        ([(1,), (2,)], 0),
        ([(1,), (1,)], 2),
        ([(1,), (2,), (1,), ()], 2),
        ([(), ()], 2),
    ],
)
def test_iterations_that_get_no_further_are_counted(scores: list[tuple[int, ...]], count: int) -> None:
    state = State(iterations=tuple(done(n, score=score) for n, score in enumerate(scores, start=1)))
    assert stalled(state, len(scores) + 1) == count
    assert stalled(state, 1) == 0


def test_a_green_iteration_is_no_stall() -> None:
    state = State(iterations=(done(1, green=True), done(2, score=(-1,))))
    assert stalled(state, 3) == 1


def test_a_slice_is_paid_by_the_whole_and_stops_before_it() -> None:
    whole = Ledger(1_000, 1_000)
    part = Slice(whole, 300, 1_000)
    hold = part.reserve(200, 10)
    assert whole.held == 200
    with pytest.raises(OverBudget) as over:
        part.reserve(101, 1)
    assert over.value.limit == 300
    part.settle(hold, 150, Usage(input=5))
    assert (part.spent, whole.spent, whole.held, whole.tokens) == (150, 150, 0, 5)
    other = whole.reserve(840, 1)
    with pytest.raises(OverBudget) as over:
        part.reserve(50, 1)
    assert over.value.limit == 1_000
    whole.release(other)
    part.forfeit(part.reserve(100, 7))
    part.release(part.reserve(50, 7))
    assert (whole.spent, whole.tokens, whole.held) == (250, 12, 0)


def test_tokens_of_attempts_that_nobody_knows_the_end_of_count_after_a_resume() -> None:
    def asked(call: int) -> ModelRequested:
        return ModelRequested(conversation="maker.1", call=call, attempt=1, model="m", reserved=7, tokens=1_000 * call)

    cut = ModelFailed(
        conversation="maker.1", call=2, attempt=1, model="m", kind="cut", message="", cost=7, tokens=2_000
    )
    accounts = cost([asked(1), asked(2), cut])
    assert (accounts.tokens, accounts.cost) == (3_000, 14)
    assert Ledger(10**6, 3_500, tokens=accounts.tokens).tokens == 3_000
