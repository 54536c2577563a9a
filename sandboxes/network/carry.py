"""Bytes both ways between two sockets, until both sides have said all."""

from __future__ import annotations

import contextlib
import select
import socket

IDLE = 600.0
"""Seconds without a byte after which a connection is given up."""
PIECE = 1 << 16


def carry(one: socket.socket, other: socket.socket) -> None:
    """Carry until both ends have closed their side, one of them fails, or nothing moves for `IDLE` seconds."""
    for end in (one, other):
        end.settimeout(IDLE)
    reading = {one: other, other: one}
    while reading:
        ready, _, _ = select.select(list(reading), [], [], IDLE)
        if not ready:
            return
        for source in ready:
            sink = reading[source]
            data = source.recv(PIECE)
            if data:
                sink.sendall(data)
                continue
            del reading[source]
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_WR)


def exactly(source: socket.socket, sink: socket.socket, early: bytes, length: int) -> bytes:
    """Pass on `length` bytes, those in `early` first; what is left of it."""
    sink.sendall(early[:length])
    length, early = length - len(early[:length]), early[length:]
    while length:
        data = source.recv(min(length, PIECE))
        if not data:
            raise ConnectionAbortedError
        sink.sendall(data)
        length -= len(data)
    return early


def line(source: socket.socket, early: bytes, limit: int = 1_024) -> tuple[bytes, bytes]:
    """A line without its end, and what came after it."""
    while b"\r\n" not in early:
        data = source.recv(PIECE) if len(early) < limit else b""
        if not data:
            raise ConnectionAbortedError
        early += data
    text, _, rest = early.partition(b"\r\n")
    return text, rest


def chunks(source: socket.socket, sink: socket.socket, early: bytes) -> None:
    """Pass on a chunked body (RFC 9112, 7.1), written anew: no extensions, no trailers, no second request."""
    while True:
        text, early = line(source, early)
        if not 0 < len(text) <= 8 or text.strip(b"0123456789abcdefABCDEF"):
            raise ConnectionAbortedError
        size = int(text, 16)
        sink.sendall(b"%x\r\n" % size)
        if not size:
            trailer, _ = line(source, early)
            if trailer:
                raise ConnectionAbortedError
            sink.sendall(b"\r\n")
            return
        early = exactly(source, sink, early, size)
        end, early = line(source, early)
        if end:
            raise ConnectionAbortedError
        sink.sendall(b"\r\n")
