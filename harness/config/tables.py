"""What can be configured: one frozen table per section of `loopwright.toml`, with its defaults."""

from typing import Literal

import msgspec

FILE = "loopwright.toml"


class NetworkTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sandbox.network]`: what set-up commands and the maker may reach. Gates and checker never reach anything."""

    preset: Literal["strict", "standard", "open"] = "standard"
    """`strict`: nothing, ever. `standard`: package registries while setting up, nothing in the run. `open`: package
    registries and the hosts of `allow` while setting up, the hosts of `allow` in the run."""
    allow: tuple[str, ...] = ()
    """`example.com`, `*.example.com`, `example.com:8443`; without a port: 443 and 80."""


class ServiceTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[sandbox.service]]`: a server that answers at localhost of every sandbox, fresh in each."""

    image: str
    port: int
    name: str = ""
    """Default: the last part of the image's name."""
    env: dict[str, str] = {}
    ready: str = ""
    """A shell line run in the service's container until it succeeds; default: until the port answers."""
    seconds: int = 60
    """How long it may take until it is ready."""
    memory_mb: int = 1_024


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
    runtime: str = ""
    """An OCI runtime the engine knows (`runsc`); empty for its default."""
    network: NetworkTable = NetworkTable()
    service: tuple[ServiceTable, ...] = ()


class GateTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[gates.NAME]`: one gate. `kind` defaults to the gate's name where that is a kind, else to `command`."""

    kind: str = ""
    command: str | None = None
    timeout: int = 600
    required: bool = True
    format: str = ""
    """How the report of a command is read; without one, its exit status decides."""
    report: str = ""
    """Glob of the files that hold the report, where it is not stdout or `$LOOPWRIGHT_REPORT`."""
    inputs: tuple[str, ...] = ()
    """Globs of what can change its result; none: everything."""


class EvidenceTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[gates]`, beside the tables of its gates: what is asked of the tests themselves."""

    coverage: int = 0
    """Per cent of the changed lines that the tests have to execute; 0 reports the share and asks for nothing."""
    mutation: bool = False
    """Try the tests on mutants of the changed lines."""
    failed_first: bool = False
    """Try the tests that failed last before all others, and end there when every one of them fails again."""


class ProjectTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[project]]`: a directory with gates of its own, run only for changes that can reach it."""

    path: str
    needs: tuple[str, ...] = ()
    """Paths of the projects that it depends on."""
    gates: dict[str, GateTable] = {}
    """Empty: detected from that directory."""


class ModelsTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[models]`: three tiers, each a list whose later models stand in for the first when it cannot be reached."""

    light: tuple[str, ...] = ("claude-haiku-5-5", "claude-haiku-4-5")
    """Explores, refutes, summarises, learns."""
    mid: tuple[str, ...] = ("claude-sonnet-5-5", "claude-sonnet-5")
    """Makes."""
    frontier: tuple[str, ...] = ("claude-opus-5-5", "claude-opus-5")
    """Checks, and makes after `stalled` iterations without progress."""
    maker: str = ""
    """This model alone makes: no stand-in, no promotion."""
    checker: str = ""
    """This model alone checks."""
    stalled: int = 2
    """0: the maker is never promoted."""
    max_tokens: int = 16_000

    @property
    def making(self) -> tuple[str, ...]:
        return (self.maker,) if self.maker else self.mid

    @property
    def checking(self) -> tuple[str, ...]:
        return (self.checker,) if self.checker else self.frontier


class LimitsTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[limits]`: how far a run may go."""

    iterations: int = 6
    usd: float = 5.0
    minutes: float = 60.0
    tokens: int = 20_000_000
    turns: int = 150
    output_tokens: int = 400_000
    """Of all replies of one conversation: a model that does not stop talking."""


class CeilingTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[ceiling]`, user's settings only: what no repository's configuration may exceed."""

    usd: float = 20.0
    minutes: float = 240.0
    iterations: int = 20
    network: Literal["strict", "standard", "open"] = "open"
    """The most open preset that a repository may choose."""
    usd_per_day: float = 100.0
    """Of all runs of this machine, by UTC days."""


class EscalationTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[escalation]`: what a person is asked about before it ends the run, and how long an answer is waited for."""

    ask: tuple[str, ...] = ("checker", "scope", "host", "tool")
    """Of `checker` (it turned down two green candidates), `scope`, `host` (wanted in two iterations), `any_host` (as
    soon as one is denied), `tool`, `stuck` (no progress)."""
    hours: float = 24.0
    """After that it counts as denied."""


class ScopeTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[scope]`: globs of what may change, what is protected besides the built-in list, editable tests."""

    paths: tuple[str, ...] = ("**",)
    protected: tuple[str, ...] = ()
    may_edit_tests: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    """The tools that the maker has; empty: all."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a repository or a user can set. Defaults work for a Python repository with tests."""

    sandbox: SandboxTable = SandboxTable()
    gates: dict[str, GateTable] = {}
    """Empty: detected from the base tree."""
    evidence: EvidenceTable = EvidenceTable()
    """Written as keys of `[gates]`."""
    project: tuple[ProjectTable, ...] = ()
    models: ModelsTable = ModelsTable()
    limits: LimitsTable = LimitsTable()
    ceiling: CeilingTable = CeilingTable()
    scope: ScopeTable = ScopeTable()
    escalation: EscalationTable = EscalationTable()
    instructions: tuple[str, ...] = ("AGENTS.md", "CLAUDE.md")
