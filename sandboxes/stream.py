"""A connected socket with a clock of its own for each direction: one thread may read while another sends."""

import contextlib
import select
import socket
from typing import Any

import docker

SEND_SECONDS = 120.0
"""How long the other end may block what we send; PID 1 always reads."""

LONGEST = 3_600.0
"""Seconds that one wait takes at most; poll(2) counts milliseconds in an int."""


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


def attach(client: docker.APIClient, container: str) -> Stream:
    """The standard streams of a container; to be made before it is started, so that nothing is missed."""
    raw = client.attach_socket(container, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    return Stream(getattr(raw, "_sock", raw), raw)
