"""The one way out of a pod: names on the allow list, resolved here, checked here, and nothing else.

It runs outside of the pod, behind a unix socket; the sandbox can reach it, and nothing but it. Each connection
carries one request to one checked address, so what a client smuggles behind it goes nowhere.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

from sandboxes.network.carry import carry, chunks, exactly
from sandboxes.network.heads import Refused, answer, authority, plain, read, rewritten
from sandboxes.network.hello import server_name
from sandboxes.network.names import Rule, canonical, inside, parse
from sandboxes.network.sidecar import accept, first_order, orders, say

CONNECT_SECONDS = 20.0
HELLO_SECONDS = 30.0
TOLD = 500
"""Distinct denials that are reported; who asks for more is trying doors at random."""


class Proxy:
    """The allow list as it stands now, and what has been told of denials."""

    def __init__(self, allowed: list[str], own: list[str]) -> None:
        self.rules: tuple[Rule, ...] = tuple(parse(entry) for entry in allowed)
        self.own = frozenset(own)
        self.told: set[tuple[str, int, str]] = set()
        self.lock = threading.Lock()

    def obey(self, order: dict[str, Any]) -> None:
        """`{"allow": entry}`: from now on, for connections that are made from now on.

        `{"mark": number}` is said back: whoever reads that has read every denial that was answered before it.
        """
        if "mark" in order:
            say(marked=order["mark"])
            return
        with self.lock:
            self.rules = (*self.rules, parse(order["allow"]))
        say(allowed=order["allow"])

    def serve(self, client: socket.socket) -> None:
        """One connection of the sandbox: a request that goes out, or an answer that says why not."""
        try:
            head, early = read(client)
            if head.method == "CONNECT":
                host, port = authority(head.target, None)
                with self.reach(host, port) as server:
                    self.tunnel(client, server, host, port, early)
            else:
                host, port, path = plain(head)
                out = rewritten(head, canonical(host) or host, port, path)
                with self.reach(host, port) as server:
                    server.sendall(out)
                    if head.all("expect"):
                        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                    client.settimeout(CONNECT_SECONDS)
                    if head.length is None:
                        chunks(client, server, early)
                    else:
                        exactly(client, server, early, head.length)
                    back(server, client)
        except Refused as refused:
            with contextlib.suppress(OSError):
                client.sendall(answer(refused.status, refused.why))

    def reach(self, host: str, port: int) -> socket.socket:
        """A connection to an allowed host, at an address that was checked. Else `Refused`, and told."""
        name = canonical(host)
        if not name:
            raise self.denied(host, port, "an address or no host name; hosts are allowed by name")
        if not any(rule.allows(name, port) for rule in self.rules):
            known = any(rule.allows(name, rule.port or 443) for rule in self.rules)
            raise self.denied(name, port, f"the port {port} is not allowed" if known else "not on the allow list")
        try:
            # the dot at its end keeps the name as it is: no search domain of this network is tried behind it
            found = socket.getaddrinfo(f"{name}.", port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise Refused(502, f"{name} has no address") from None
        addresses = [(family, address) for family, _, _, _, address in found]
        for _, address in addresses:
            if inside(str(address[0])) or address[0] in self.own:
                raise self.denied(name, port, f"its name leads to the inner address {address[0]}")
        for family, address in addresses:
            server = socket.socket(family, socket.SOCK_STREAM)
            server.settimeout(CONNECT_SECONDS)
            try:
                server.connect(address)
            except OSError:
                server.close()
                continue
            return server
        raise Refused(502, f"{name} does not answer on port {port}")

    def tunnel(self, client: socket.socket, server: socket.socket, host: str, port: int, early: bytes) -> None:
        """TLS to the host that was asked for, and to no other: its hello is read before a byte goes out."""
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        client.settimeout(HELLO_SECONDS)
        try:
            while (name := server_name(early)) is None:
                data = client.recv(1 << 14)
                if not data:
                    return
                early += data
            if canonical(name) != canonical(host):
                raise Refused(403, f"the TLS client wants {canonical(name) or 'another host'}")
        except Refused as refused:
            self.denied(canonical(host), port, refused.why)
            return
        server.sendall(early)
        carry(client, server)

    def denied(self, host: str, port: int, why: str) -> Refused:
        """Tell the harness, once for each host, port and reason; what the client is answered."""
        host = host[:253]
        with self.lock:
            new = (host, port, why) not in self.told and len(self.told) < TOLD
            if new:
                self.told.add((host, port, why))
        if new:
            say(denied=host, port=port, why=why)
        names = ", ".join(dict.fromkeys(f"*.{rule.name}" if rule.below else rule.name for rule in self.rules))
        return Refused(403, f"the sandbox's network policy denies {host}:{port}: {why}. Allowed: {names or 'none'}.")


def back(server: socket.socket, client: socket.socket) -> None:
    """The response, to its end; nothing more of the client's goes out."""
    server.settimeout(600.0)
    while data := server.recv(1 << 16):
        client.sendall(data)


def main() -> None:
    wanted = first_order()
    proxy = Proxy(wanted["allow"], wanted["own"])
    server = socket.socket(socket.AF_UNIX)
    server.bind(wanted["socket"])
    server.listen(128)
    threading.Thread(target=accept, args=(server, proxy.serve), daemon=True).start()
    say(ready=True)
    orders(wanted["ttl"], proxy.obey)
