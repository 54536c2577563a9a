"""Fixtures with a stand-in of GitHub; a module asks for them with `pytest_plugins = ("tests.github_fixtures",)`."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.github_desk import Desk
from tests.github_scene import Scene
from tests.github_stand_in import StandIn, World
from tests.github_support import Runner, seeded


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    world = seeded(tmp_path_factory.mktemp("forge"))
    with StandIn(world) as server:
        yield server
    assert world.violations == []


@pytest.fixture(scope="module")
def desk(stand: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(stand, tmp_path_factory.mktemp("desk"))


@pytest.fixture
def world(stand: StandIn) -> Iterator[World]:
    yield stand.world
    stand.world.rules = []
    stand.world.faults.clear()
    stand.world.pulls.clear()


@pytest.fixture
def scene(tmp_path: Path, warm_journal: Path) -> Iterator[Scene]:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(warm_journal, home / "journal.db")
    world = seeded(tmp_path / "forge")
    with StandIn(world) as stand:
        made = Scene(Runner(stand, tmp_path / "runner", home))
        yield made
    for server in made.servers:
        server.__exit__(None, None, None)
        assert server.breaches == []
    assert world.violations == []
