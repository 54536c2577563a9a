"""What a sandbox is: the one interface through which anything of a repository is ever executed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from sandboxes.results import Process as Process
from sandboxes.results import Progress as Progress
from sandboxes.results import Result as Result

WORKSPACE = "/w"
"""Where the private clone lies inside every sandbox."""


class Resources(msgspec.Struct, frozen=True, kw_only=True):
    """Hard resource limits of one container (cgroups and ulimits)."""

    memory_mb: int = 2_048
    millicpus: int = 2_000
    pids: int = 512
    file_mb: int = 1_024
    """The largest single file (RLIMIT_FSIZE)."""
    tmp_mb: int = 512
    """Size of the tmpfs at /tmp and of the home directory."""
    disk_mb: int = 4_096
    """What the workspace may grow to."""


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A server that a sandbox needs: a database, a cache. It answers at localhost of the sandbox, and nowhere else."""

    name: str
    image: str
    """Image id or reference, present on the engine; it runs with its own entry point and user."""
    port: int
    """Where it listens; it must be ready there before the sandbox is."""
    env: Mapping[str, str] = {}
    ready: str = ""
    """A shell line that succeeds in the service's container once it is ready; without one, the port has to answer."""
    seconds: int = 60
    """How long it may take to be ready."""
    memory_mb: int = 1_024


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that makes a sandbox. The container gets nothing that is not named here."""

    image: str
    """Image id or reference, present on the engine."""
    seed: Path
    """Host directory with the private clone (work tree and `.git`). Content-addressed, never modified."""
    run: str
    """The run this sandbox belongs to (container label; `gc` and `discard` go by it)."""
    purpose: str
    """Why it exists: maker, gates, checker, proof (container label)."""
    workspace: str | None = None
    """A name under which the work tree outlives its container, so that a crashed run finds it again;
    None for a throw-away tree that dies with the container."""
    resources: Resources = Resources()
    env: Mapping[str, str] = {}
    """Added to a fixed allow-list; nothing of the host's environment ever passes."""
    read_only: bool = False
    """Mount the workspace read-only."""
    allow: tuple[str, ...] | None = None
    """Hosts that it reaches through the proxy (`sandboxes.network.parse` says what an entry is); None is no network
    at all, an empty tuple a proxy that denies and reports everything."""
    services: tuple[Service, ...] = ()
    """What answers at localhost besides; fresh for this sandbox, gone with it."""
    runtime: str = ""
    """An OCI runtime that the engine knows, such as `runsc`; empty for its default."""


class Denied(msgspec.Struct, frozen=True, kw_only=True):
    """Something in the sandbox wanted a host that it may not have. Told once for each host, port and reason."""

    host: str
    port: int
    why: str


class ServiceUp(msgspec.Struct, frozen=True, kw_only=True):
    """A service answers; `micros` is how long that took."""

    service: str
    image: str
    port: int
    micros: int


class ServiceDown(msgspec.Struct, frozen=True, kw_only=True):
    """A service is gone: why, and the end of what it printed."""

    service: str
    why: str
    log: str


News = Denied | ServiceUp | ServiceDown


class Sandbox(Protocol):
    """A disposable container that holds a private clone at `WORKSPACE` and runs commands in it.

    Commands run as an unprivileged user in a session of their own; when the deadline passes every process of
    theirs is killed. All methods raise `SandboxGone` once the container is dead.
    """

    @property
    def id(self) -> str:
        """A name for journals and messages (the container's short id)."""
        ...

    @property
    def closed(self) -> bool:
        """Whether it is over, by `close` or by its own death."""
        ...

    def run(
        self,
        command: str | Sequence[str],
        *,
        timeout: float = 120.0,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str | None = WORKSPACE,
        cap: int = 100_000,
        merge: bool = True,
        report: int = 0,
    ) -> Result:
        """Run a shell line (`str`, by /bin/sh -c or bash) or an argument list.

        `timeout` is in seconds; `cap` is in bytes for each of stdout and stderr; half of it keeps the head and
        half the tail. With `cwd` None it goes on in the directory where the last such shell line ended.
        With a `report` of so many bytes at most, descriptor 3 of the command is a pipe to the reporter: one way,
        append only, and out of reach of everything that runs in the sandbox.
        A command that fails, is killed or times out is a `Result`, never an exception.
        """
        ...

    def start(
        self, command: str | Sequence[str], *, env: Mapping[str, str] | None = None, cwd: str = WORKSPACE
    ) -> Process:
        """Start a process in the background, without input. Raises `FileRefused` when there are too many (8)."""
        ...

    def read(self, path: str, *, limit: int = 1_000_000) -> bytes:
        """The regular file at `path`, as the unprivileged user sees it.

        Raises `FileRefused` when it is missing, not a regular file, not readable, or larger than `limit` bytes.
        """
        ...

    def write(self, path: str, data: bytes) -> None:
        """Create or replace the file at `path` (parents too) as the unprivileged user; else `FileRefused`."""
        ...

    def reset(self) -> None:
        """Kill every process, in the background too, and empty /tmp and the home directory; the work tree stays."""
        ...

    def interrupt(self) -> None:
        """Kill the command that is running, from another thread. Returns at once."""
        ...

    def allow(self, host: str) -> bool:
        """Let the sandbox reach one more host from now on, `name`, `*.name` or `name:port`; False when it cannot.

        That is one without a network (`Spec.allow` is None): it has no way out that could be opened.
        """
        ...

    def news(self) -> tuple[News, ...]:
        """What happened around it since this was last asked; also after `close`. Never raises.

        What a command was denied is there when the command has ended.
        """
        ...

    def close(self) -> None:
        """Destroy the container. Idempotent; never raises."""
        ...


class SandboxError(Exception):
    """Something a sandbox could not do: what happened, why, and what the user can do about it."""

    def __init__(self, what: str, why: str = "", fix: str = "") -> None:
        super().__init__(f"{what}: {why}" if why else what)
        self.what, self.why, self.fix = what, why, fix


class SandboxUnavailable(SandboxError):
    """No sandbox can be made here: no engine, no image, no room on the disk."""


class SandboxGone(SandboxError):
    """This container died or stopped answering; a new one can take its place."""


class FileRefused(SandboxError):
    """A file could not be read or written inside the sandbox; `why` is fit to be shown to a model."""


class ImageFailed(SandboxError):
    """An image could not be built or found; `why` carries the end of the build's output."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at for `loopwright doctor`."""

    name: str
    ok: bool
    what: str
    """What was found, in a few words: `20.10.24 at unix:///var/run/docker.sock`."""
    why: str = ""
    """What follows from it, or why it is as it is."""
    fix: str = ""
    """What the user can do, when it is not ok."""


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """An image of ours on an engine."""

    id: str
    """The engine's digest of it: what `Spec.image` wants and what cache keys are made of."""
    kind: Literal["base", "environment", "named"]
    """The common base, a base with a repository's set-up commands run in it, or one the user named."""
    key: str
    """Digest of everything it was made from; the same key means the same recipe."""
    made_by: str
    """How it came about, for people: `debootstrap debian bookworm`, `pip install -e .`."""
    reference: str
    """A name people can use for it: its first tag, else its id."""
    created: str
    """ISO 8601, as the engine tells it."""
    size: int
    """Bytes."""

    @property
    def megabytes(self) -> int:
        return round(self.size / 1e6)


class Engine(Protocol):
    """A kind of place where sandboxes are made. One instance serves all threads of a process.

    Made by `sandboxes.engine(name, home)`; `home` is the directory under which it may keep state.
    """

    @property
    def uid(self) -> int:
        """Who commands run as, and who has to own a seed: this process's user, 1000 where that is root."""
        ...

    def open(self, spec: Spec) -> Sandbox:
        """A running sandbox. Raises `SandboxUnavailable` when none can be made."""
        ...

    def interrupt(self) -> None:
        """Give up the sandboxes that are being opened, from another thread; their `open` raises soon."""
        ...

    def discard(self, run: str) -> None:
        """Remove every container, named workspace and directory of a run; waits until they are gone."""
        ...

    def gc(self, keep: frozenset[str] = frozenset(), seeds: Path | None = None) -> tuple[str, ...]:
        """Remove what dead processes left behind, and say what it was.

        Named workspaces of the runs in `keep` stay. Of the directories directly in `seeds`, those that no
        workspace stands on are removed too.
        """
        ...

    def probe(self) -> tuple[Check, ...]:
        """Look at everything a sandbox needs. Never raises."""
        ...
