"""The breakers of a conversation are pure functions of its history."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.agent import TurnLimits
from harness.agent.conversation import Conversation
from harness.agent.guards import Ending, environment_percent, repetitions, tripped, used_percent
from tests.agent_support import finished, opened, replied, said, use

KEYS = st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=14)


@settings(deadline=None)
@given(KEYS, st.integers(1, 3))
def test_repetitions_count_equal_blocks_at_the_end(keys: list[bytes], period: int) -> None:
    count = repetitions(keys, period)
    assert count == 0 if len(keys) < period else count >= 1
    block = keys[-period:]
    assert keys[len(keys) - period * count :] == block * count
    longer = len(keys) - period * (count + 1)
    assert longer < 0 or keys[longer : longer + period] != block or count == 0


@settings(deadline=None)
@given(st.lists(st.sampled_from(["ok", "error", "environment"]), max_size=30), st.integers(1, 20))
def test_the_error_rate_is_of_a_full_window_only(statuses: list[str], window: int) -> None:
    percent = environment_percent(statuses, window)
    assert 0 <= percent <= 100
    if len(statuses) < window:
        assert percent == 0
    else:
        bad = sum(status == "environment" for status in statuses[len(statuses) - window :])
        assert percent * window <= 100 * bad < (percent + 1) * window


def played(outputs: list[str], status: str = "ok", prompt: int = 100, role: str = "maker") -> Conversation:
    conversation = opened(role=role)
    for n, output in enumerate(outputs):
        conversation.apply(replied(n, use(f"{n}", words=output), prompt=prompt))
        conversation.apply(finished(f"{n}", output, status))
    return conversation


def kind(ending: Ending | None) -> str:
    return ending.kind if ending else ""


def test_four_equal_steps_are_stuck_and_three_are_not() -> None:
    assert kind(tripped(played(["x"] * 3), TurnLimits())) == ""
    assert kind(tripped(played(["y", "x", "x", "x", "x"]), TurnLimits())) == "stuck"


def test_two_steps_in_turn_are_stuck_at_the_third_time() -> None:
    assert kind(tripped(played(["a", "b"] * 2 + ["a"]), TurnLimits())) == ""
    ending = tripped(played(["a", "b"] * 3), TurnLimits())
    assert ending is not None
    assert (ending.kind, ending.value, ending.limit) == ("stuck", 3, 3)


def test_the_same_call_with_new_results_is_work() -> None:
    assert tripped(played([f"{n} left" for n in range(50)]), TurnLimits()) is None


def test_more_than_the_allowed_share_of_environment_errors_trips() -> None:
    limits = TurnLimits(error_percent=60, error_window=10)
    good, bad = [f"g{n}" for n in range(4)], [f"b{n}" for n in range(7)]

    def after(failures: int) -> Ending | None:
        conversation = opened()
        for n, output in enumerate(good + bad[:failures]):
            conversation.apply(replied(n, use(f"{n}", words=output)))
            conversation.apply(finished(f"{n}", output, "environment" if output in bad else "ok"))
        return tripped(conversation, limits)

    assert after(6) is None
    ending = after(7)
    assert ending is not None
    assert (ending.kind, ending.value, ending.limit) == ("error_rate", 70, 60)


def test_the_models_own_mistakes_are_not_the_environments() -> None:
    assert tripped(played([f"{n}" for n in range(30)], "error"), TurnLimits()) is None


def test_turns_and_context_end_a_conversation() -> None:
    assert kind(tripped(played(["a", "b"]), TurnLimits(turns=2))) == "turns"
    assert kind(tripped(played(["a"], prompt=80_001), TurnLimits())) == "context"
    assert tripped(played(["a"], prompt=80_000), TurnLimits()) is None


def test_what_is_used_is_the_most_used() -> None:
    limits = TurnLimits(turns=10, context_tokens=1_000)
    assert used_percent(played(["a"], prompt=100), limits, 0.0) == 10
    assert used_percent(played(["a"], prompt=850), limits, 0.0) == 10  # a maker hands over, and need not hurry
    assert used_percent(played(["a"], prompt=850, role="checker"), limits, 0.0) == 85
    assert used_percent(played(["a", "b"], prompt=100), limits, 0.9) == 90
    assert used_percent(played(["a", "b"], prompt=100), limits, 0.1) == 20


def test_a_model_that_does_not_stop_talking_trips() -> None:
    conversation = opened()
    for n in range(3):
        assert tripped(conversation, TurnLimits()) is None
        conversation.apply(replied(n, said(f"on and on {n}"), stop="max_tokens"))
    ending = tripped(conversation, TurnLimits())
    assert ending is not None
    assert (ending.kind, ending.value, ending.limit) == ("runaway", 3, 3)
    conversation.apply(replied(9, said("done"), stop="end_turn"))
    assert tripped(conversation, TurnLimits()) is None  # in a row
    ending = tripped(conversation, TurnLimits(output_tokens=39))
    assert ending is not None
    assert (ending.kind, ending.value, ending.limit) == ("runaway", 40, 39)


def test_calls_of_tools_that_are_not_there_trip() -> None:
    conversation = opened()
    for n in range(3):
        assert tripped(conversation, TurnLimits()) is None
        conversation.apply(replied(n, use(f"{n}", name="deploy", n=n)))
        event = finished(f"{n}", f"no such tool {n}", "environment")
        conversation.apply(msgspec.structs.replace(event, name="deploy"))
    ending = tripped(conversation, TurnLimits())
    assert ending is not None
    assert (ending.kind, ending.value, ending.limit) == ("scope", 3, 3)
    assert "deploy" in ending.text


def test_a_prompt_that_shrank_was_cut_by_its_server() -> None:
    conversation = opened()
    conversation.apply(replied(1, use("1"), prompt=5_000))
    conversation.apply(finished("1"))
    conversation.apply(replied(2, use("2"), prompt=3_000))
    conversation.apply(finished("2", "other"))
    assert tripped(conversation, TurnLimits()) is None
    ending = tripped(conversation, TurnLimits(truncates=True))
    assert ending is not None
    assert (ending.kind, "2000 tokens" in ending.text) == ("context", True)
