"""From TOML to the effective configuration: keys checked, layers merged, the ceiling kept."""

import difflib
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec

from harness.config.errors import ConfigError
from harness.config.sense import check_ceiling, check_sense
from harness.config.tables import FILE, Config, EvidenceTable, GateTable
from harness.goal import MICRO, Limits

EVIDENCE = "evidence"
"""The field of `Config` that is written as keys of `[gates]`."""


def parse(data: bytes, source: str) -> dict[str, Any]:
    """The tables of one TOML file, its keys checked. Raises `ConfigError` naming line or nearest known key."""
    try:
        tables = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:  # also a number of thousands of digits, tables within tables
        raise ConfigError(f"{source} is not valid TOML", str(error), "correct the line it names") from None
    if Path(source).name == "pyproject.toml":
        tool = tables.get("tool", {})
        tables = tool.get("loopwright", {}) if isinstance(tool, dict) else {}
        if not isinstance(tables, dict):
            raise ConfigError(f"{source}: tool.loopwright is no table", "", "write it as [tool.loopwright]")
    tables = _split(tables, source)
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
    check_ceiling(msgspec.convert(merged, Config), source, settings)
    config = msgspec.convert(_merge(merged, overrides or {}), Config)
    check_sense(config, source)
    return config, source


def limits(config: Config) -> Limits:
    """The run's limits, in the integers the journal keeps."""
    table = config.limits
    return Limits(
        iterations=table.iterations,
        micro_usd=round(table.usd * MICRO),
        tokens=table.tokens,
        seconds=max(1, round(table.minutes * 60)),
        turns=table.turns,
        output_tokens=table.output_tokens,
    )


def _split(tables: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The tables with the keys of `[gates]` that are no gates in a table of their own. Raises `ConfigError`."""
    if EVIDENCE in tables:
        raise ConfigError(f"{source} has the unknown key {EVIDENCE}", "", "write its keys into [gates]")
    gates = tables.get("gates")
    if not isinstance(gates, dict):
        return dict(tables)
    own = {key: value for key, value in gates.items() if not isinstance(value, dict)}
    known = {field.name for field in msgspec.structs.fields(EvidenceTable)}
    for key in own.keys() - known:
        near = difflib.get_close_matches(key, known, n=1)
        fix = f"did you mean gates.{near[0]}?" if near else f"a gate is a table; keys here: {', '.join(sorted(known))}"
        raise ConfigError(f"{source} has the unknown key gates.{key}", "", fix)
    return {**tables, "gates": {k: v for k, v in gates.items() if k not in own}, EVIDENCE: own}


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
        elif get_origin(inner) is tuple and isinstance(value, list) and isinstance(get_args(inner)[0], type):
            if issubclass(get_args(inner)[0], msgspec.Struct):
                for n, item in enumerate(value, start=1):
                    if isinstance(item, dict):
                        _check_keys(item, get_args(inner)[0], source, f"{path}{key}[{n}].")
        elif get_origin(inner) is dict and get_args(inner)[1] is GateTable and isinstance(value, dict):
            for name, gate in value.items():
                if isinstance(gate, dict):
                    _check_keys(gate, GateTable, source, f"{path}{key}.{name}.")
