"""A model behind the Messages API, by the SDK's authenticated client.

The SDK gives credentials, base URL, proxies and headers, exactly as it documents them. The body goes through it as
bytes (`post(content=...)`) and the stream is read here, because nothing that was sent before is serialised again:
measured on loopback an attempt costs 1.3 ms of CPU with 1, 101 and 401 messages alike, where
`messages.create(stream=True)` costs 1.6, 2.6 and 7.1 ms.
The import of the SDK takes a second, so it waits for the first use or for `warm()` in a thread.
"""

import contextlib
import gc
import socket
import threading
import time
import weakref
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from harness.models import errors, platforms
from harness.models.base import ModelError, Reply, Request
from harness.models.catalog import Profile
from harness.models.stream import Broken, Collector, events
from harness.models.transport import alarm, answer, check_keys, clean, shut
from harness.models.wire import body

if TYPE_CHECKING:
    import ssl

    import anthropic
    import httpx2

SILENCE = 300.0
"""Seconds without a byte after which a stream is given up. The API sends pings far more often."""
CONNECT = 10.0
"""Seconds to connect in; an attempt that is connecting hears of `interrupt` only after them."""


class MessagesModel:
    """The model of `profile`. Thread-safe: one client serves all conversations.

    The server is `base_url`, else the profile's own, else where the SDK's environment says. A profile with a
    server of its own gets the key of its `key_env` and never the user's Anthropic key.
    """

    def __init__(self, profile: Profile, *, base_url: str | None = None) -> None:
        self.profile, self._base_url = profile, base_url
        self._client: anthropic.Anthropic | None = None
        self._lock = threading.Lock()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._interrupts = 0
        self._here = threading.local()

    @property
    def name(self) -> str:
        return self.profile.name

    def warm(self) -> None:
        """Import the SDK and make the client. Meant for a thread; what fails here fails again at the first use."""
        with contextlib.suppress(ModelError):
            self._ready()

    def attempt(self, request: Request, *, timeout: float, on_text: Callable[[str, str], None] | None = None) -> Reply:
        """See `Model.attempt`."""
        client = self._ready()
        started = time.monotonic()
        self._here.born = born = self._interrupts
        collector = Collector(on_text)
        headers, failure = self._exchange(client, body(self.profile, request), collector, started + timeout)
        passed = time.monotonic() - started
        if collector.whole:  # what became of the connection after that does not matter
            request_id = headers.get("request-id", "")
            return collector.reply(model=self.name, request_id=request_id, micros=int(passed * 1_000_000))
        if collector.error is not None:
            said = collector.error
            raise errors.from_event(said.type, said.code, clean(client, said.message))
        failure = failure or ModelError("cut", "the stream ended before the reply did", charged=True)
        if self._interrupts != born:
            failure = ModelError("cut", "interrupted", charged=failure.charged)
        elif passed >= timeout:
            failure = ModelError("timeout", f"no reply within {timeout:.0f} s", charged=failure.charged)
        raise failure

    def probe(self, timeout: float = 10.0) -> ModelError | None:
        """Whether the server answers and takes the credentials, without spending a token; None when it does.

        Asks for the list of models; a server that has none (404 and the like) has answered all the same.
        """
        import httpx2

        try:
            client = self._ready()
        except ModelError as error:
            return error
        self._here.born = self._interrupts
        limits = httpx2.Timeout(timeout)
        where = platforms.probe_path(self.profile)
        if where is None:  # credentials and region were found; more cannot be known without a call
            return None
        told = answer(client, lambda: client.get(where, cast_to=httpx2.Response, options={"timeout": limits}))
        harmless = isinstance(told, ModelError) and told.status in (400, 404, 405)
        return None if harmless or not isinstance(told, ModelError) else told

    def interrupt(self) -> None:
        """Close the streams that are open, from another thread: their attempts fail as `cut`."""
        with self._lock:
            self._interrupts += 1
            for connection in list(self._sockets):
                shut(connection)

    def _exchange(
        self, client: "anthropic.Anthropic", sent: bytes, collector: Collector, until: float
    ) -> tuple[dict[str, str], ModelError | None]:
        """Send a body and feed the collector. Gives the headers of the answer, and what went wrong."""
        import httpx2

        left = max(0.001, until - time.monotonic())
        limits = httpx2.Timeout(connect=min(CONNECT, left), read=min(SILENCE, left), write=60.0, pool=left)

        def post() -> httpx2.Response:
            options: anthropic.RequestOptions = {"timeout": limits}
            where = platforms.path(self.profile, client)
            return client.post(where, cast_to=httpx2.Response, content=sent, stream=True, options=options)

        response = answer(client, post)
        if isinstance(response, ModelError):
            return {}, response
        headers = dict(response.headers)
        try:
            kind = headers.get("content-type", "")
            if not kind.startswith("text/event-stream"):
                why = f"{response.url.host}{response.url.path} answered {kind or 'something'}, not an event stream"
                advised = f"{why}. {errors.FIXES['not_found']}"
                return headers, ModelError("not_found", advised, charged=False, status=response.status_code)
            with alarm(response, until - time.monotonic()):
                for event in events(response.iter_bytes()):
                    collector.feed(event)
        except httpx2.TimeoutException:
            return headers, ModelError("timeout", f"the stream was silent for {limits.read:.0f} s", charged=True)
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            return headers, ModelError("cut", f"the stream broke off: {clean(client, str(error))}", charged=True)
        except Broken as error:
            why = f"the stream holds what is no event: {clean(client, str(error))}"
            return headers, ModelError("server", why, charged=True)
        finally:
            response.close()
        return headers, None

    def _ready(self) -> "anthropic.Anthropic":
        with self._lock:
            if self._client is None:
                self._client = self._make()
            return self._client

    def _make(self) -> "anthropic.Anthropic":
        _import_sdk()
        import anthropic
        import httpx2

        http = anthropic.DefaultHttpxClient(verify=_trust(), event_hooks={"request": [self._watch]})
        try:
            client = platforms.connect(self.profile, self._base_url, http)
            check_keys(client)
        except httpx2.InvalidURL as error:
            http.close()
            raise ModelError("bad_request", f"ANTHROPIC_BASE_URL is no address: {error}", charged=False) from None
        except (anthropic.AnthropicError, ValueError, OSError) as error:
            http.close()
            raise platforms.missing(error) from None
        return client

    def _watch(self, request: "httpx2.Request") -> None:
        request.extensions = {**request.extensions, "trace": self._opened}

    def _opened(self, name: str, info: dict[str, Any]) -> None:
        """Remember each new connection, so that `interrupt` can shut it: closing alone wakes nobody who reads."""
        if not name.endswith(("connect_tcp.complete", "start_tls.complete")):
            return
        connection = info["return_value"].get_extra_info("socket")
        with self._lock:
            self._sockets.add(connection)
            if self._here.born != self._interrupts:
                shut(connection)


@cache
def _trust() -> "ssl.SSLContext":
    """The certificates to trust: 30 ms to read, so once for all clients of a process."""
    import httpx2

    return httpx2.create_ssl_context()


def preload() -> None:
    """Begin to import the SDK beside whatever comes next: it takes a second, and no run gets by without it."""
    threading.Thread(target=_import_sdk, name="preload", daemon=True).start()


def _import_sdk() -> None:
    """The SDK's hundred thousand objects live as long as the process: the collector is spared walking them, while
    they are made and ever after (a fifth of a short run's CPU)."""
    was = gc.isenabled()
    gc.disable()
    try:
        import anthropic  # noqa: F401

        gc.freeze()
    finally:
        if was:
            gc.enable()
