"""Which gates a run has: the configured ones or, where none are, those that the base tree suggests."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

import gates
from gates import Gate, GateUnknown
from gates.detection import complete
from gates.parsers import FORMATS
from gates.projects import Project, apart, problem
from harness.config import Config, ConfigError, GateTable

File = Callable[[str], bytes | None]


def wanted_gates(config: Config, paths: Sequence[str], file: File) -> tuple[Gate, ...]:
    """The gates of the whole repository, and those of each project, for a base with these `paths`.

    Raises `ConfigError`.
    """
    own = tuple(_gate(name, table, f"gates.{name}") for name, table in config.gates.items())
    if not config.project:
        return _asked(config, complete(own) if own else gates.detect(paths, file))
    projects = [Project(path=table.path, needs=table.needs) for table in config.project]
    if why := problem(projects):
        raise ConfigError("[[project]] cannot be used", why, "correct its path or needs")
    inside = (
        gate
        for table in config.project
        for gate in _of_project(table.path, table.gates, apart(table.path, projects), paths, file)
    )
    return _asked(config, (*complete(own), *inside))


def _asked(config: Config, found: Sequence[Gate]) -> tuple[Gate, ...]:
    """The gates with what `[gates]` asks of the tests themselves."""
    coverage, mutation = config.evidence.coverage, config.evidence.mutation
    return tuple(
        msgspec.structs.replace(
            gate, coverage=coverage if gate.kind == "pytest" else 0, mutation=mutation and gate.kind == "proof"
        )
        for gate in found
    )


def _of_project(
    path: str, tables: Mapping[str, GateTable], others: tuple[str, ...], paths: Sequence[str], file: File
) -> list[Gate]:
    inside = [each.removeprefix(f"{path}/") for each in paths if each.startswith(f"{path}/")]
    if not inside:
        raise ConfigError(f"the project {path} is not there", "base has no file in it", "correct its path")
    if tables:
        own = [_gate(name, table, f"project {path}: gates.{name}") for name, table in tables.items()]
        found = complete(own)
    else:
        found = gates.detect(inside, lambda name: file(f"{path}/{name}"))
    return [
        msgspec.structs.replace(
            gate,
            name=f"{path}:{gate.name}",
            project=path,
            apart=others,
            inputs=tuple(f"{path}/{glob}" for glob in gate.inputs),
        )
        for gate in found
        if gate.kind not in ("integrity", "security")
    ]


def _gate(name: str, table: GateTable, where: str) -> Gate:
    kind = table.kind or (name if name in gates.KINDS else "command")
    try:
        gates.kind(kind)
    except GateUnknown as unknown:
        raise ConfigError(f"[{where}] cannot be used", str(unknown), "correct its kind") from None
    if not table.required and kind in ("integrity", "security"):
        raise ConfigError(
            f"[{where}] cannot be optional", f"{kind} guards the evidence itself", "remove required = false"
        )
    if table.inputs and kind in ("integrity", "security"):
        raise ConfigError(f"[{where}] cannot have inputs", f"{kind} looks at every change", "remove inputs")
    if kind == "command" and not table.command:
        raise ConfigError(f"[{where}] has no command", "", "say what it runs: command = ...")
    if table.format and table.format not in FORMATS:
        known = ", ".join(FORMATS)
        raise ConfigError(f"[{where}] has the unknown format {table.format}", f"there are: {known}", "correct it")
    if (table.format or table.report) and kind != "command":
        raise ConfigError(f"[{where}] cannot have a format", f"{kind} reads its own report", "remove format and report")
    if table.report and not table.format:
        raise ConfigError(f"[{where}] has a report but no format", "", f"say how it is read: {', '.join(FORMATS)}")
    return Gate(
        name=name,
        kind=kind,
        command=table.command,
        timeout=table.timeout,
        required=table.required,
        format=table.format,
        report=table.report,
        inputs=table.inputs,
    )
