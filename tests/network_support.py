"""A world for the tests of the network policy: an internet in a container, and sandboxes that may reach some of it."""

import json
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker.errors
from docker.types import IPAMConfig, IPAMPool

from sandboxes.base import Sandbox
from sandboxes.docker import DockerEngine
from sandboxes.sidecars import Egress

ALLOW = (
    "allowed.test", "*.wild.test", "loop.test", "private.test", "meta.test", "host.test", "zero.test", "mixed.test",
    "mapped.test", "unique.test", "nat64.test", "flip.test", "missing.test", "ports.test:8443", "allowed.test:8443",
)  # fmt: skip
ASK = """\
import json, socket, sys
answers = []
for raw in json.load(sys.stdin):
    with socket.create_connection(("127.0.0.1", 3128), 20) as s:
        s.settimeout(20); told = b""
        try:
            s.sendall(raw.encode("latin-1"))
            while data := s.recv(65536): told += data
        except OSError as error: told += str(error).encode()
        answers.append(told.decode("latin-1"))
print(json.dumps(answers))
"""
TUNNEL = """\
import socket, ssl, sys
target, name, hello = sys.argv[1:4]
with socket.create_connection(("127.0.0.1", 3128), 20) as s:
    s.sendall(f"CONNECT {target} HTTP/1.1\\r\\nHost: {target}\\r\\n\\r\\n".encode())
    told = s.recv(65536).split(b"\\r\\n")[0]
    print(told.decode())
    if b" 200 " in told:
        context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
        try:
            if hello: s.sendall(hello.encode())
            t = s if hello else context.wrap_socket(s, server_hostname=name or None)
            t.sendall(b"GET /tunnel HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\n"); print(t.recv(65536).decode())
        except OSError as error: print("cut", type(error).__name__)
"""


def ask_all(box: Sandbox, raws: list[str]) -> list[str]:
    """What the proxy answers to these bytes, on a connection for each."""
    told = box.run(["python3", "-c", ASK], stdin=json.dumps(raws).encode(), timeout=120, cap=1_000_000).stdout
    answers: list[str] = json.loads(told)
    return answers


def ask(box: Sandbox, raw: str) -> str:
    return ask_all(box, [raw])[0]


def get(box: Sandbox, url: str, host: str | None = None) -> str:
    """A plain GET through the proxy."""
    return ask(box, f"GET {url} HTTP/1.1\r\nHost: {host if host is not None else url.split('/')[2]}\r\n\r\n")


def tunnel(box: Sandbox, target: str, name: str, hello: str = "") -> str:
    """CONNECT, then TLS for `name` (or the bytes of `hello` in its place), then a request."""
    return box.run(["python3", "-c", TUNNEL, target, name, hello], timeout=60).stdout.decode()


def arrived(box: Sandbox) -> dict[str, Any]:
    """What the internet has seen: requests, and names that were asked for."""
    found: dict[str, Any] = json.loads(get(box, "http://allowed.test/seen").partition("\r\n\r\n")[2])
    return found


class Internet:
    """The network and its one server."""

    def __init__(self, engine: DockerEngine, image: str) -> None:
        self.client, self.name = engine.client, f"loopwright-test-{secrets.token_hex(4)}"
        third = self._network()
        self.address = f"198.51.100.{third + 2}"
        config = self.client.create_networking_config(
            {self.name: self.client.create_endpoint_config(ipv4_address=self.address)}
        )
        program = Path(__file__).with_name("internet.py").read_text()
        self.container = self.client.create_container(
            image, entrypoint=["python3", "-c", program, self.address, f"198.51.100.{third + 1}"], user="0:0",
            networking_config=config,
            host_config=self.client.create_host_config(auto_remove=True, network_mode=self.name),
        )["Id"]  # fmt: skip
        output = self.client.attach(self.container, stream=True)
        self.client.start(self.container)
        assert (said := next(iter(output))) == b"ready\n", said

    def _network(self) -> int:
        """One of sixteen small nets of TEST-NET-2 (RFC 5737): several test processes may each have their own."""
        for third in secrets.SystemRandom().sample(range(0, 256, 16), 16):
            pool = IPAMPool(subnet=f"198.51.100.{third}/28", gateway=f"198.51.100.{third + 1}")
            with suppress(docker.errors.APIError):
                self.client.create_network(self.name, "bridge", ipam=IPAMConfig(pool_configs=[pool]))
                return third
        raise AssertionError("all test networks are taken: docker network prune")

    @property
    def egress(self) -> Egress:
        return Egress(network=self.name, dns=(self.address,))

    def close(self) -> None:
        with suppress(docker.errors.APIError):
            self.client.remove_container(self.container, force=True)
        self.client.remove_network(self.name)
