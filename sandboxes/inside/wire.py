"""Frames between the harness and PID 1: `FRAME` (magic, header size, body size), a JSON object, raw bytes."""

from __future__ import annotations

import json
import os
import signal
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FRAME = struct.Struct("!4sII")
MAGIC = b"LWR1"
HEADER_LIMIT = 4 << 20
BODY_LIMIT = 512 << 20
"""The largest header and body in bytes, in either direction; the harness asks for far less of most replies."""


class Closed(Exception):
    """The harness is gone, or speaks nonsense, which is the same: nothing may go on running."""


class Link:
    """The frames from and to the harness, over descriptors 0 and 1."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.ttl = 0
        """Seconds of silence after which the harness counts as gone; 0 where the end of the input tells in any case."""

    def live(self, seconds: int) -> None:
        """Die by the clock unless something is heard within `seconds`, again and again."""
        self.ttl = seconds
        signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
        signal.alarm(seconds)

    def feed(self) -> None:
        """Read what is there; `Closed` at the end of the input."""
        chunk = os.read(0, 1 << 18)
        if not chunk:
            raise Closed
        if self.ttl:
            signal.alarm(self.ttl)
        self.buffer += chunk

    def take(self) -> tuple[dict[str, Any], bytes] | None:
        """The next whole frame, or None while it is incomplete."""
        if len(self.buffer) < FRAME.size:
            return None
        magic, head, size = FRAME.unpack_from(self.buffer)
        if magic != MAGIC or head > HEADER_LIMIT or size > BODY_LIMIT:
            raise Closed
        end = FRAME.size + head + size
        if len(self.buffer) < end:
            return None
        header = json.loads(self.buffer[FRAME.size : FRAME.size + head].decode())
        body = bytes(self.buffer[FRAME.size + head : end])
        del self.buffer[:end]
        return header, body

    def next(self) -> tuple[dict[str, Any], bytes]:
        """Wait for a whole frame."""
        while True:
            frame = self.take()
            if frame:
                return frame
            self.feed()

    def send(self, header: dict[str, Any], body: bytes = b"") -> None:
        """One frame, in one write where the pipe takes it: each write is a message of the engine's own."""
        head = json.dumps(header).encode()
        views = [memoryview(FRAME.pack(MAGIC, len(head), len(body)) + head), memoryview(body)]
        while views:
            written = os.writev(1, views)
            while views and written >= len(views[0]):
                written -= len(views.pop(0))
            if views:
                views[0] = views[0][written:]


def send(end: int, data: bytes) -> None:
    """All of it, however little a pipe takes at a time."""
    view = memoryview(data)
    while view:
        view = view[os.write(end, view) :]
