"""Sandboxes made of Docker containers."""

import os
import secrets
import threading
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import docker
import docker.errors
import requests

from sandboxes import hardening, layer, owner, reaper, rubbish, workspace
from sandboxes.base import WORKSPACE, Check, Sandbox, SandboxGone, SandboxUnavailable, Spec
from sandboxes.connect import connect, is_cut, is_local, translated
from sandboxes.container import Container
from sandboxes.fill import fill
from sandboxes.frames import Line
from sandboxes.holds import Holds
from sandboxes.inside.disk import MB, Watch, usage
from sandboxes.plain import PlainLine
from sandboxes.pod import BEATS, ENVIRONMENT, TTL, Pod
from sandboxes.removals import Removals, quietly
from sandboxes.sidecars import Egress
from sandboxes.stream import Stream, attach
from sandboxes.terminal import Terminal

HELLO_SECONDS = 30.0
"""How long PID 1 may take from the start of its container to its first answer."""

NO_RUNNER = (
    "see that the image has git, and python3 (3.8 or later), util-linux's setpriv, or BusyBox with the user in "
    "/etc/passwd; or use the base image"
)


class WithoutPython(Exception):
    """The image has no python3, so its PID 1 has to be a shell."""


class DockerEngine:
    """A Docker engine; `home` holds the directories of overlays. Connects when it is first needed."""

    def __init__(self, home: Path, egress: Egress | None = None, ttl: int = TTL) -> None:
        """`egress` is how the proxies of allow-listed sandboxes get out, if not by the engine's usual bridge.

        `ttl` is after how many seconds of silence containers on another machine take this process for dead.
        """
        self.home = home.absolute()
        self.egress = egress or Egress()
        self._patience = ttl
        self._lock = threading.Lock()
        self._connected: tuple[docker.APIClient, str] | None = None
        self._refusal = ""
        self._sizes: dict[Path, int] = {}
        self._packed: tuple[Path, bytes] | None = None
        self._holds = Holds(self.home)
        self._plain: set[str] = set()
        self._base = ""
        self._removals = Removals()
        self._opening: set[Pod] = set()
        self._swept = False

    @property
    def client(self) -> docker.APIClient:
        """The one client of this engine. Raises `SandboxUnavailable`."""
        return self.connection()[0]

    def connection(self) -> tuple[docker.APIClient, str]:
        """The client, and how the engine was found."""
        with self._lock:
            if self._connected is None or is_cut(self._connected[0]):
                self._connected = connect()
            return self._connected

    @property
    def uid(self) -> int:
        """See `sandboxes.base.Engine.uid`."""
        return workspace.agent_uid()

    @cached_property
    def cores(self) -> int:
        """How many processors the engine has: this machine's, where it is here (asking takes a while)."""
        return (os.cpu_count() or 1) if is_local(self.client) else int(self.client.info()["NCPU"])

    @property
    def ttl(self) -> int:
        """0 on this machine, where the end of a process closes its containers' input, whatever ended it."""
        return 0 if is_local(self.client) else self._patience

    def overlays(self, seed: Path) -> tuple[bool, str]:
        """Whether the seed can be the lower layer of an overlay, and why. The engine's first refusal is remembered."""
        if not is_local(self.client):
            return False, "the engine is on another machine and cannot see the seed"
        if obstacle := self._refusal or workspace.overlay_obstacle(self.home, seed):
            return False, obstacle
        return True, "the engine shares this machine's files"

    def workspace_mode(self, spec: Spec) -> workspace.Mode:
        """How the workspace of `spec` is made."""
        if self.overlays(spec.seed)[0]:
            return "overlay"
        return workspace.second_best(spec, self._size(spec.seed))

    def _size(self, seed: Path) -> int:
        if seed not in self._sizes:
            self._sizes[seed], _ = usage(str(seed))
        return self._sizes[seed]

    def _archive(self, seed: Path) -> bytes:
        """The seed as an archive; the last one is kept, since a run opens many sandboxes on one."""
        if self._packed is None or self._packed[0] != seed:
            self._packed = seed, layer.archive(seed, self.uid, WORKSPACE.lstrip("/"))
        return self._packed[1]

    @translated()
    def open(self, spec: Spec) -> Sandbox:
        """See `sandboxes.base.Engine.open`."""
        hardening.check(spec)
        try:
            self._holds.take(spec.seed)
            while True:  # each way back is taken once for an engine or an image, and then known
                try:
                    box = self._open(spec, self.workspace_mode(spec))
                    break
                except workspace.OverlayRefused as refused:
                    self._refusal = str(refused)
                except WithoutPython:
                    self._plain.add(spec.image)
        except requests.RequestException:  # an OSError by descent, and Docker's errors are of it
            raise
        except OSError as error:
            why = f"{error.filename or self.home}: {error.strerror or error}"
            raise SandboxUnavailable("the workspace could not be made", why, "run `loopwright doctor`") from error
        self._sweep_once()
        return box

    def interrupt(self) -> None:
        """See `sandboxes.base.Engine.interrupt`: a service may take its time."""
        for pod in tuple(self._opening):
            pod.close()

    @translated()
    def discard(self, run: str) -> None:
        """See `sandboxes.base.Engine.discard`."""
        self.settle()
        reaper.discard(self.client, self.home, run)

    @translated()
    def gc(self, keep: frozenset[str] = frozenset(), seeds: Path | None = None) -> tuple[str, ...]:
        """See `sandboxes.base.Engine.gc`."""
        self.settle()
        return reaper.gc(self.client, self.home, keep, seeds)

    @translated()
    def terminal(self, sandbox: str, *, writable: bool, term: str = "dumb") -> Terminal:
        """A person's session beside a live sandbox, whichever process made it. Raises `SandboxGone`."""
        client = self.client
        return Terminal(client, self.home, sandbox, self.uid, self.ttl, writable=writable, term=term)

    def probe(self) -> tuple[Check, ...]:
        """See `sandboxes.base.Engine.probe`."""
        from sandboxes import doctor

        return doctor.probe(self, doctor.Parts(self.home, self.connection, self.overlays))

    def settle(self) -> None:
        """Wait until everything that was closed is removed; what an engine does not get done is left to `gc`."""
        self._removals.settle()

    def close(self) -> None:
        """Wait like `settle`, and stand on no seed any longer. The engine can still be used."""
        self.settle()
        self._holds.release()

    def _open(self, spec: Spec, mode: workspace.Mode) -> Sandbox:
        client = self.client
        marks = owner.labels(self.home, spec.run, spec.purpose, spec.workspace)
        marks[owner.label("hosts")] = "" if spec.allow is None else "named"
        if spec.workspace:
            reaper.fence(client, marks)
        space = workspace.prepare(client, self.home, spec, mode, marks)
        container, pod = "", None
        try:
            pod = self.pod(spec, marks)
            uid = self.uid
            if space.mode == "volume" and space.fresh:
                fill(client, spec.image, space.volume, spec.seed, uid, marks)
                space.filled.touch()
            joined = pod.network if pod else "none"
            image = layer.baked(client, spec.image, spec.seed, uid, marks) if space.mode == "layer" else ""
            arguments = hardening.container(
                client, spec, space.volume, uid, self.cores, marks, joined, space.mode, image,
                spec.image in self._plain,
            )  # fmt: skip
            container = client.create_container(**arguments)["Id"]
            stream = attach(client, container)
            try:
                client.start(container)
            except docker.errors.APIError as error:
                if refused := workspace.refusal(space, error):
                    raise refused from error
                if "python3" in str(error.explanation) and spec.image not in self._plain:
                    raise WithoutPython from error
                raise
            return self._greet(spec, space, container, stream, pod)
        except BaseException:
            quietly(lambda: self._remove(container, space if space.fresh else None, pod))
            raise

    def pod(self, spec: Spec, marks: Mapping[str, str]) -> Pod | None:
        """What the sandbox needs beside it, if anything. Our own programs run on the base image where it is there."""
        if spec.allow is None and not spec.services:
            return None
        client = self.client
        if not self._base:  # a list of images takes the engine longer than all else here
            bases = client.images(filters={"label": [f"{owner.label('image')}=base"]}, quiet=True)
            self._base = next(iter(bases), "")
        return Pod(client, spec, marks, self._base or spec.image, self.egress, self.ttl)

    def _greet(
        self, spec: Spec, space: workspace.Workspace, container: str, stream: Stream, pod: Pod | None
    ) -> Sandbox:
        uid = self.uid
        line = PlainLine(stream) if spec.image in self._plain else Line(stream)
        limit = spec.resources.disk_mb * MB
        watch = Watch(str(space.directory / "upper"), limit) if space.mode == "overlay" else None
        inner = space.mode in ("volume", "layer")  # a tmpfs has its size
        size = self._size(spec.seed) if inner else 0

        def close() -> None:
            stream.close()
            if pod:
                pod.close()
            self._removals.later(lambda: self._remove(container, None if space.named else space, pod))

        def end() -> str:
            known = reaper.epitaph(self.client, container), line.stderr.strip()[-500:]
            close()
            return ": ".join(filter(None, known))

        box = Container(container[:12], line, end, close, watch, pod)
        hello = {
            "nonce": secrets.token_hex(16),
            "uid": uid,
            "gid": uid,
            "env": hardening.ENVIRONMENT | (ENVIRONMENT if spec.allow is not None else {}) | dict(spec.env),
            "spill": hardening.spill_bytes(spec.resources),
            "workspace": WORKSPACE,
            "ttl": self.ttl,
            "disk": (size + limit, size) if inner else None,
        }
        try:
            found = box.greet(hello, HELLO_SECONDS)
        except SandboxGone as gone:
            raise SandboxUnavailable("the sandbox did not start", gone.why, NO_RUNNER) from gone
        if found != uid:
            box.close()
            raise workspace.OverlayRefused(f"the workspace belongs to user {found} inside the container")
        if self.ttl:
            threading.Thread(target=box.live, args=(self.ttl / BEATS,), name="beat", daemon=True).start()
        if space.mode == "tmpfs":
            layer.unpack(box, self._archive(spec.seed))
        if pod:
            self._opening.add(pod)
            try:
                pod.ready()
            finally:
                self._opening.discard(pod)
        return box

    def _remove(self, container: str, space: workspace.Workspace | None, pod: Pod | None) -> None:
        if container:
            rubbish.remove_container(self.client, container)
        if pod:
            pod.close()
            pod.remove()
        if space:
            rubbish.destroy(self.client, rubbish.throw_away(self.client, self.home, space.directory, space.volume))

    def _sweep_once(self) -> None:
        """Crashed processes leave at most a container that was never started and throw-away trees: see to them."""
        if not self._swept:
            self._swept = True
            self._removals.later(lambda: reaper.gc(self.client, self.home, None, None))
