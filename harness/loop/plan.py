"""From a wish to a plan: what can be wrong with repository and configuration is found here, with nothing started."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from gates import Gate
from gates.required import TESTED, names_tests
from harness.clean import Cleaner, clean
from harness.config import Config, ConfigError, Places, limits, settle
from harness.events import Notice
from harness.goal import Asks, Criterion, Goal, slug
from harness.loop import surroundings
from harness.loop.wanted import wanted_gates
from harness.repo import Base, Repository, Store, discover, free_branch, resolve

OPEN = ("**",)
"""A scope that leaves everything open."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a run was configured with, kept in its first event so that it resumes as it began."""

    config: Config
    gates: tuple[Gate, ...]
    source: str


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a user asks for; None leaves it to the configuration."""

    text: str
    repo: Path
    base: str | None = None
    branch: str | None = None
    must_pass: tuple[str, ...] = ()
    criteria: tuple[Criterion, ...] = ()
    overrides: Mapping[str, Any] = {}
    source: str = "cli"
    asks: Asks = "change"
    scope: tuple[str, ...] = ()
    """Globs that narrow what may change, where the configuration leaves all of it open."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A wish that can be pursued: checked, with nothing started yet."""

    goal: Goal
    repository: Repository
    base: Base
    branch: str
    store: Store
    settings: Settings
    notices: tuple[Notice, ...]


def plan(wish: Wish, places: Places, cleaner: Cleaner) -> Plan:
    """Check a wish against repository and configuration.

    Raises `RepoError` (no repository, no base, branch taken), `ConfigError`.
    """
    text = cleaner(wish.text).strip()
    if not text:
        raise ConfigError("the goal is empty", "there is nothing to pursue", "say in a sentence what is wanted")
    repository = discover(wish.repo)
    base = resolve(repository, wish.base)
    if wish.branch is not None and (free := free_branch(repository, wish.branch)) != wish.branch:
        raise ConfigError(
            f"the branch {wish.branch} cannot be created",
            "a branch of this name, or in its way, exists already, and none is ever moved",
            f"choose another, for example {free}",
        )
    _printable(repository.root, wish.branch or "")
    store = Store(places.home, repository)
    store.adopt(base)
    config, source = settle(lambda path: store.file(base.tree, path), places.settings, wish.overrides)
    config = surroundings.developed(config, lambda path: store.file(base.tree, path))
    surroundings.check(config.sandbox, source)
    goal = Goal(
        text=text,
        criteria=wish.criteria,
        must_pass=wish.must_pass,
        scope=wish.scope if wish.scope and config.scope.paths == OPEN else config.scope.paths,
        may_edit_tests=config.scope.may_edit_tests,
        limits=limits(config),
        source=wish.source,
        asks=wish.asks,
    )
    wanted: tuple[Gate, ...] = ()
    if wish.asks == "change":
        wanted = wanted_gates(config, store.paths(base.tree), lambda path: store.file(base.tree, path))
    if wish.must_pass and not any(gate.required and names_tests(gate) for gate in wanted):
        raise ConfigError(
            "--must-pass needs a required gate that names its tests",
            "an exit status cannot tell which test passed",
            f'give [gates.tests] the kind "pytest", or a command with one of the formats {", ".join(TESTED)}',
        )
    settings = Settings(config=config, gates=wanted, source=source)
    written = msgspec.json.encode(settings).decode()
    if cleaner(written) != written:
        raise ConfigError(
            f"{source} holds what looks like a credential, or invisible characters",
            "it would be redacted in the journal, and a resumed run would be another one",
            "take it out: no secret enters a sandbox",
        )
    return Plan(
        goal=goal,
        repository=repository,
        base=base,
        branch=wish.branch or free_branch(repository, f"loopwright/{slug(text)}"),
        store=store,
        settings=settings,
        notices=tuple(Notice(what=n.what, why=n.why, fix=n.fix) for n in base.notices),
    )


def _printable(root: Path, branch: str) -> None:
    """What the journal keeps has to come back as it was, and it keeps clean text only."""
    for what, text in (("the repository's path", str(root)), ("the branch", branch)):
        if clean(text) != text:
            raise ConfigError(
                f"{what} cannot be used: {clean(text)}",
                "it has control or invisible characters, or is no UTF-8",
                "rename it",
            )
