"""Requests to the proxy, read strictly: what two programs could read in two ways is refused."""

from __future__ import annotations

import re
import socket
import time
from typing import NamedTuple

LIMIT = 64 << 10
"""Bytes of one request's head."""
SECONDS = 30.0
"""How long a client may take over its head."""
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VALUE = re.compile(r"[\t -~\x80-\xff]*")
TARGET = re.compile(r"[!-~]+")
ABSOLUTE = re.compile(r"http://([^/?#@\\]+)(/[^#]*|\?[^#]*)?", re.I)
OURS = frozenset(
    ("host", "connection", "proxy-connection", "keep-alive", "proxy-authorization", "proxy-authenticate", "te",
     "trailer", "upgrade", "transfer-encoding", "content-length", "expect", "http2-settings")
)  # fmt: skip
"""Headers that are not passed on: they are about this connection, or the proxy writes them itself."""


class Refused(Exception):
    """A request that is not passed on: the answer's status and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


class Head(NamedTuple):
    """A request's first line and headers, names in lower case."""

    method: str
    target: str
    headers: list[tuple[str, str]]

    def all(self, name: str) -> list[str]:
        return [value for known, value in self.headers if known == name]

    @property
    def length(self) -> int | None:
        """How many bytes of body follow; None for a chunked one. `Refused` where it is not said exactly once."""
        lengths, codings = self.all("content-length"), self.all("transfer-encoding")
        if not codings and not lengths:
            return 0
        if codings and (lengths or [coding.lower() for coding in codings] != ["chunked"]):
            raise Refused(400, "the body's length is said in two ways")
        if codings:
            return None
        if len(lengths) != 1 or not re.fullmatch(r"[0-9]{1,15}", lengths[0]):
            raise Refused(400, "the body's length is said in two ways")
        return int(lengths[0])


def read(client: socket.socket) -> tuple[Head, bytes]:
    """The head of the one request of a connection, and what came after it. `Refused`, or OSError for none."""
    data, deadline = b"", time.monotonic() + SECONDS
    while (end := data.find(b"\r\n\r\n")) < 0:
        if len(data) > LIMIT or time.monotonic() > deadline:
            raise Refused(431, "the head does not end")
        client.settimeout(max(deadline - time.monotonic(), 0.01))
        piece = client.recv(1 << 14)
        if not piece:
            raise ConnectionAbortedError
        data += piece
    return parse(data[:end].decode("latin-1")), data[end + 4 :]


def parse(text: str) -> Head:
    """A head without its last line ends."""
    lines = text.split("\r\n")
    first = lines[0].split(" ")
    if len(first) != 3 or first[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise Refused(400, "the first line is no HTTP/1 request")
    if not TOKEN.fullmatch(first[0]) or not TARGET.fullmatch(first[1]):
        raise Refused(400, "the first line is no HTTP/1 request")
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not TOKEN.fullmatch(name) or not VALUE.fullmatch(value):
            raise Refused(400, "a header is malformed")
        headers.append((name.lower(), value.strip(" \t")))
    return Head(first[0], first[1], headers)


def authority(text: str, port: int | None) -> tuple[str, int]:
    """Host and port of `host[:port]`; the port has to be there where none is implied."""
    host, colon, digits = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, digits = text, ""
    if digits:
        if not re.fullmatch(r"[0-9]{1,5}", digits) or not 0 < int(digits) < 65_536:
            raise Refused(400, "the port is none")
        return host, int(digits)
    if port is None or colon and not text.endswith("]"):
        raise Refused(400, "there is no port")
    return host, port


def plain(head: Head) -> tuple[str, int, str]:
    """Host, port and path of a request for `http://...`, whose Host header has to say the same."""
    found = ABSOLUTE.fullmatch(head.target)
    if not found:
        raise Refused(400, "ask for http://host/path, or CONNECT host:443")
    host, port = authority(found[1], 80)
    hosts = head.all("host")
    if len(hosts) != 1 or authority(hosts[0].lower(), 80) != (host.lower(), port):
        raise Refused(400, "the Host header names another host than the request")
    path = found[2] or "/"
    return host, port, path if path.startswith("/") else "/" + path


def rewritten(head: Head, host: str, port: int, path: str) -> bytes:
    """The head as it goes out: one request on one connection, for the host that was checked."""
    named = {token.strip().lower() for value in head.all("connection") for token in value.split(",")}
    kept = [(name, value) for name, value in head.headers if name not in OURS and name not in named]
    length, said = head.length, bool(head.all("content-length"))
    framing = [("transfer-encoding", "chunked")] if length is None else [("content-length", str(length))] * said
    ours = [("host", host if port == 80 else f"{host}:{port}"), ("connection", "close")]
    lines = [f"{name}: {value}" for name, value in (*ours, *kept, *framing)]
    return "\r\n".join([f"{head.method} {path} HTTP/1.1", *lines, "", ""]).encode("latin-1")


def answer(status: int, why: str) -> bytes:
    """A whole response of the proxy's own."""
    body = why.encode() + b"\n"
    words = {400: "Bad Request", 403: "Forbidden", 431: "Request Header Fields Too Large"}.get(status, "Bad Gateway")
    return (
        f"HTTP/1.1 {status} {words}\r\ncontent-type: text/plain; charset=utf-8\r\n"
        f"content-length: {len(body)}\r\nx-loopwright: network policy\r\nconnection: close\r\n\r\n"
    ).encode() + body
