"""Configuration: `loopwright.toml` or `[tool.loopwright]` of the base commit, over the user's own settings.

A repository may say what to run and how far its runs go, within the user's ceiling. It may not say where the model
lives or what a model costs: those decide who gets the key and the money, and are read from the user's side alone.
"""

import difflib
import math
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec
import platformdirs

from harness.goal import MICRO, Limits

FILE = "loopwright.toml"


class ConfigError(Exception):
    """The configuration cannot be used: what, why and the fix (exit code 2; nothing was started)."""

    def __init__(self, what: str, why: str = "", fix: str = "") -> None:
        super().__init__(f"{what}: {why}" if why else what)
        self.what, self.why, self.fix = what, why, fix


class SandboxTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sandbox]`: the image, how it is set up (with network, cached), and the limits of a container."""

    image: str = "auto"
    setup: tuple[str, ...] = ()
    env: dict[str, str] = {}
    memory_mb: int = 2_048
    cpus: float = 2.0
    pids: int = 512
    disk_mb: int = 4_096
    command_timeout: int = 120


class GateTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[gates.NAME]`: one gate. `kind` defaults to the gate's name where that is a kind, else to `command`."""

    kind: str = ""
    command: str | None = None
    timeout: int = 600
    required: bool = True


class ModelsTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[models]`: which model makes, which (another one) checks."""

    maker: str = "claude-sonnet-5-5"
    checker: str = "claude-opus-5-5"
    max_tokens: int = 16_000


class LimitsTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[limits]`: how far a run may go."""

    iterations: int = 6
    usd: float = 5.0
    minutes: float = 60.0
    tokens: int = 20_000_000
    turns: int = 150


class CeilingTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[ceiling]`, user's settings only: what no repository's configuration may exceed."""

    usd: float = 20.0
    minutes: float = 240.0
    iterations: int = 20


class ScopeTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[scope]`: globs of what may change, what is protected besides the built-in list, editable tests."""

    paths: tuple[str, ...] = ("**",)
    protected: tuple[str, ...] = ()
    may_edit_tests: tuple[str, ...] = ()


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a repository or a user can set. Defaults work for a Python repository with tests."""

    sandbox: SandboxTable = SandboxTable()
    gates: dict[str, GateTable] = {}
    """Empty: detected from the base tree."""
    models: ModelsTable = ModelsTable()
    limits: LimitsTable = LimitsTable()
    ceiling: CeilingTable = CeilingTable()
    scope: ScopeTable = ScopeTable()
    instructions: tuple[str, ...] = ("AGENTS.md", "CLAUDE.md")


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


def parse(data: bytes, source: str) -> dict[str, Any]:
    """The tables of one TOML file, its keys checked. Raises `ConfigError` naming line or nearest known key."""
    try:
        tables = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{source} is not valid TOML", str(error), "correct the line it names") from None
    if Path(source).name == "pyproject.toml":
        tables = tables.get("tool", {}).get("loopwright", {})
    _check_keys(tables, Config, source, "")
    try:
        msgspec.convert(tables, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{source} has a wrong value", str(error), "give the key a value of that type") from None
    return tables


def settle(
    file: Callable[[str], bytes | None], settings: Path, overrides: Mapping[str, Any] | None = None
) -> tuple[Config, str]:
    """The effective configuration and where its repository part came from.

    `file` reads a path of the base commit; `overrides` are the command line's, which may pass the ceiling.
    Raises `ConfigError`.
    """
    user = parse(settings.read_bytes(), str(settings)) if settings.is_file() else {}
    source, repository = "defaults", {}
    for name in (FILE, "pyproject.toml"):
        data = file(name)
        if data is not None and (tables := parse(data, name)):
            source, repository = name, tables
            break
    if "ceiling" in repository:
        raise ConfigError(f"{source} sets [ceiling]", "a ceiling is the user's", f"set it in {settings}")
    merged = _merge(user, repository)
    _check_ceiling(msgspec.convert(merged, Config), source, settings)
    config = msgspec.convert(_merge(merged, overrides or {}), Config)
    _check_sense(config, source)
    return config, source


def limits(config: Config) -> Limits:
    """The run's limits, in the integers the journal keeps."""
    table = config.limits
    return Limits(
        iterations=table.iterations,
        micro_usd=round(table.usd * MICRO),
        tokens=table.tokens,
        seconds=round(table.minutes * 60),
        turns=table.turns,
    )


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        nested = isinstance(value, dict) and key != "gates" and isinstance(result.get(key), dict)
        result[key] = _merge(result[key], value) if nested else value
    return result


def _check_keys(table: Mapping[str, Any], kind: type[msgspec.Struct], source: str, path: str) -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in table.items():
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            fix = f"did you mean {path}{near[0]}?" if near else f"known here: {', '.join(sorted(fields))}"
            raise ConfigError(f"{source} has the unknown key {path}{key}", "", fix)
        inner: Any = fields[key]
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct) and isinstance(value, dict):
            _check_keys(value, inner, source, f"{path}{key}.")
        elif get_origin(inner) is dict and get_args(inner)[1] is GateTable and isinstance(value, dict):
            for name, gate in value.items():
                if isinstance(gate, dict):
                    _check_keys(gate, GateTable, source, f"{path}{key}.{name}.")


def _numbers(config: Config) -> Iterator[tuple[str, float, float]]:
    """Every number that bounds something: where it stands, its value, and the least that makes sense."""
    limits, sandbox = config.limits, config.sandbox
    tiny = 1e-9
    yield from ((f"limits.{name}", getattr(limits, name), 1) for name in ("iterations", "tokens", "turns"))
    yield from ((f"limits.{name}", getattr(limits, name), tiny) for name in ("usd", "minutes"))
    yield from (("sandbox.memory_mb", sandbox.memory_mb, 64), ("sandbox.cpus", sandbox.cpus, 0.01))
    yield from (("sandbox.pids", sandbox.pids, 16), ("sandbox.disk_mb", sandbox.disk_mb, 16))
    yield from (
        ("sandbox.command_timeout", sandbox.command_timeout, 1),
        ("models.max_tokens", config.models.max_tokens, 1),
    )
    yield from ((f"gates.{name}.timeout", gate.timeout, 1) for name, gate in config.gates.items())


def _check_ceiling(config: Config, source: str, settings: Path) -> None:
    wanted, ceiling = config.limits, config.ceiling
    for name in ("usd", "minutes", "iterations"):
        if not getattr(wanted, name) <= getattr(ceiling, name):  # so that nan is above every ceiling
            raise ConfigError(
                f"{source} asks for limits.{name} = {getattr(wanted, name)}",
                f"your ceiling is {getattr(ceiling, name)}",
                f"lower it, raise ceiling.{name} in {settings}, or pass the limit on the command line",
            )


def _check_sense(config: Config, source: str) -> None:
    for path, value, least in _numbers(config):
        if not (math.isfinite(value) and value >= least):
            raise ConfigError(
                f"{path} is {value}", "a limit is above zero" if least < 1 else f"the least is {least}", "correct it"
            )
    if config.models.maker == config.models.checker:
        raise ConfigError(
            f"maker and checker are both {config.models.maker}",
            "a model that judges its own work proves nothing",
            f"name another model as models.checker in {FILE if source == 'defaults' else source}",
        )
