"""Whether the values make sense together: numbers that bound, the user's ceiling, two models."""

import math
from collections.abc import Iterator
from pathlib import Path

from harness.config.errors import ConfigError
from harness.config.tables import FILE, Config

MOST, MOST_INT = 1e6, 10**12
"""More of anything is no limit. Dollars, minutes and hours are counted in millionths, and have to be dates."""


def _numbers(config: Config) -> Iterator[tuple[str, float, float]]:
    """Every number that bounds something: where it stands, its value, and the least that makes sense."""
    limits, sandbox = config.limits, config.sandbox
    tiny = 1e-9
    yield from (
        (f"limits.{name}", getattr(limits, name), 1) for name in ("iterations", "tokens", "turns", "output_tokens")
    )
    yield from ((f"limits.{name}", getattr(limits, name), tiny) for name in ("usd", "minutes"))
    yield from (("sandbox.memory_mb", sandbox.memory_mb, 64), ("sandbox.cpus", sandbox.cpus, 0.01))
    yield from (("sandbox.pids", sandbox.pids, 16), ("sandbox.disk_mb", sandbox.disk_mb, 16))
    yield from (
        ("sandbox.command_timeout", sandbox.command_timeout, 1),
        ("models.max_tokens", config.models.max_tokens, 1),
    )
    for n, service in enumerate(sandbox.service, start=1):
        yield from ((f"sandbox.service[{n}].{name}", getattr(service, name), 1) for name in ("port", "seconds"))
        yield (f"sandbox.service[{n}].memory_mb", service.memory_mb, 16)
    yield ("models.stalled", config.models.stalled, 0)
    yield ("ceiling.usd_per_day", config.ceiling.usd_per_day, tiny)
    yield ("escalation.hours", config.escalation.hours, tiny)
    yield ("gates.coverage", config.evidence.coverage, 0)
    yield from ((f"gates.{name}.timeout", gate.timeout, 1) for name, gate in config.gates.items())
    yield from (
        (f"{project.path}: gates.{name}.timeout", gate.timeout, 1)
        for project in config.project
        for name, gate in project.gates.items()
    )


def check_ceiling(config: Config, source: str, settings: Path) -> None:
    wanted, ceiling = config.limits, config.ceiling
    for name in ("usd", "minutes", "iterations"):
        if not getattr(wanted, name) <= getattr(ceiling, name):  # so that nan is above every ceiling
            raise ConfigError(
                f"{source} asks for limits.{name} = {getattr(wanted, name)}",
                f"your ceiling is {getattr(ceiling, name)}",
                f"lower it, raise ceiling.{name} in {settings}, or pass the limit on the command line",
            )

    presets = ("strict", "standard", "open")
    preset, most = config.sandbox.network.preset, ceiling.network
    if presets.index(preset) > presets.index(most):
        raise ConfigError(
            f'{source} asks for sandbox.network.preset = "{preset}"',
            f'your ceiling is "{most}"',
            f"lower it, or raise ceiling.network in {settings}",
        )


TOOLS = ("bash", "read", "grep", "glob", "background", "write", "edit", "explore")
ASKABLE = ("checker", "scope", "host", "any_host", "tool", "stuck")


def check_sense(config: Config, source: str) -> None:
    for kind in config.escalation.ask:
        if kind not in ASKABLE:
            raise ConfigError(
                f"escalation.ask names {kind!r}", f"there are: {', '.join(ASKABLE)}", f"correct it in {source}"
            )
    if config.sandbox.network.allow and config.sandbox.network.preset != "open":
        raise ConfigError(
            "sandbox.network.allow names hosts, and the preset lets nothing out",
            f'the preset is "{config.sandbox.network.preset}"',
            'write preset = "open" beside it, or take the hosts out',
        )
    for path, value, least in _numbers(config):
        if not (math.isfinite(value) and value >= least):
            raise ConfigError(
                f"{path} is {value}", "a limit is above zero" if least < 1 else f"the least is {least}", "correct it"
            )
        most = MOST_INT if isinstance(value, int) else MOST
        if value > most:
            raise ConfigError(f"{path} is {value:g}", f"the most is {most:g}", "correct it")
    if config.evidence.coverage > 100:
        raise ConfigError(f"gates.coverage is {config.evidence.coverage}", "it is a share in per cent", "correct it")
    models = config.models
    for tier in ("light", "mid", "frontier"):
        if not getattr(models, tier):
            raise ConfigError(f"models.{tier} is empty", "every tier needs a model", f"name one in {source}")
    if not set(models.checking) - set(models.making[:1]):
        raise ConfigError(
            f"maker and checker are both {models.making[0]}",
            "a model that judges its own work proves nothing",
            f"name another model as models.checker in {FILE if source == 'defaults' else source}",
        )
    for tool in config.scope.tools:
        if tool not in TOOLS:
            raise ConfigError(
                f"scope.tools names {tool!r}", f"there are: {', '.join(TOOLS)}", f"correct it in {source}"
            )
