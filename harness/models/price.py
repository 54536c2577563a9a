"""What a call costs, in exact integer arithmetic: micro-dollars, rounded up once per call."""

import math

from harness.events import Usage
from harness.models.catalog import Price, Profile


def cost(profile: Profile, usage: Usage, geo: str = "") -> int:
    """The cost of a call in micro-dollars, from what the server counted and the region it says it ran in."""
    price = profile.price
    amount = (
        usage.input * price.input
        + usage.output * price.output
        + usage.cache_write_5m * _or_input(price, price.cache_write_5m)
        + usage.cache_write_1h * _or_input(price, price.cache_write_1h)
        + usage.cache_read * _or_input(price, price.cache_read)
    )
    return _total(amount, _tier(profile, usage.prompt), profile.geo.get(geo, 100), profile.percent)


def worst(profile: Profile, prompt_tokens_upper_bound: int, max_tokens: int) -> int:
    """The most a call can cost: prompt tokens at the dearest rate, a whole reply, the dearest tier and region.

    A tier is taken into account when the upper bound could reach it, even where a lower one would cost more.
    """
    price = profile.price
    rates = (price.cache_write_5m, price.cache_write_1h, price.cache_read)
    dearest = max(price.input, *(_or_input(price, rate) for rate in rates))
    amount = prompt_tokens_upper_bound * dearest + max_tokens * price.output
    reachable = [100] + [tier.percent for tier in profile.tiers if prompt_tokens_upper_bound > tier.over]
    return _total(amount, max(reachable), max([100, *profile.geo.values()]), profile.percent)


def is_free(profile: Profile) -> bool:
    """Whether nothing of this model costs anything."""
    return not any(getattr(profile.price, field) for field in profile.price.__struct_fields__)


def _or_input(price: Price, rate: int | None) -> int:
    return price.input if rate is None else rate


def _tier(profile: Profile, prompt: int) -> int:
    reached = [tier for tier in profile.tiers if prompt > tier.over]
    return max(reached, key=lambda tier: tier.over).percent if reached else 100


def _total(amount: int, *percents: int) -> int:
    return -(-amount * math.prod(percents) // (1_000_000 * math.prod([100] * len(percents))))
