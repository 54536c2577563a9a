"""Where state and the user's own settings live."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
import platformdirs


class Places(msgspec.Struct, frozen=True):
    """Where state and the user's settings live. `LOOPWRIGHT_HOME` moves both."""

    home: Path
    settings: Path
    models: Path


def places(environ: Mapping[str, str] = os.environ) -> Places:
    """The directories of this user: the platform's own, or everything under `LOOPWRIGHT_HOME`."""
    if home := environ.get("LOOPWRIGHT_HOME"):
        root = Path(home).expanduser().absolute()
        return Places(root, root / "config.toml", root / "models.toml")
    config = platformdirs.user_config_path("loopwright")
    return Places(platformdirs.user_state_path("loopwright"), config / "config.toml", config / "models.toml")
