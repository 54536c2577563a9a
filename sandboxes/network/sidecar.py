"""What proxy and relay have in common: JSON lines on standard input and output, and an end with the harness."""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

MOST = 200
"""Connections at once; each has a thread."""
_out = threading.Lock()


def say(**told: Any) -> None:
    """One line to the harness."""
    data = json.dumps(told).encode() + b"\n"
    with _out:
        os.write(1, data)


def orders(ttl: float, obey: Callable[[dict[str, Any]], None]) -> None:
    """Obey line by line; at the end of the input, or after `ttl` seconds without any, the harness is gone.

    An empty line says only that it lives. `ttl` 0 waits for ever: the engine is here and ends the input itself.
    """
    buffer = b""
    while True:
        ready, _, _ = select.select([0], [], [], ttl or None)
        data = os.read(0, 1 << 16) if ready else b""
        if not data:
            os._exit(0)
        *lines, buffer = (buffer + data).split(b"\n")
        for text in filter(None, lines):
            obey(json.loads(text))


def first_order() -> dict[str, Any]:
    """The first line that is not empty: what the harness wants. An empty one is a heartbeat that came before."""
    data = b""
    while not (data.endswith(b"\n") and data.strip()):
        piece = os.read(0, 1)
        if not piece:
            sys.exit("nobody says what to do")
        data += piece
    found: dict[str, Any] = json.loads(data)
    return found


def accept(server: socket.socket, serve: Callable[[socket.socket], None]) -> None:
    """Serve every connection in a thread of its own, `MOST` at a time; the others wait."""
    room = threading.BoundedSemaphore(MOST)

    def one(client: socket.socket) -> None:
        try:
            with client:
                serve(client)
        except (OSError, ValueError):
            pass  # either end went away
        finally:
            room.release()

    while True:
        room.acquire()
        client, _ = server.accept()
        threading.Thread(target=one, args=(client,), daemon=True).start()
