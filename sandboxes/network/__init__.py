"""The network of a sandbox: none, or named hosts through a proxy that stands outside of it.

A pod has three containers. The sandbox shares the network name space of the *relay*, which has no network: no
route, no address, no name server. The relay's port at localhost leads to a unix socket, behind which the *proxy*
sits in a container of its own, with a network and a list of the hosts that are allowed.
"""

from functools import cache

from sandboxes.inside import pack
from sandboxes.network.names import Rule, canonical, inside, parse

__all__ = ["PORT", "REGISTRIES", "Rule", "canonical", "inside", "parse", "proxy", "relay"]

PORT = 3_128
"""Where the proxy answers at localhost of a sandbox (Squid's usual port)."""
REGISTRIES = (
    "pypi.org", "files.pythonhosted.org", "registry.npmjs.org", "registry.yarnpkg.com",
    "deb.debian.org", "security.debian.org", "archive.ubuntu.com", "security.ubuntu.com", "ports.ubuntu.com",
    "dl-cdn.alpinelinux.org", "crates.io", "static.crates.io", "index.crates.io", "static.rust-lang.org",
    "proxy.golang.org", "sum.golang.org", "rubygems.org", "index.rubygems.org", "repo.maven.apache.org",
    "repo1.maven.org", "plugins.gradle.org", "repo.packagist.org", "api.nuget.org",
)  # fmt: skip
"""What set-up commands may reach: the places where packages come from."""


@cache
def proxy() -> str:
    """The proxy's program."""
    return pack(__package__, ("names", "heads", "hello", "carry", "sidecar", "proxy"))


@cache
def relay() -> str:
    """The relay's program."""
    return pack(__package__, ("carry", "sidecar", "relay"))
