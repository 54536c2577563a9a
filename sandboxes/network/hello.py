"""The server name in a TLS ClientHello (RFC 8446, 4.1.2; RFC 6066, 3): who the client inside a tunnel really wants."""

from __future__ import annotations

from sandboxes.network.heads import Refused

LIMIT = 64 << 10
HANDSHAKE, CLIENT_HELLO = 22, 1
SERVER_NAME, ENCRYPTED_HELLO = 0, 0xFE0D


class Reader:
    """Bytes taken from the front; running out of them is a `Refused`."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def take(self, size: int) -> bytes:
        if size > len(self.data):
            raise Refused(403, "the tunnel carries no proper TLS")
        head, self.data = self.data[:size], self.data[size:]
        return head

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> Reader:
        """What follows its own length of `size` bytes."""
        return Reader(self.take(self.number(size)))


def server_name(data: bytes) -> str | None:
    """The name in lower case; None while the hello is incomplete. `Refused` for anything that names none openly."""
    message = b""
    records = data
    while len(message) < 4 or len(message) < 4 + int.from_bytes(message[1:4], "big"):
        if records and records[0] != HANDSHAKE or len(records) > 1 and records[1] != 3:
            raise Refused(403, "the tunnel carries no TLS")
        if message and message[0] != CLIENT_HELLO or len(data) > LIMIT:
            raise Refused(403, "the tunnel carries no proper TLS")
        if len(records) < 5 or len(records) < 5 + int.from_bytes(records[3:5], "big"):
            return None
        size = int.from_bytes(records[3:5], "big")
        if not size:
            raise Refused(403, "the tunnel carries no proper TLS")
        message, records = message + records[5 : 5 + size], records[5 + size :]
    if message[0] != CLIENT_HELLO:
        raise Refused(403, "the tunnel carries no proper TLS")
    return named(Reader(message[4 : 4 + int.from_bytes(message[1:4], "big")]))


def named(hello: Reader) -> str:
    hello.take(2 + 32)  # version, random
    hello.vector(1)  # session
    hello.vector(2)  # ciphers
    hello.vector(1)  # compression
    extensions = hello.vector(2) if hello.data else hello
    names: list[bytes] = []
    while extensions.data:
        kind, body = extensions.number(2), extensions.vector(2)
        if kind == ENCRYPTED_HELLO:
            raise Refused(403, "the client encrypts the name it wants (ECH)")
        if kind == SERVER_NAME:
            entries = body.vector(2)
            while entries.data:
                entries.number(1)
                names.append(entries.vector(2).data)
    if len(names) != 1:
        raise Refused(403, "the TLS client names no server (SNI)")
    return names[0].decode("latin-1").lower()
