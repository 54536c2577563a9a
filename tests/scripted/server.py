"""A Messages API server that plays a script, over real HTTP."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import msgspec

from tests.scripted import wire
from tests.scripted.cache import BadMarks, Cache
from tests.scripted.judge import Judge, Refused, Request, Talk, check_shape, parse
from tests.scripted.script import Step, script


class Recorded(msgspec.Struct, kw_only=True):
    """One request that arrived at `/v1/messages`. Times are nanoseconds of the monotonic clock."""

    raw: bytes
    headers: dict[str, str]
    arrived: int
    answered: int = 0
    conversation: int = -1
    step: int = -1
    status: int = 0
    usage: dict[str, Any] = {}
    breach: str = ""
    disconnected: bool = False
    """The client left before the answer's end."""

    @property
    def body(self) -> dict[str, Any]:
        """The request, parsed."""
        body: dict[str, Any] = msgspec.json.decode(self.raw)
        return body

    def summary(self) -> dict[str, Any]:
        """A line of the log: everything but the request itself."""
        hidden = ("raw", "headers")
        return {name: getattr(self, name) for name in self.__struct_fields__ if name not in hidden} | {
            "bytes": len(self.raw)
        }


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the handler sends: a body, or events, and what goes wrong on the way."""

    status: int
    step: Step
    body: dict[str, Any] = {}
    stream: bool = False


class ScriptedServer:
    """Plays `script_` (see `tests.scripted.script`) on a free port of the loopback.

    `key`: the only credential accepted (any is, without it). `strict`: refuse what local servers do not know and
    count like one. `log`: a file that gets a line of JSON for each request.
    """

    def __init__(
        self,
        script_: Mapping[str, Sequence[Any]] | Path,
        *,
        key: str | None = None,
        strict: bool = False,
        minimum: int = 1024,
        port: int = 0,
        log: Path | None = None,
    ) -> None:
        from tests.scripted.handler import Handler

        self.key, self.strict, self.minimum = key, strict, minimum
        self.requests: list[Recorded] = []
        self.breaches: list[str] = []
        self.cold: list[str] = []
        """Requests of a conversation whose cache did not serve the whole request before, though it could have."""
        self.models = script(script_)
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._judge, self._cache = Judge(self.models), Cache(minimum)
        self._log: IO[str] | None = log.open("a", encoding="utf-8") if log else None
        self._http = _Http(("127.0.0.1", port), Handler)
        self._http.scripted = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """What `ANTHROPIC_BASE_URL` should be."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def env(self) -> dict[str, str]:
        """The environment in which the SDK finds this server."""
        key = self.key or "scripted"
        return {"ANTHROPIC_BASE_URL": self.url, "ANTHROPIC_API_KEY": key, "NO_PROXY": "127.0.0.1"}

    def totals(self) -> dict[str, int]:
        """The sums of the usage of all whole replies."""
        names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
        return {name: sum(one.usage.get(name, 0) for one in list(self.requests)) for name in names}

    def state(self) -> dict[str, Any]:
        """What `GET /scripted/state` tells a test in another process."""
        return {"requests": len(self.requests), "breaches": list(self.breaches), "totals": self.totals()}

    def __enter__(self) -> "ScriptedServer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def serve_forever(self) -> None:
        """Serve in the calling thread."""
        self._http.serve_forever(0.05)

    def close(self) -> None:
        """Stop, drop every connection and hang up on those that wait."""
        self.closing.set()
        if self._thread.is_alive():
            self._http.shutdown()
            self._thread.join()
        self._http.server_close()
        for connection in list(self._http.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        if self._log:
            self._log.close()

    def answer(self, record: Recorded) -> Answer:
        """Judge a request and say what to answer; breaches are recorded and answered 400."""
        with self._lock:
            self.requests.append(record)
            try:
                return self._play(record)
            except Refused as refused:
                record.status = refused.status
                if refused.breach:
                    record.breach = refused.message
                    self.breaches.append(refused.message)
                return Answer(status=refused.status, step=Step(), body=wire.error(refused.status, refused.message))

    def count(self, raw: bytes) -> int:
        """The tokens of a request."""
        with self._lock:
            return self._cache.count(raw)

    def finished(self, record: Recorded) -> None:
        """The answer is out, or the connection gone."""
        record.answered = time.monotonic_ns()
        with self._lock:
            if self._log and not self._log.closed:
                self._log.write(json.dumps(record.summary()) + "\n")
                self._log.flush()

    def _play(self, record: Recorded) -> Answer:
        request = parse(record.raw, self.strict)
        heads = check_shape(request)
        talk = self._judge.talk(request)
        record.conversation = talk.number
        self._judge.grow(talk, request, heads)
        record.step, step = self._judge.step(talk, request, heads, record.raw)
        record.status = step.status
        if step.status != 200:
            body = wire.error(step.status, step.message or f"scripted {step.status}", step.error, step.code)
            return Answer(status=step.status, step=step, body=body)
        name = f"{talk.name}_{record.step}"
        usage = self._usage(record, step, request)
        self._warmth(talk, record, step, usage)
        body = wire.message(step, name, request.model, usage)
        if step.whole:
            talk.sent.setdefault(record.step, []).append(body["content"])
            record.usage = body["usage"]
        return Answer(status=200, step=step, body=body, stream=request.stream)

    def _warmth(self, talk: Talk, record: Recorded, step: Step, usage: dict[str, Any]) -> None:
        """Each request has to be read from the cache as far as the one before it went."""
        if self.strict or step.usage:
            return
        read = usage["cache_read_input_tokens"]
        if record.step > talk.served and talk.prompt >= self.minimum and read < talk.prompt:
            self.cold.append(f"conversation {talk.number}, step {record.step}: {read} of {talk.prompt} tokens")
        talk.served, talk.prompt = record.step, read + usage["input_tokens"] + usage["cache_creation_input_tokens"]

    def _usage(self, record: Recorded, step: Step, request: Request) -> dict[str, Any]:
        said = sum(len(wire.encode(block)) for block in wire.content(step, "")) // 4
        output = {"output_tokens": min(max(1, said), max(1, request.max_tokens))}
        if self.strict:
            return {"input_tokens": self._cache.count(record.raw), **output, **step.usage}
        try:
            return {**self._cache.usage(record.raw), **output, "service_tier": "standard", **step.usage}
        except BadMarks as bad:
            raise Refused(400, str(bad), breach=True) from None


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    scripted: ScriptedServer

    def __init__(self, *args: Any) -> None:
        self.connections: set[socket.socket] = set()
        super().__init__(*args)
