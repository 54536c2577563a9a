"""Prices by hand, and a ledger that threads cannot overdraw."""

import random
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.events import Usage
from harness.models import Ledger, OverBudget, Price, Profile, Tier, cost, is_free, load, worst

CATALOG = load()
COUNTS = st.integers(0, 2_000_000)


@pytest.mark.parametrize(
    ("model", "usage", "geo", "micro_usd"),
    [
        # 1,000 * 2 + 500 * 10 = $.007
        ("claude-sonnet-5-5", Usage(input=1_000, output=500), "", 7_000),
        # 3 * 2 + 40,000 * .10 + 800 * 2.50 + 200 * 10 = 6 + 4,000 + 2,000 + 2,000
        ("claude-sonnet-5-5", Usage(input=3, cache_read=40_000, cache_write_5m=800, output=200), "", 8_006),
        # 6,000 * 8 (1 h) + 1,000 * 5 (5 m) + 10 * 4 + 100 * 20
        ("claude-opus-5-5", Usage(input=10, cache_write_1h=6_000, cache_write_5m=1_000, output=100), "", 55_040),
        # the same in the US: * 1.1
        ("claude-opus-5-5", Usage(input=10, cache_write_1h=6_000, cache_write_5m=1_000, output=100), "us", 60_544),
        # a region that costs no more
        ("claude-opus-5-5", Usage(input=10, output=100), "eu", 2_040),
        # haiku at the threshold: 100,000 * .01 + 10 * .50 ...
        ("claude-haiku-5-5", Usage(cache_read=100_000, output=10), "", 1_005),
        # ... and one token over it, cached ones included: (100,001 * .01 + 10 * .50) * 5, rounded up
        ("claude-haiku-5-5", Usage(cache_read=100_001, output=10), "", 5_026),
        # one token of input is a tenth of a micro-dollar, and costs one
        ("claude-haiku-5-5", Usage(input=1), "", 1),
        ("claude-haiku-5-5", Usage(), "us", 0),
    ],
)
def test_the_price_of_a_call_by_hand(model: str, usage: Usage, geo: str, micro_usd: int) -> None:
    assert cost(CATALOG.profile(model), usage, geo) == micro_usd


def test_undeclared_cache_prices_are_those_of_input_and_zero_is_zero() -> None:
    paid = Profile(name="m", price=Price(input=1_000_000, output=0), context=1, max_output=1)
    assert cost(paid, Usage(cache_read=5, cache_write_5m=6, cache_write_1h=7, input=8)) == 26
    free = Profile(name="m", price=Price(input=0, output=0), context=1, max_output=1)
    assert is_free(free)
    assert not is_free(paid)
    assert (worst(free, 10**9, 10**9), cost(free, Usage(input=10**9, output=10**9))) == (0, 0)


@pytest.mark.parametrize(
    ("model", "prompt", "reply", "micro_usd"),
    [
        ("claude-sonnet-5-5", 10_000, 1_000, 55_000),  # (10,000 * 4 + 1,000 * 10) * 1.1
        ("claude-haiku-5-5", 100_000, 1_000, 22_550),  # (100,000 * .20 + 1,000 * .50) * 1.1
        ("claude-haiku-5-5", 100_001, 1_000, 112_752),  # * 5
    ],
)
def test_the_worst_case_by_hand(model: str, prompt: int, reply: int, micro_usd: int) -> None:
    assert worst(CATALOG.profile(model), prompt, reply) == micro_usd


@settings(deadline=None)
@given(
    st.sampled_from(sorted(CATALOG.profiles)),
    st.tuples(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS),
    COUNTS,
    COUNTS,
    st.sampled_from(["", "us", "mars"]),
)
def test_no_call_within_its_bounds_costs_more_than_the_worst_case(
    name: str, counts: tuple[int, int, int, int, int], slack: int, unused: int, geo: str
) -> None:
    profile = CATALOG.profile(name)
    fresh, read, short, long, output = counts
    usage = Usage(input=fresh, cache_read=read, cache_write_5m=short, cache_write_1h=long, output=output)
    assert cost(profile, usage, geo) <= worst(profile, usage.prompt + slack, output + unused)


def test_a_tier_that_makes_things_cheaper_does_not_lower_the_worst_case() -> None:
    price = Price(input=1_000_000, output=1_000_000)
    tiers = (Tier(over=100, percent=50),)
    profile = Profile(name="m", price=price, tiers=tiers, context=1, max_output=1)
    assert cost(profile, Usage(input=200)) == 100
    assert worst(profile, 200, 0) == 200


def test_reserve_settle_forfeit_release() -> None:
    ledger = Ledger(1_000, 100)
    first, second = ledger.reserve(400, 10), ledger.reserve(600, 20)
    assert (ledger.spent, ledger.held) == (0, 1_000)
    with pytest.raises(OverBudget) as over:
        ledger.reserve(1, 0)
    assert (over.value.kind, over.value.limit, over.value.held, over.value.wanted) == ("money", 1_000, 1_000, 1)
    ledger.settle(first, 150, Usage(input=3, output=4))
    ledger.forfeit(second)
    assert (ledger.spent, ledger.tokens, ledger.held) == (750, 27, 0)
    ledger.release(ledger.reserve(250, 73))
    assert (ledger.spent, ledger.tokens, ledger.held) == (750, 27, 0)
    with pytest.raises(OverBudget) as tokens:
        ledger.reserve(250, 74)
    assert (tokens.value.kind, tokens.value.spent) == ("tokens", 27)


def test_a_reservation_is_closed_once() -> None:
    ledger = Ledger(1_000, 100)
    hold = ledger.reserve(10, 10)
    ledger.release(hold)
    for again in (ledger.forfeit, ledger.release):
        with pytest.raises(ValueError, match="closed before"):
            again(hold)
    assert ledger.spent == 0


def test_a_resumed_run_starts_with_what_was_spent() -> None:
    ledger = Ledger(1_000, 100, spent=990, tokens=5)
    ledger.reserve(10, 95)
    with pytest.raises(OverBudget):
        ledger.reserve(1, 0)


def test_the_words_of_a_tripped_limit_name_money_and_the_fix() -> None:
    with pytest.raises(OverBudget) as over:
        Ledger(5_000_000, 10, spent=4_990_000).reserve(20_000, 0)
    assert "$5.00" in over.value.what
    assert "$4.99 spent" in over.value.why
    assert "--max-cost" in over.value.fix


@pytest.fixture
def fast_switching() -> Iterator[None]:
    """Threads are switched as often as the interpreter can, so that what is not locked shows."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("seed", range(5))
def test_eight_threads_never_overspend(seed: int, fast_switching: None) -> None:
    ledger = Ledger(100_000, 50_000)
    refused = [0] * 8
    barrier = threading.Barrier(8)

    def spend(number: int) -> None:
        chance = random.Random(seed * 100 + number)
        barrier.wait()
        for _ in range(400):
            wanted = chance.randint(1, 900)
            try:
                hold = ledger.reserve(wanted, wanted // 3)
            except OverBudget:
                refused[number] += 1
                continue
            match chance.randint(0, 5):
                case 0:
                    ledger.forfeit(hold)
                case 1:
                    ledger.release(hold)
                case _:
                    used = chance.randint(0, wanted)
                    ledger.settle(hold, used, Usage(input=used // 3))

    threads = [threading.Thread(target=spend, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.spent <= 100_000
    assert ledger.tokens <= 50_000
    assert ledger.held == 0
    assert sum(refused) > 0
    assert ledger.spent > 99_000
