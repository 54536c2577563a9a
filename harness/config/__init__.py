"""Configuration: `loopwright.toml` or `[tool.loopwright]` of the base commit, over the user's own settings.

A repository may say what to run and how far its runs go, within the user's ceiling. It may not say where the model
lives or what a model costs: those decide who gets the key and the money, and are read from the user's side alone.
"""

from harness.config.errors import ConfigError
from harness.config.places import Places, places
from harness.config.read import limits, parse, settle
from harness.config.tables import (
    FILE,
    Config,
    GateTable,
    ModelsTable,
    NetworkTable,
    ProjectTable,
    SandboxTable,
    ServiceTable,
)

__all__ = [
    "FILE",
    "Config",
    "ConfigError",
    "GateTable",
    "ModelsTable",
    "NetworkTable",
    "Places",
    "ProjectTable",
    "SandboxTable",
    "ServiceTable",
    "limits",
    "parse",
    "places",
    "settle",
]
