"""Routing: which model speaks in a role, and which one takes its place when it cannot be reached.

A conversation has one model from its first request to its last (thinking blocks and caches are bound to it), so a
model is chosen and replaced between conversations only.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import msgspec

from harness.models.base import Model, ModelError
from harness.models.catalog import Catalog, Profile
from harness.models.client import MessagesModel

TierName = Literal["light", "mid", "frontier"]
DOWN = 3
"""How many times a model that could not be reached is passed over before it is tried again. Counted, not timed, so
that a run chooses the same models whenever it is pursued."""


class Voice(msgspec.Struct, frozen=True):
    """A model ready to be asked."""

    model: Model
    profile: Profile


class Router:
    """The models of one run, by tier, the preferred one first. Thread-safe.

    Raises `UnpricedModel` at once for any of them that has no price, whether it will be asked or not.
    """

    def __init__(
        self,
        catalog: Catalog,
        tiers: Mapping[TierName, Iterable[str]],
        listen: Callable[[Profile], Model] = MessagesModel,
    ) -> None:
        self.tiers: dict[TierName, tuple[Profile, ...]] = {
            tier: tuple(catalog.profile(name) for name in names) for tier, names in tiers.items()
        }
        self._catalog, self._listen = catalog, listen
        self._voices: dict[str, Voice] = {}
        self._down: dict[str, int] = {}
        self._lock = threading.Lock()

    def choose(self, profiles: Iterable[Profile], apart: frozenset[str] = frozenset()) -> Voice | None:
        """The first of `profiles` that is of no family in `apart` and can be reached as far as is known.

        Where none can be, the first one all the same: it may be back. None when there is none at all.
        """
        fit = [profile for profile in profiles if profile.family not in apart]
        up = [profile for profile in fit if not self._down.get(profile.name)]
        for profile in fit:
            self._down[profile.name] = max(0, self._down.get(profile.name, 0) - 1)
        return self.voice((up or fit)[0]) if fit else None

    def instead(
        self, voice: Voice, error: ModelError, profiles: Iterable[Profile], apart: frozenset[str] = frozenset()
    ) -> Voice | None:
        """Who takes the place of a model that failed for good; None when nobody does. It is passed over for a while."""
        self._down[voice.profile.name] = DOWN
        others = [
            profile
            for profile in profiles
            if profile.family not in apart
            and not self._down.get(profile.name)
            and _helps(error, voice.profile, profile)
        ]
        return self.voice(others[0]) if others else None

    def profiles(self, names: Iterable[str]) -> tuple[Profile, ...]:
        """The profiles of models by name. Raises `UnpricedModel`."""
        return tuple(self._catalog.profile(name) for name in names)

    def named(self, name: str) -> Voice:
        """The model called `name`, for a conversation that has begun with it. Raises `UnpricedModel`."""
        return self.voice(self._catalog.profile(name))

    def voice(self, profile: Profile) -> Voice:
        """The model of `profile`: one client for all conversations of the run."""
        with self._lock:
            if profile.name not in self._voices:
                self._voices[profile.name] = Voice(self._listen(profile), profile)
            return self._voices[profile.name]

    def tier_of(self, name: str) -> str:
        """The tier in which a model stands first; empty for one that stands in none."""
        return next((tier for tier, profiles in self.tiers.items() if any(p.name == name for p in profiles)), "")


def _helps(error: ModelError, here: Profile, there: Profile) -> bool:
    """Whether another model may succeed where this one failed."""
    if error.transient or error.kind == "not_found":
        return True
    return error.kind in ("auth", "permission", "credit") and here.endpoint != there.endpoint
