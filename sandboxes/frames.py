"""The harness's end of the line to PID 1. What comes back is hostile input: fixed schema, sizes capped first."""

import json
import time
from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from sandboxes.inside.wire import FRAME, MAGIC
from sandboxes.stream import Pieces, Stream

REPLY_HEADER_LIMIT = 4_096
"""Bytes; the longest reply header there is (a refusal with its reason) stays under it."""
DIAGNOSTICS = 4_000
"""Bytes of PID 1's standard error that are kept to explain its death."""

Natural = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]


class Hello(msgspec.Struct, tag_field="re", tag="hello", forbid_unknown_fields=True):
    id: Natural
    nonce: str
    owner: Natural
    """Who owns the workspace: tells whether the right thing was mounted."""


class Ran(msgspec.Struct, tag_field="re", tag="run", forbid_unknown_fields=True):
    id: Natural
    exit: Annotated[int, msgspec.Meta(ge=0, le=255)]
    micros: Natural
    timed_out: bool
    oom: bool
    pids: bool
    file: bool
    cwd: str
    out: Natural
    err: Natural
    elided: Natural
    spill: Natural | None
    stuck: bool
    report: Natural = 0
    lost: Natural = 0
    disk: bool = False


class Told(msgspec.Struct, tag_field="re", tag="job", forbid_unknown_fields=True):
    id: Natural
    job: Natural
    exit: Annotated[int, msgspec.Meta(ge=0, le=255)] | None
    elided: Natural
    stuck: bool


class Data(msgspec.Struct, tag_field="re", tag="data", forbid_unknown_fields=True):
    id: Natural
    stuck: bool


class Refusal(msgspec.Struct, tag_field="re", tag="refused", forbid_unknown_fields=True):
    id: Natural
    why: str
    stuck: bool


Reply = Hello | Ran | Told | Data | Refusal
DECODER: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Reply)


class Broken(Exception):
    """The line is dead, silent, or carried something that is no reply of ours; never to be used again."""


class Line:
    """One attached container: frames out on its input, frames in from its output. One reader at a time."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._pieces = Pieces()
        self._out = bytearray()
        self._stderr = bytearray()
        self._look = 0.0

    @property
    def stderr(self) -> str:
        """The end of what PID 1 printed on its standard error."""
        return self._stderr.decode("utf-8", "replace")

    def send(self, header: dict[str, Any], body: bytes = b"") -> None:
        """Send one frame; JSON is ASCII, with file names that are no UTF-8 as lone surrogates."""
        head = json.dumps(header).encode()
        try:
            self._stream.send(FRAME.pack(MAGIC, len(head), len(body)) + head + body)
        except OSError as error:
            raise Broken(f"sending failed: {error}") from error

    def receive(
        self, number: int, body_limit: int, deadline: float, tick: Callable[[], float] | None = None
    ) -> tuple[Reply, bytes]:
        """The reply to request `number`, with a body of at most `body_limit` bytes, before `deadline` (monotonic).

        `tick` is called at once, and again after as many seconds as it says.
        """
        self._look = 0.0
        magic, head, size = FRAME.unpack(self._take(FRAME.size, deadline, tick))
        if magic != MAGIC:
            raise Broken("what came back is no frame")
        if head > REPLY_HEADER_LIMIT or size > body_limit:
            raise Broken(f"a reply of {head} + {size} bytes is larger than anything that was asked for")
        try:
            reply = DECODER.decode(self._take(head, deadline, tick))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Broken(f"a reply with a malformed header: {error}") from error
        if reply.id != number:
            raise Broken("a reply to a request that was not made")
        return reply, self._take(size, deadline, tick)

    def _take(self, size: int, deadline: float, tick: Callable[[], float] | None) -> bytes:
        while len(self._out) < size:
            self._demultiplex(self._read(deadline, tick))
        data = bytes(memoryview(self._out)[:size])
        del self._out[:size]
        return data

    def _read(self, deadline: float, tick: Callable[[], float] | None) -> bytes:
        while True:
            now = time.monotonic()
            if tick and now >= self._look:
                self._look = now + tick()
            left = deadline - now
            if left <= 0:
                raise Broken("no answer in time")
            try:
                data = self._stream.recv(1 << 18, min(left, self._look - now) if tick else left)
            except TimeoutError:
                continue
            except (OSError, ValueError) as error:
                raise Broken(f"reading failed: {error}") from error
            if not data:
                raise Broken("the container has ended")
            return data

    def _demultiplex(self, data: bytes) -> None:
        try:
            for kind, piece in self._pieces.of(data):
                if kind == 1:
                    self._out += piece
                else:
                    self._stderr = (self._stderr + piece)[-DIAGNOSTICS:]
        except ValueError as error:
            raise Broken(str(error)) from None
