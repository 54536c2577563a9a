"""Fixtures with an internet in a container; a module asks for them beside `tests.sandbox_fixtures`."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sandboxes.base import Image, Sandbox, Spec
from sandboxes.docker import DockerEngine
from tests.network_support import ALLOW, Internet


@pytest.fixture(scope="module")
def internet(docker_engine: DockerEngine, docker_image: Image) -> Iterator[Internet]:
    with closing(Internet(docker_engine, docker_image.id)) as made:
        yield made


@pytest.fixture(scope="module")
def online(docker_home: Path, internet: Internet) -> Iterator[DockerEngine]:
    """An engine whose proxies are on that internet."""
    engine = DockerEngine(docker_home, internet.egress)
    yield engine
    engine.settle()


@pytest.fixture(scope="module")
def fenced(online: DockerEngine, docker_image: Image, docker_seed: Path) -> Iterator[Sandbox]:
    """A sandbox that may reach `ALLOW`."""
    spec = Spec(image=docker_image.id, seed=docker_seed, run="fenced", purpose="test", allow=ALLOW)
    with closing(online.open(spec)) as box:
        yield box
