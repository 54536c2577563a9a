"""A call: what it reserves, when it tries again, what it costs, and what the journal hears of it."""

import hashlib
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.events import ModelFailed, ModelReplied, ModelRequested, Usage
from harness.models import Ledger, MessagesModel, ModelError, OverBudget, Price, Profile, ask, bound, worst
from harness.models.calls import ATTEMPTS, FIRST, LONGEST, parameters, pause
from harness.models.wire import body
from tests.models_support import KEY, LS, NAME, SONNET, Called, Pauses, credentials, hello, playing
from tests.scripted import ScriptedServer, Step
from tests.scripted.words import result, user

WORST = worst(SONNET, 5_000, 1_000)


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    credentials(monkeypatch, tmp_path)


def plenty() -> Ledger:
    return Ledger(100_000_000, 100_000_000)


def model(server: ScriptedServer, profile: Profile = SONNET) -> MessagesModel:
    return MessagesModel(profile, base_url=server.url)


def test_a_call_is_reserved_told_sent_settled_and_told() -> None:
    ledger = plenty()
    usage = {"input_tokens": 3, "cache_read_input_tokens": 40_000, "output_tokens": 200}
    with playing(msgspec.structs.replace(LS, usage=usage)) as server:
        asking = ask(
            model(server), SONNET, ledger, hello(), conversation="maker.1", call=7, prompt_bound=5_000,
            deadline=time.monotonic() + 60, wait=Pauses(),
        )  # fmt: skip
        sent = hashlib.sha256(body(SONNET, hello())).hexdigest()
        assert next(asking) == ModelRequested(
            conversation="maker.1", call=7, attempt=1, model=NAME, reserved=WORST, tokens=6_000,
            request=sent, params=parameters(hello()),
        )  # fmt: skip
        assert (ledger.held, ledger.spent, len(server.requests)) == (WORST, 0, 0)
        replied = next(asking)
        assert isinstance(replied, ModelReplied)
        assert (ledger.held, ledger.spent, ledger.tokens) == (0, 6_006, 40_203)
        with pytest.raises(StopIteration) as end:
            next(asking)
    assert hashlib.sha256(server.requests[0].raw).hexdigest() == sent  # exactly what went over the wire
    reply = end.value.value
    assert (replied.call, replied.cost, replied.calls, replied.stop_reason) == (7, 6_006, 1, "tool_use")
    assert replied.wire.encode() == reply.wire
    assert replied.usage == reply.usage == Usage(input=3, cache_read=40_000, output=200)
    assert (replied.text, replied.thinking) == ("looking", "hm")


@pytest.mark.parametrize("kind", ["money", "tokens"])
def test_nothing_is_sent_that_the_ledger_has_no_room_for(kind: str) -> None:
    ledger = Ledger(WORST - 1, 10**9) if kind == "money" else Ledger(10**9, 5_999)
    with playing(LS) as server:
        called = Called(model(server), ledger)
        assert not server.requests
    assert isinstance(called.error, OverBudget)
    assert called.error.kind == kind
    assert (called.events, ledger.held) == ([], 0)


def test_an_error_inside_a_200_is_tried_again_and_its_reservation_lost() -> None:
    ledger = plenty()
    with playing([Step(tools=LS.tools, error_after=-1), LS]) as server:
        called = Called(model(server), ledger)
        assert not server.breaches
    assert called.reply is not None
    assert called.kinds() == ["ModelRequested", "ModelFailed", "ModelRequested", "ModelReplied"]
    failed, replied = called.events[1], called.events[3]
    assert isinstance(failed, ModelFailed)
    assert isinstance(replied, ModelReplied)
    assert (failed.kind, failed.cost) == ("overloaded", WORST)
    assert failed.retry_micros == pytest.approx(called.pauses.seconds[0] * 1e6, abs=1)
    assert ledger.spent == WORST + replied.cost


def test_a_cut_call_is_never_handed_on_and_gives_up_after_a_few_times() -> None:
    ledger = plenty()
    with playing(Step(tools=LS.tools, cut_after=-1)) as server:
        called = Called(model(server), ledger)
        assert len(server.requests) == ATTEMPTS["cut"]
    assert called.reply is None
    assert isinstance(called.error, ModelError)
    assert called.error.kind == "cut"
    assert ledger.spent == ATTEMPTS["cut"] * WORST
    last = called.events[-1]
    assert isinstance(last, ModelFailed)
    assert last.retry_micros is None


def test_lost_reservations_count_against_the_limit_before_the_next_attempt() -> None:
    ledger = Ledger(2 * WORST + WORST // 2, 10**9)
    with playing(Step(tools=LS.tools, cut_after=-1)) as server:
        called = Called(model(server), ledger)
        assert len(server.requests) == 2
    assert isinstance(called.error, OverBudget)
    assert ledger.spent == 2 * WORST <= ledger.limit_micro_usd


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413])
def test_what_waiting_does_not_cure_is_final_at_once_and_free(status: int) -> None:
    ledger = plenty()
    with playing(Step(status=status)) as server:
        called = Called(model(server), ledger)
        assert len(server.requests) == 1
    assert isinstance(called.error, ModelError)
    assert called.error.status == status
    assert called.kinds() == ["ModelRequested", "ModelFailed"]
    assert (ledger.spent, ledger.held, called.pauses.seconds) == (0, 0, [])


@pytest.mark.parametrize("asked", ["0", "0.0001", "86400", "1e300", None])
def test_rate_limits_are_waited_out_within_bounds(asked: str | None) -> None:
    with playing([*[Step(status=429, retry_after=asked)] * 5, LS]) as server:
        called = Called(model(server), plenty())
    assert called.reply is not None
    assert len(called.pauses.seconds) == 5
    assert all(FIRST / 2 <= seconds <= LONGEST for seconds in called.pauses.seconds)
    if asked == "86400":
        assert called.pauses.seconds == [LONGEST] * 5


@pytest.mark.parametrize(("step", "kind"), [(Step(status=529), "overloaded"), (Step(status=500), "server")])
def test_an_overload_that_does_not_pass_is_given_up_for_nothing(step: Step, kind: str) -> None:
    ledger = plenty()
    with playing(step) as server:
        called = Called(model(server), ledger)
        assert len(server.requests) == ATTEMPTS[kind]
    assert isinstance(called.error, ModelError)
    assert called.error.kind == kind
    assert ledger.spent == 0


def test_no_pause_goes_beyond_the_deadline() -> None:
    with playing(Step(status=429, retry_after="30")) as server:
        called = Called(model(server), plenty(), deadline=time.monotonic() + 20)
        assert len(server.requests) == 1
    assert called.pauses.seconds == []
    last = called.events[-1]
    assert isinstance(last, ModelFailed)
    assert last.retry_micros is None


def test_after_the_deadline_nothing_is_sent() -> None:
    ledger = plenty()
    with playing(LS) as server:
        called = Called(model(server), ledger, deadline=time.monotonic() - 1)
        assert not server.requests
    assert isinstance(called.error, ModelError)
    assert (called.error.kind, ledger.held) == ("timeout", 0)


def test_an_interrupted_pause_ends_the_call() -> None:
    with playing(Step(status=529)) as server:
        called = Called(model(server), plenty(), wait=lambda seconds: True)
        assert len(server.requests) == 1
    assert isinstance(called.error, ModelError)


def test_a_call_that_is_given_up_before_it_is_sent_costs_nothing() -> None:
    ledger = plenty()
    with playing(LS) as server:
        asking = ask(
            model(server), SONNET, ledger, hello(), conversation="c", call=1, prompt_bound=5_000,
            deadline=time.monotonic() + 60, wait=Pauses(),
        )  # fmt: skip
        next(asking)
        asking.close()
        assert not server.requests
    assert (ledger.held, ledger.spent) == (0, 0)


def test_a_listener_that_fails_costs_the_reservation_and_is_not_taken_for_the_network() -> None:
    ledger = plenty()

    def broken(kind: str, text: str) -> None:
        raise TypeError("my own mistake")

    with playing(LS) as server:
        called = Called(model(server), ledger, on_text=broken)
        assert len(server.requests) == 1
    assert isinstance(called.error, TypeError)
    assert (ledger.held, ledger.spent) == (0, WORST)


def test_a_server_that_does_not_count_is_charged_at_the_worst_case() -> None:
    none = {"input_tokens": 0, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0, "output_tokens": 0}
    ledger = plenty()
    with playing(msgspec.structs.replace(LS, usage=none)) as server:
        called = Called(model(server), ledger)
    assert called.reply is not None
    assert ledger.spent == WORST


def test_a_free_model_costs_nothing_even_uncounted() -> None:
    free = Profile(name=NAME, price=Price(input=0, output=0), context=1_000, max_output=100)
    ledger = Ledger(0, 10**6)
    with playing(LS, strict=True) as server:
        called = Called(model(server, free), ledger, free)
    assert called.reply is not None
    assert ledger.spent == 0
    assert ledger.tokens > 0


def test_the_key_enters_no_event_and_no_error() -> None:
    quoting = Step(status=500, message=f"your key {KEY} is nice")
    with playing([quoting, Step(status=401, message=f"your key {KEY} is bad")], key=KEY) as server:
        called = Called(model(server), plenty())
    told = msgspec.json.encode(called.events).decode() + repr(called.error) + str(called.error)
    assert "is nice" in told
    assert "is bad" in told
    assert KEY not in told
    assert KEY[10:] not in told


@settings(deadline=None)
@given(st.integers(1, 10_000), st.none() | st.floats(0, allow_nan=False), st.floats(0, 1))
def test_pauses_are_bounded_from_both_sides(failures: int, asked: float | None, jitter: float) -> None:
    seconds = pause(failures, asked, jitter)
    assert FIRST / 2 <= seconds <= LONGEST
    if asked is not None and asked <= LONGEST:
        assert seconds >= min(asked, LONGEST)


@settings(deadline=None)
@given(st.lists(st.text(max_size=300), min_size=1, max_size=4), st.text(max_size=300))
def test_the_bound_of_a_first_request_covers_a_token_for_every_byte(texts: list[str], system: str) -> None:
    request = hello(system=system, messages=tuple(user(text) for text in texts))
    assert bound(None, len(body(SONNET, request))) > len("".join(texts).encode()) + len(system.encode())


def test_the_bound_holds_over_a_conversation_as_the_server_counts_it() -> None:
    with playing(*[LS] * 6) as server:
        request, previous, added = hello(), None, len(body(SONNET, hello()))
        client: Any = model(server)
        for turn in range(6):
            reply = client.attempt(request, timeout=30)
            assert reply.usage.prompt <= bound(previous, added)
            answer = result(reply.calls[0].id, f"output {turn} é\n" * 50)
            request = msgspec.structs.replace(request, messages=(*request.messages, reply.wire, answer))
            previous, added = reply.usage, len(answer)
