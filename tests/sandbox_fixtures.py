"""Fixtures with real sandboxes: an engine with a home of its own, the base image, a seed that is a git clone.

A module asks for them with `pytest_plugins = ("tests.sandbox_fixtures",)`.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from sandboxes.base import Image, Sandbox, Spec
from sandboxes.docker import DockerEngine
from sandboxes.images import base_image
from tests.sandbox_support import Opener, make_seed


@pytest.fixture(scope="session")
def docker_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def docker_engine(docker_home: Path) -> Iterator[DockerEngine]:
    engine = DockerEngine(docker_home)
    yield engine
    engine.settle()
    engine.gc()


@pytest.fixture(scope="session")
def docker_image(docker_engine: DockerEngine) -> Image:
    return base_image(docker_engine, log=print)


@pytest.fixture(scope="session")
def docker_seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {"README": "hello\n", "src/deep/a.py": "x = 1\n", "src/b.py": "y = 2\n"}
    return make_seed(tmp_path_factory.mktemp("seeds") / "one", files)


@pytest.fixture
def open_box(docker_engine: DockerEngine, docker_image: Image, docker_seed: Path) -> Iterator[Opener]:
    """Opens sandboxes that are closed with the test; keywords go into the `Spec`."""
    with ExitStack() as stack:

        def opened(**changes: Any) -> Sandbox:
            spec = {"image": docker_image.id, "seed": docker_seed, "run": "tests", "purpose": "test"} | changes
            box = docker_engine.open(Spec(**spec))
            if spec.get("workspace"):
                stack.callback(docker_engine.discard, spec["run"])
            stack.callback(box.close)
            return box

        yield opened


@pytest.fixture(scope="module")
def box(docker_engine: DockerEngine, docker_image: Image, docker_seed: Path) -> Iterator[Sandbox]:
    """One sandbox for the tests of a module that leave it as they found it."""
    made = docker_engine.open(Spec(image=docker_image.id, seed=docker_seed, run="tests", purpose="shared"))
    yield made
    made.close()
