"""The models that runs of this user ask: by tier, with their prices, and what comes of asking each for a word."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from harness.config import Config, Places, settle
from harness.goal import MICRO
from harness.models import MessagesModel, ModelError, Profile, Request, ToolSchema, cost, load

WORD = "Call the tool `echo` with the word `ready`."
ECHO = ToolSchema(
    "echo", "Says a word.", {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}
)
SECONDS = 60.0


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One model. Prices are dollars per million tokens: input, output, and what the cache serves."""

    tier: str
    name: str
    prices: str
    context: int
    served: str
    family: str
    able: tuple[str, ...]
    """Of cache, thinking, format, effort, count_tokens."""
    limits: tuple[str, ...]


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What came of asking a model. Money is micro-dollars."""

    name: str
    ok: bool
    said: str
    millis: int = 0
    cost: int = 0


def survey(places: Places, repo: Path | None, *, everything: bool = False) -> tuple[Row, ...]:
    """The models of the tiers, or every one. Raises `CatalogError`, `ConfigError`, `UnpricedModel`."""
    catalog, config = load(places.models), _config(places, repo)
    rows = [(tier, catalog.profile(name)) for tier, names in _tiers(config).items() for name in names]
    if everything:
        known = {profile.name for _, profile in rows}
        rows += [("", profile) for name, profile in sorted(catalog.profiles.items()) if name not in known]
    return tuple(_row(tier, profile) for tier, profile in rows)


def trial(places: Places, repo: Path | None, names: tuple[str, ...]) -> Iterator[Trial]:
    """Ask each named model, or each of the tiers, to call a tool. Raises as `survey` does."""
    catalog, config = load(places.models), _config(places, repo)
    wanted = names or tuple(dict.fromkeys(name for group in _tiers(config).values() for name in group))
    for profile in [catalog.profile(name) for name in wanted]:
        yield _tried(profile)


def _tried(profile: Profile) -> Trial:
    message = msgspec.json.encode({"role": "user", "content": [{"type": "text", "text": WORD}]})
    request = Request(
        system="You are being tried out.", tools=(ECHO,), messages=(message,), max_tokens=min(1_024, profile.max_output)
    )
    begun = time.monotonic()
    try:
        reply = MessagesModel(profile).attempt(request, timeout=SECONDS)
    except ModelError as error:
        return Trial(name=profile.name, ok=False, said=f"{error.kind}: {error.message}")
    millis = int((time.monotonic() - begun) * 1_000)
    paid = cost(profile, reply.usage, reply.geo)
    called = any(call.name == "echo" and call.input for call in reply.calls)
    faults = [] if called else ["it called no tool"]
    faults += [] if reply.usage.prompt else ["it does not count tokens: each call will cost its worst case"]
    said = "; ".join(faults) or "answers, and calls tools"
    return Trial(
        name=profile.name,
        ok=called,
        said=f"{said} ({millis} ms, ${paid / MICRO:.6f}{', as ' + reply.model if reply.model else ''})",
        millis=millis,
        cost=paid,
    )


def _config(places: Places, repo: Path | None) -> Config:
    def file(name: str) -> bytes | None:
        path = (repo or Path()) / name
        return path.read_bytes() if repo is not None and path.is_file() else None

    return settle(file, places.settings)[0]


def _tiers(config: Config) -> dict[str, tuple[str, ...]]:
    models = config.models
    tiers: dict[str, tuple[str, ...]] = {"light": models.light, "mid": models.mid, "frontier": models.frontier}
    pinned = {"maker": models.maker, "checker": models.checker}
    return tiers | {role: (name,) for role, name in pinned.items() if name}


def _row(tier: str, profile: Profile) -> Row:
    flags: dict[str, Any] = msgspec.structs.asdict(profile)
    price = profile.price
    read = price.input if price.cache_read is None else price.cache_read
    where = profile.platform + (f" {profile.region}" if profile.region else "")
    return Row(
        tier=tier,
        name=profile.name,
        prices=" · ".join(f"{rate * profile.percent / 100 / MICRO:g}" for rate in (price.input, price.output, read)),
        context=profile.context,
        served=profile.base_url or where,
        family=profile.family,
        able=tuple(name for name in ("cache", "thinking", "format", "effort", "count_tokens") if flags[name]),
        limits=profile.limits,
    )
