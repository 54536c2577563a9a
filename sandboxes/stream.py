"""A connected socket with a clock of its own for each direction: one thread may read while another sends."""

import contextlib
import select
import socket
import struct
from collections.abc import Iterator
from typing import Any

import docker

SEND_SECONDS = 120.0
"""How long the other end may block what we send; PID 1 always reads."""

LONGEST = 3_600.0
"""Seconds that one wait takes at most; poll(2) counts milliseconds in an int."""

CHUNK = struct.Struct("!BxxxI")
"""Docker's header of each piece of an attached stream: 1 is standard output, 2 standard error."""


class Stream:
    """Bytes both ways. `keep` is whatever has to live as long as the socket."""

    def __init__(self, connection: socket.socket, keep: Any = None) -> None:
        self._socket, self._keep = connection, keep
        self._socket.settimeout(SEND_SECONDS)

    def fileno(self) -> int:
        return self._socket.fileno()

    def recv(self, size: int, seconds: float) -> bytes:
        """What is there, empty at the end; `TimeoutError` when nothing comes for so long."""
        pending = getattr(self._socket, "pending", None)
        if not (pending and pending()):
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            if not poll.poll(min(max(seconds, 0.0), LONGEST) * 1000):
                raise TimeoutError
        return self._socket.recv(size)

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def end_input(self) -> None:
        """Say that nothing more will be sent."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close both ways, also under a reader in another thread."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self._socket.close()
        with contextlib.suppress(OSError, AttributeError):
            self._keep.close()


class Pieces:
    """Takes Docker's chunk headers out of an attached stream, however it is cut into reads."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._left, self._kind = 0, 0

    def of(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """What `data` carries: 1 or 2 for the stream, and the bytes. Raises `ValueError` for what is no such stream."""
        view = memoryview(data)
        while view:
            if not self._left:
                missing = CHUNK.size - len(self._head)
                self._head += view[:missing]
                view = view[missing:]
                if len(self._head) == CHUNK.size:
                    self._kind, self._left = CHUNK.unpack(self._head)
                    self._head.clear()
                    if self._kind not in (1, 2):
                        raise ValueError("the attached stream is not in Docker's format")
                continue
            piece = bytes(view[: self._left])
            view = view[len(piece) :]
            self._left -= len(piece)
            yield self._kind, piece


def attach(client: docker.APIClient, container: str) -> Stream:
    """The standard streams of a container; to be made before it is started, so that nothing is missed."""
    raw = client.attach_socket(container, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    return Stream(getattr(raw, "_sock", raw), raw)
