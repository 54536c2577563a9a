"""The only file that runs git: always the same hardened way, whatever repository it is pointed at.

Nothing of a repository executes on the host. Each process gets an environment of its own (nothing inherited but
PATH and TMPDIR), no system or user configuration, and overrides for every setting of a repository's own
configuration that could start a program: hooks, fsmonitor, transports, credential helpers, pagers. Drivers that
are named by attributes (filters, textconv, external diff) have no such switch, so no command is ever used that
would ask one: no `status`, `add`, `checkout` or `diff` runs in a repository that is not ours.
"""

import os
import re
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

import msgspec

from harness.repo.errors import GitFailed, GitMissing, RepoError

ID = re.compile(r"[0-9a-f]{40}")
"""An object id: SHA-1 in lower-case hex."""

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""The id of the tree without entries; git knows it without being told."""

MEBI = 1 << 20

AS_IT_IS = ("--delta-base-offset", "--window=0", "--compression=1")
"""Options of `pack-objects` for a copy: what is packed already is taken over, and nothing is squeezed further."""

_CONFIG = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.splitIndex=false",
    "core.commitGraph=false",  # a cache the repository wrote: it could claim other parents than the commits do
    "core.attributesFile=/dev/null",
    "core.alternateRefsCommand=true",
    "core.sshCommand=false",
    "core.askPass=true",
    "core.pager=cat",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "core.quotePath=false",
    "core.logAllRefUpdates=false",
    "core.filesRefLockTimeout=2000",
    "credential.helper=",
    "protocol.allow=never",
    "safe.directory=*",
    "submodule.recurse=false",
    "index.version=2",
    "pack.useBitmaps=false",
    "gc.auto=0",
    "maintenance.auto=false",
)
_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": "/dev/null/none",
    "GIT_NO_LAZY_FETCH": "1",
    # protocol.<name>.allow of a repository beats protocol.allow; this beats both.
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_LITERAL_PATHSPECS": "1",
}


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Which repository a git process works in; it sees no other."""

    git_dir: Path
    work_tree: Path | None = None
    objects: Path | None = None
    """Where new objects go, if not into the repository's own store."""
    borrowed: tuple[Path, ...] = ()
    """Object directories that are read as well."""
    index: Path | None = None


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Resource limits of one process: what it may cost to look at hostile data."""

    cpu_seconds: int
    memory: int
    """Bytes of address space."""
    file: int
    """Bytes of the largest file it may write."""


def run(
    place: Place | None,
    *args: str | bytes,
    stdin: bytes | IO[bytes] = b"",
    out: IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
    config: tuple[str, ...] = (),
    cwd: Path | None = None,
    seconds: float = 120.0,
    cap: int = 256 * MEBI,
    bounds: Bounds | None = None,
) -> bytes:
    """What `git ARGS` prints, or b"" with `out`, a file that takes it instead.

    `seconds` is wall-clock time; `cap` the bytes of output after which the process is stopped. Raises `GitFailed`
    when it exits with another status than 0, is too slow or too loud, and `GitMissing` without git.
    """
    with ExitStack() as stack:
        if isinstance(stdin, bytes):
            content, stdin = stdin, stack.enter_context(tempfile.TemporaryFile())
            stdin.write(content)
            stdin.seek(0)
        errors = stack.enter_context(tempfile.TemporaryFile())
        process = start(
            place, *args, stdin=stdin, stdout=out or subprocess.PIPE, stderr=errors,
            env=env, config=config, cwd=cwd, bounds=bounds,
        )  # fmt: skip
        stack.callback(_end, process)
        deadline = time.monotonic() + seconds
        name = next((os.fsdecode(arg) for arg in args), "")
        try:
            output = _read(process.stdout, cap, deadline)
            code = process.wait(max(0.0, deadline - time.monotonic()))
        except (TimeoutError, subprocess.TimeoutExpired):
            raise GitFailed(name, 0, _tail(errors), f"it took longer than {seconds:g} s") from None
        except OverflowError:
            raise GitFailed(name, 0, _tail(errors), f"it printed more than {cap} bytes") from None
        if code != 0:
            raise GitFailed(name, code, _tail(errors))
        return output


def start(
    place: Place | None,
    *args: str | bytes,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.PIPE,
    stderr: int | IO[bytes] = subprocess.DEVNULL,
    env: Mapping[str, str] | None = None,
    config: tuple[str, ...] = (),
    cwd: Path | None = None,
    bounds: Bounds | None = None,
) -> subprocess.Popen[bytes]:
    """A running `git ARGS` in a session of its own, so that Ctrl-C in a terminal never cuts it half-way."""
    command: list[str | bytes] = ["git", *_options(*_CONFIG, *config), *args]
    if bounds:
        # A shell sets the limits: code between fork and exec is not safe in a process with threads.
        limits = f"ulimit -t {bounds.cpu_seconds}; ulimit -f {bounds.file // 512 + 1}; ulimit -c 0;"
        limits += f' ulimit -v {bounds.memory // 1024} 2>/dev/null; exec "$@"'
        command = ["/bin/sh", "-c", limits, "sh", *command]
    try:
        return subprocess.Popen(
            command,
            stdin=stdin, stdout=stdout, stderr=stderr, env=environment(place) | dict(env or {}),
            cwd=cwd or (place.work_tree or place.git_dir if place else None), umask=0o022, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        if error.filename not in ("git", "/bin/sh"):
            raise RepoError(f"git cannot work in {error.filename}", error.strerror or str(error)) from None
        raise GitMissing("git was not found", "no `git` on the PATH", "install git 2.31 or newer") from None


def environment(place: Place | None) -> dict[str, str]:
    """The whole environment of a git process."""
    # A relative entry would be looked up in the repository, which may well hold a program called git.
    path = ":".join(each for each in os.environ.get("PATH", os.defpath).split(":") if each.startswith("/"))
    kept = {"PATH": path} | {name: os.environ[name] for name in ("TMPDIR",) if name in os.environ}
    named: dict[str, str] = {}
    if place:
        named["GIT_DIR"] = str(place.git_dir)
        if place.work_tree:
            named["GIT_WORK_TREE"] = str(place.work_tree)
        if place.objects:
            named["GIT_OBJECT_DIRECTORY"] = str(place.objects)
        if place.borrowed:
            named["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = ":".join(_quoted(path) for path in place.borrowed)
        if place.index:
            named["GIT_INDEX_FILE"] = str(place.index)
    return kept | _ENVIRONMENT | named


def _options(*settings: str) -> list[str]:
    return [part for setting in settings for part in ("-c", setting)]


def text(output: bytes) -> str:
    """One line of git's output as a string, without its newline; bytes that are no UTF-8 survive (see `name`)."""
    return name(output.removesuffix(b"\n"))


def name(raw: bytes) -> str:
    """A path of a repository as a string. Reversible for any bytes: `raw(name(x)) == x`."""
    return raw.decode("utf-8", "surrogateescape")


def raw(path: str) -> bytes:
    """The bytes git knows a path by."""
    return path.encode("utf-8", "surrogateescape")


def _quoted(path: Path) -> str:
    """A path in a colon-separated list, in the quotes git takes off again."""
    plain = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{plain}"'


def _read(stream: IO[bytes] | None, cap: int, deadline: float) -> bytes:
    if stream is None:
        return b""
    chunks: list[bytes] = []
    size = 0
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError
            chunk = os.read(stream.fileno(), 1 << 16)
            if not chunk:
                return b"".join(chunks)
            size += len(chunk)
            if size > cap:
                raise OverflowError
            chunks.append(chunk)


def _tail(file: IO[bytes], size: int = 8192) -> str:
    file.seek(0, os.SEEK_END)
    file.seek(max(0, file.tell() - size))
    return file.read().decode("utf-8", "replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdout:
        process.stdout.close()
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
