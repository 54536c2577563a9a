"""The fixture of tests that drive runs in their own process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import House
from tests.loop_support import Rig
from tests.models_support import credentials


@pytest.fixture
def rig(house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Rig]:
    credentials(monkeypatch, tmp_path)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "")
    rig = Rig(house)
    yield rig
    rig.close()
