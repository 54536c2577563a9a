"""Where state and the user's own settings live."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
import platformdirs

from harness.config.errors import ConfigError


class Places(msgspec.Struct, frozen=True):
    """Where state and the user's settings live. `LOOPWRIGHT_HOME` moves both."""

    home: Path
    settings: Path
    models: Path


def places(environ: Mapping[str, str] = os.environ) -> Places:
    """The directories of this user: the platform's own, or everything under `LOOPWRIGHT_HOME`.

    Raises `ConfigError` for a user without a home."""
    if home := environ.get("LOOPWRIGHT_HOME"):
        try:
            root = Path(home).expanduser().absolute()
        except RuntimeError as error:
            raise ConfigError(f"LOOPWRIGHT_HOME={home} is no place", str(error), "give a path") from None
        return Places(root, root / "config.toml", root / "models.toml")
    try:
        config, state = platformdirs.user_config_path("loopwright"), platformdirs.user_state_path("loopwright")
    except RuntimeError as error:
        raise ConfigError("there is no home directory", str(error), "set HOME or LOOPWRIGHT_HOME") from None
    return Places(state, config / "config.toml", config / "models.toml")
