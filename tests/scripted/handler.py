"""The HTTP side of the scripted server: paths, credentials, and the faults of a connection."""

import json
import re
import select
import socket
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.scripted import wire
from tests.scripted.server import Answer, Recorded, ScriptedServer

VERTEX = re.compile(r"/projects/[^/]+/locations/[^/]+/publishers/anthropic/models/([^/:]+):streamRawPredict")
"""Where Vertex serves a model, which the body then does not name."""


class Handler(BaseHTTPRequestHandler):
    """Serves one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 0

    @property
    def scripted(self) -> ScriptedServer:
        served: ScriptedServer = self.server.scripted  # type: ignore[attr-defined]
        return served

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Silence."""

    def handle(self) -> None:
        connections = self.server.connections  # type: ignore[attr-defined]
        connections.add(self.connection)
        try:
            super().handle()
        except OSError:
            self.close_connection = True
        finally:
            connections.discard(self.connection)

    def do_GET(self) -> None:  # noqa: N802 - the name is the base class's
        models = [self._model(name) for name in self.scripted.models if name != "*"]
        match self.path.split("?")[0].strip("/").split("/"):
            case ["scripted", "state"]:
                self._json(200, self.scripted.state())
            case ["v1", *_] if not self._authorised():
                self._json(401, wire.error(401, "invalid x-api-key"))
            case ["v1", "models"] if not self.scripted.strict:
                page = {"data": models, "has_more": False, "first_id": None, "last_id": None}
                self._json(200, page)
            case ["v1", "models", name] if any(model["id"] == name for model in models):
                self._json(200, self._model(name))
            case _:
                self._json(404, wire.error(404, self.path))

    def do_POST(self) -> None:  # noqa: N802 - the name is the base class's
        arrived = time.monotonic_ns()
        length = int(self.headers.get("Content-Length", "0"))
        raw = self.rfile.read(length)
        if len(raw) < length:  # the client died while it spoke: nothing was said
            self.close_connection = True
            return
        path = self.path.split("?")[0]
        if (vertex := VERTEX.fullmatch(path)) and b'"model"' not in raw.split(b'"messages"')[0]:
            path, raw = "/v1/messages", b'{"model":"%s",' % vertex[1].encode() + raw[1:]
        if not self._authorised():
            self._json(401, wire.error(401, "invalid x-api-key"))
        elif path == "/v1/messages":
            self._messages(Recorded(raw=raw, headers=dict(self.headers.items()), arrived=arrived))
        elif path == "/v1/messages/count_tokens" and not self.scripted.strict:
            self._json(200, {"input_tokens": self.scripted.count(raw)})
        else:
            self._json(404, wire.error(404, path))

    def _authorised(self) -> bool:
        given = self.headers.get("x-api-key") or self.headers.get("Authorization", "").removeprefix("Bearer ")
        return self.scripted.key is None or given == self.scripted.key

    def _model(self, name: str) -> dict[str, Any]:
        made = "2026-01-01T00:00:00Z"
        return {"type": "model", "id": name, "display_name": name, "created_at": made, "lifecycle": "active"}

    def _send(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        lines = [f"HTTP/1.1 {status} Scripted", "request-id: req_scripted"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def _json(self, status: int, body: Any, extra: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        headers = {"content-type": "application/json", "content-length": str(len(data)), **(extra or {})}
        self._send(status, headers, data)

    def _messages(self, record: Recorded) -> None:
        answer = self.scripted.answer(record)
        step = answer.step
        try:
            if step.delay_ms:
                self._pause(record, step.delay_ms / 1000)
            if answer.status == 0:
                self._hang_up()
            elif answer.status != 200:
                again = {} if step.retry_after is None else {"retry-after": step.retry_after}
                self._json(answer.status, answer.body, again)
            elif answer.stream:
                self._stream(record, answer)
            elif step.whole:
                self._json(200, answer.body)
            else:
                self._hang_up()
        except ConnectionError:
            record.disconnected, self.close_connection = True, True
        finally:
            self.scripted.finished(record)

    def _stream(self, record: Recorded, answer: Answer) -> None:
        """Send the events, up to the fault there is."""
        step = answer.step
        events = list(wire.events(step, answer.body))
        stops = [n for n in (step.cut_after, step.error_after, step.hang_after) if n is not None]
        shown = [wire.sse(event) for event in (events[: stops[0]] if stops else events)]
        if step.error_after is not None:
            shown.append(wire.sse(wire.error(200, step.message or "scripted", step.error or "overloaded_error")))
        head = {"content-type": "text/event-stream; charset=utf-8", "transfer-encoding": "chunked"}
        if not (step.pace_ms or step.packet or stops):
            body = b"".join(shown)
            self._send(200, head, b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
            return
        self._send(200, head)
        for data in shown:
            self._chunks(data, step.packet or len(data))
            if step.pace_ms:
                self._pause(record, step.pace_ms / 1000)
        if step.hang_after is not None:
            self._pause(record, 3600)
        if step.cut_after is not None and step.abrupt:
            self._hang_up()
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _chunks(self, data: bytes, size: int) -> None:
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

    def _pause(self, record: Recorded, seconds: float) -> None:
        """Wait, unless the server closes or the client leaves."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.scripted.closing.is_set():
            readable, _, _ = select.select([self.connection], [], [], min(left, 0.05))
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                raise ConnectionResetError("the client left")

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
