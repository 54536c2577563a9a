"""What runs cost: by tier, role and model, and what the same tokens would have cost on the frontier tier alone."""

from collections.abc import Iterable
from contextlib import suppress

import msgspec

from harness.events import ModelReplied
from harness.journal import Journal, Spend, by_model, by_role
from harness.loop.plan import Settings
from harness.models import Catalog, UnpricedModel, cost, undump


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a table: a tier, a role or a model. Money is micro-dollars."""

    name: str
    calls: int
    cost: int
    tokens: int
    cached: int
    """Of the prompts' tokens, those that a cache served."""


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """The costs of some runs. Money is micro-dollars."""

    runs: int
    cost: int
    calls: int
    tiers: tuple[Line, ...]
    roles: tuple[Line, ...]
    models: tuple[Line, ...]
    frontier: int
    """What the replies' tokens would have cost, had the run's first frontier model given every one of them."""
    replied: int
    """What they did cost: without failed attempts and open reservations."""

    @property
    def saved_percent(self) -> int:
        """What routing saved of the frontier's price."""
        return round(100 * (self.frontier - self.replied) / self.frontier) if self.frontier else 0


def bill(journal: Journal, runs: Iterable[str], catalog: Catalog) -> Bill:
    """The costs of `runs`, call by call: a price depends on the size of its prompt. Raises `UnknownRun`.

    Each run is reckoned with the prices it was begun with, a run without them with those of `catalog`.
    """
    spends: list[Spend] = []
    tiers: dict[str, list[Spend]] = {}
    count = frontier = replied = 0
    for run in runs:
        count += 1
        state = journal.state(run)
        created = state.created
        settings = _settings(created.settings) if created else None
        known = undump(created.catalog) if created and created.catalog else catalog
        of = _tiers(settings, known) if settings else {}
        dearest = known.profile(settings.config.models.frontier[0]) if settings else None
        for spend in (spend for spend in state.accounts.spends if spend.calls or spend.cost):
            spends.append(spend)
            tiers.setdefault(of.get(spend.model, "other"), []).append(spend)
        for record in journal.read(run):
            event = record.event
            if isinstance(event, ModelReplied) and dearest is not None:
                replied += event.cost
                frontier += cost(dearest, event.usage, event.geo)
    return Bill(
        runs=count,
        cost=sum(spend.cost for spend in spends),
        calls=sum(spend.calls for spend in spends),
        tiers=tuple(_line(name, group) for name, group in sorted(tiers.items())),
        roles=tuple(_line(name, (spend,)) for name, spend in sorted(by_role(spends).items())),
        models=tuple(_line(name, (spend,)) for name, spend in sorted(by_model(spends).items())),
        frontier=frontier,
        replied=replied,
    )


def _line(name: str, spends: Iterable[Spend]) -> Line:
    group = tuple(spends)
    return Line(
        name=name,
        calls=sum(spend.calls for spend in group),
        cost=sum(spend.cost for spend in group),
        tokens=sum(spend.usage.total for spend in group),
        cached=sum(spend.usage.cache_read for spend in group),
    )


def _settings(text: str) -> Settings | None:
    try:
        return msgspec.json.decode(text, type=Settings)
    except msgspec.MsgspecError:  # erased
        return None


def _tiers(settings: Settings, catalog: Catalog) -> dict[str, str]:
    """Model -> tier, as the run was configured; a model that stands in two counts to the cheaper one."""
    models = settings.config.models
    groups = {"frontier": (*models.frontier, models.checker), "mid": (*models.mid, models.maker), "light": models.light}
    found = {}
    for tier, names in groups.items():
        for name in filter(None, names):
            with suppress(UnpricedModel):
                found[catalog.profile(name).name] = tier
    return found
