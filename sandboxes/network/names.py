"""What a network policy may name, and where a name may lead. Runs in the proxy and on the host: one meaning of both.

Standard library only, Python 3.8 or later, as everything that goes into a container.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
NAME = re.compile(rf"{LABEL}(?:\.{LABEL})*")
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A last label like this makes a name an IPv4 address to some resolver (WHATWG URL, "ends in a number")."""
LONGEST = 253
PORTS = (443, 80)
"""Where a rule without a port leads."""
INSIDE = tuple(
    ipaddress.ip_network(net)
    for net in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
"""Addresses that lead to this machine, its networks or a cloud's metadata (RFC 6890, RFC 6598)."""
OUTSIDE_6 = ipaddress.ip_network("2000::/3")
"""Of IPv6 only what is global unicast (RFC 4291), and of that nothing that carries another address."""
TEREDO = ipaddress.ip_network("2001::/32")


class Rule(NamedTuple):
    """One entry of an allow list: a name, `*.` before it for everything below it, a port after it."""

    name: str
    below: bool
    port: int | None

    def allows(self, host: str, port: int) -> bool:
        """Whether the rule covers a name in the form that `canonical` gives."""
        named = host.endswith("." + self.name) if self.below else host == self.name
        return named and (port in PORTS if self.port is None else port == self.port)


def canonical(host: str) -> str:
    """A host name in the one form that is compared; empty for whatever is none, IP addresses among them."""
    host = host.lower()
    host = host[:-1] if host.endswith(".") else host
    if len(host) > LONGEST or not NAME.fullmatch(host) or NUMBER.fullmatch(host.rpartition(".")[2]):
        return ""
    return host


def parse(entry: str) -> Rule:
    """The rule that an entry means: `example.com`, `*.example.com`, `example.com:8443`. Else ValueError, for people."""
    name, _, digits = entry.partition(":")
    if digits and not (digits.isascii() and digits.isdigit() and 0 < int(digits) < 65_536) or entry.endswith(":"):
        raise ValueError("it is no host name with a port; leave out scheme and path")
    below = name.startswith("*.")
    host = canonical(name[2:] if below else name)
    if not host:
        raise ValueError("it is no host name (no address, no scheme, no path; international names as xn--...)")
    if below and "." not in host:
        raise ValueError("a star over a whole top-level domain allows everything")
    return Rule(host, below, int(digits) if digits else None)


def inside(address: str) -> bool:
    """Whether an IP address leads anywhere but to the public internet."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv4Address):
        return any(found in net for net in INSIDE)
    carried = found.ipv4_mapped or found.sixtofour
    if carried is not None:
        return inside(str(carried))
    return found not in OUTSIDE_6 or found in TEREDO
