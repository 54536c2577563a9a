"""What a sandbox shares its localhost with: the way to the proxy, and services. Made for one sandbox, gone with it."""

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any

import docker
import docker.errors
import msgspec
import requests

from sandboxes import network, owner, rubbish, sidecars
from sandboxes.base import Denied, News, SandboxUnavailable, Service, ServiceDown, ServiceUp, Spec
from sandboxes.sidecars import Egress, order
from sandboxes.stream import Stream, attach
from sandboxes.tap import Tap

START_SECONDS = 30.0
"""How long one of our own programs may take to its first word."""
MARK_SECONDS = 5.0
"""How long a command's end waits for the proxy to have told what it denied; who floods it waits for himself."""
TTL = 60
"""Seconds after which what stands on another machine takes a silent harness for dead."""
BEATS = 6
"""How often in that time the harness says that it lives."""
PAUSE = 0.1
"""Seconds between two looks at whether a service is ready."""
HOST, PORT = "127.0.0.1", network.PORT
NEWS = 1_000
"""What is kept until somebody asks for it."""
ENVIRONMENT = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), f"http://{HOST}:{PORT}")
ENVIRONMENT |= dict.fromkeys(("NO_PROXY", "no_proxy"), "localhost,127.0.0.1,::1")
ENVIRONMENT["NODE_USE_ENV_PROXY"] = "1"


class Word(msgspec.Struct):
    """A line of relay or proxy: one of the things they can say, and nothing else."""

    ready: bool = False
    allowed: str = ""
    marked: int = 0
    knocked: int = 0
    open: bool = False
    denied: str = ""
    port: int = 0
    why: str = ""


WORD = msgspec.json.Decoder(Word)


class Pod:
    """Relay, proxy and services of one sandbox. `network` is what the sandbox joins.

    `ttl` is 0 on an engine of this machine, else the seconds of silence after which everything ends by itself.

    The relay's container runs when this is made; `ready` waits for what it and the rest have to do meanwhile.
    """

    def __init__(
        self, client: docker.APIClient, spec: Spec, marks: Mapping[str, str], image: str, egress: Egress, ttl: int
    ) -> None:
        self._client, self._marks, self._image, self._egress = client, marks, image, egress
        self._ttl = ttl
        self._own = () if ttl else sidecars.own_addresses()
        self._lock = threading.Condition()
        self._news: list[News] = []
        self._said: dict[str, list[Word]] = {}
        self._last: dict[str, str] = {}
        self._taps: dict[str, Tap] = {}
        self._made: list[str] = []
        self._closed = False
        self._volume = ""
        self._numbers = itertools.count(1)
        self._workers = ThreadPoolExecutor(2 + len(spec.services), thread_name_prefix="pod")
        self._starting: list[Future[None]] = []
        try:
            self._begin(spec)
        except BaseException:
            self.close()
            self.remove()
            raise

    @property
    def network(self) -> str:
        return f"container:{self._made[0]}"

    def _begin(self, spec: Spec) -> None:
        way_out = spec.allow is not None
        if way_out:
            self._volume = sidecars.tmpfs_volume(self._client, {**self._marks, owner.label("workspace"): ""})
            self._starting.append(self._workers.submit(self._proxy, spec.allow or ()))
        self._start("relay", sidecars.relay(self._client, self._image, self._volume, self._marks), first=True)
        self._tell("relay", port=PORT if way_out else 0, socket=sidecars.SOCKET, ttl=self._ttl)
        self._starting.append(self._workers.submit(self._relay))
        self._starting += [self._workers.submit(self._service, service) for service in spec.services]
        if self._ttl:
            threading.Thread(target=self._beat, name="pod-beat", daemon=True).start()

    def ready(self) -> None:
        """Wait for proxy and services. Raises `SandboxUnavailable` with what the one that fails has printed."""
        for start in self._starting:
            try:
                start.result()
            except (CancelledError, SandboxUnavailable, docker.errors.DockerException, OSError):
                if not self._closed:
                    raise
                raise SandboxUnavailable("the sandbox was given up", "while it was being opened") from None

    def allow(self, entry: str) -> bool:
        """Let the proxy pass one more host, for connections from now on; False where there is no proxy."""
        network.parse(entry)
        with contextlib.suppress(OSError, SandboxUnavailable):
            if self._volume and not self._closed:
                self._tell("proxy", allow=entry)
                self._hear("proxy", lambda word: word.allowed == entry)
                return True
        return False

    def catch_up(self) -> None:
        """Wait until all that the proxy has denied so far is among the news."""
        with contextlib.suppress(OSError, SandboxUnavailable):
            if self._volume and not self._closed:
                mark = next(self._numbers)
                self._tell("proxy", mark=mark)
                self._hear("proxy", lambda word: word.marked == mark, MARK_SECONDS)

    def news(self) -> tuple[News, ...]:
        with self._lock:
            told, self._news = tuple(self._news), []
            return told

    def close(self) -> None:
        """Let everything end; what services printed is told now."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._lock.notify_all()
            taps = dict(self._taps)
        for name, tap in taps.items():
            if name not in ("relay", "proxy"):
                self._tell_of(ServiceDown(service=name, why="its sandbox was closed", log=tap.tail))
            tap.close()
        self._workers.shutdown(wait=False, cancel_futures=True)

    def remove(self) -> None:
        """Take it all off the engine, after the sandbox itself; waits for what was still being started."""
        self._workers.shutdown(wait=True)
        for container in reversed(self._made):
            rubbish.remove_container(self._client, container)
        if self._volume:
            rubbish.remove_volume(self._client, self._volume)

    def _relay(self) -> None:
        self._hear("relay", lambda word: word.ready)

    def _proxy(self, allow: tuple[str, ...]) -> None:
        self._start("proxy", sidecars.proxy(self._client, self._image, self._volume, self._marks, self._egress))
        self._tell("proxy", allow=list(allow), own=list(self._own), socket=sidecars.SOCKET, ttl=self._ttl)
        self._hear("proxy", lambda word: word.ready)

    def _service(self, service: Service) -> None:
        began = time.monotonic()
        arguments = sidecars.service(self._client, service, self._made[0], self._marks)
        container = self._start(service.name, arguments)

        def vain() -> str:
            """Why waiting any longer is in vain; empty while it is not."""
            if time.monotonic() - began > service.seconds:
                return f"it was not ready after {service.seconds} s"
            return "it ended while it was starting" if self._closed or service.name not in self._taps else ""

        while not self._is_ready(service, container, vain):
            if why := vain():
                raise SandboxUnavailable(f"the service {service.name} does not run", self._words(service.name, why))
            time.sleep(PAUSE)
        micros = int((time.monotonic() - began) * 1e6)
        self._tell_of(ServiceUp(service=service.name, image=service.image, port=service.port, micros=micros))

    def _is_ready(self, service: Service, container: str, vain: Callable[[], str]) -> bool:
        if service.ready:
            with contextlib.suppress(docker.errors.APIError, requests.RequestException, OSError):
                return succeeds(self._client, container, service.ready, vain)
            return False
        self._tell("relay", knock=service.port)
        return self._hear("relay", lambda word: word.knocked == service.port).open

    def _start(self, name: str, arguments: dict[str, Any], first: bool = False) -> str:
        container: str = self._client.create_container(**arguments)["Id"]
        self._made.insert(0, container) if first else self._made.append(container)
        stream = attach(self._client, container)
        self._said[name] = []
        self._taps[name] = tap = Tap(stream, lambda line: self._heard(name, line), lambda: self._ended(name))
        self._client.start(container)
        if self._closed:  # `close` may have come before there was a tap to close
            tap.close()
        return container

    def _tell(self, name: str, **wanted: Any) -> None:
        if (tap := self._taps.get(name)) is None:
            raise SandboxUnavailable(f"the sandbox's {name} does not answer", self._words(name, "it has ended"))
        tap.send(order(**wanted))

    def _heard(self, name: str, line: bytes) -> None:
        """A line of a container; those of services are none of our business, but their log."""
        if name not in ("relay", "proxy"):
            return
        word = WORD.decode(line)
        if word.denied:
            self._tell_of(Denied(host=word.denied, port=word.port, why=word.why))
            return
        with self._lock:
            self._said[name].append(word)
            self._lock.notify_all()

    def _hear(self, name: str, fits: Callable[[Word], bool], seconds: float = START_SECONDS) -> Word:
        """Wait for a word of relay or proxy, and take it."""
        deadline = time.monotonic() + seconds
        with self._lock:
            while True:
                for word in self._said[name]:
                    if fits(word):
                        self._said[name].remove(word)
                        return word
                if self._closed or name not in self._taps or time.monotonic() > deadline:
                    raise SandboxUnavailable(f"the sandbox's {name} does not answer", self._words(name, "it is silent"))
                self._lock.wait(1.0)

    def _ended(self, name: str) -> None:
        with self._lock:
            tap = self._taps.pop(name)
            self._last[name] = tap.tail
            self._lock.notify_all()
            if not self._closed:
                self._tell_of(ServiceDown(service=name, why="it ended by itself", log=tap.tail))

    def _words(self, name: str, why: str) -> str:
        """Why, and the end of what it printed."""
        tap = self._taps.get(name)
        return f"{why}\n{(tap.tail if tap else self._last.get(name, ''))[-2_000:]}".strip()

    def _tell_of(self, news: News) -> None:
        with self._lock:
            if len(self._news) < NEWS:
                self._news.append(news)

    def _beat(self) -> None:
        while not self._closed:
            for name in ("relay", "proxy"):
                with contextlib.suppress(OSError, KeyError):
                    self._taps[name].send(b"\n")
            time.sleep(self._ttl / BEATS)


def succeeds(client: docker.APIClient, container: str, line: str, vain: Callable[[], str]) -> bool:
    """Whether a shell in the container runs the line with success; not, as soon as waiting for it is in vain.

    The engine never answers an `exec` whose container dies as it begins.
    """
    probe = client.exec_create(container, ["/bin/sh", "-c", line])["Id"]
    raw = client.exec_start(probe, socket=True)
    with closing(Stream(getattr(raw, "_sock", raw), raw)) as stream:
        while not vain():
            with contextlib.suppress(TimeoutError):
                if not stream.recv(1 << 16, PAUSE):
                    return bool(client.exec_inspect(probe)["ExitCode"] == 0)
    return False
