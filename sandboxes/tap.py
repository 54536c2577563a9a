"""Listening to a container that talks when it likes: lines as they come, and the end of all it printed."""

import contextlib
import threading
from collections.abc import Callable

import msgspec

from sandboxes.stream import LONGEST, Pieces, Stream

KEPT = 16_000
"""Bytes of the output's end that are kept."""
LINE = 16_000
"""The longest line; whoever prints a longer one is not one of ours."""


class Tap:
    """A thread that reads an attached container. `line` gets each line of its standard output, `ended` is last."""

    def __init__(self, stream: Stream, line: Callable[[bytes], None], ended: Callable[[], None]) -> None:
        self._stream, self._line, self._ended = stream, line, ended
        self._tail = bytearray()
        self._thread = threading.Thread(target=self._listen, name="tap", daemon=True)
        self._thread.start()

    @property
    def tail(self) -> str:
        """The end of standard output and standard error, as it was printed."""
        return bytes(self._tail).decode("utf-8", "replace")

    def send(self, data: bytes) -> None:
        self._stream.send(data)

    def close(self) -> None:
        self._stream.close()

    def _listen(self) -> None:
        pieces, text = Pieces(), bytearray()
        with contextlib.suppress(OSError, ValueError, msgspec.DecodeError):
            while data := self._read():
                for kind, piece in pieces.of(data):
                    self._tail = (self._tail + piece)[-KEPT:]
                    if kind == 1:
                        *lines, text = (text + piece).split(b"\n")
                        for line in lines:
                            self._line(bytes(line))
                        text = text[-LINE:]
        self._ended()

    def _read(self) -> bytes:
        """What comes next, however long that takes: closing the stream ends it."""
        while True:
            with contextlib.suppress(TimeoutError):
                return self._stream.recv(1 << 16, LONGEST)
