"""What the proxy reads: names, addresses, heads and hellos, against whatever can be written."""

import ipaddress
import socket
import ssl
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandboxes.docker import DockerEngine
from sandboxes.network import REGISTRIES, canonical, inside, parse
from sandboxes.network.heads import Head, Refused, authority, plain, rewritten
from sandboxes.network.heads import parse as head
from sandboxes.network.hello import server_name
from sandboxes.setup import indexes, way_out
from sandboxes.sidecars import own_addresses

quick = settings(max_examples=60, deadline=None)


def hello(name: str | None) -> bytes:
    """A real ClientHello, as OpenSSL writes it."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


@pytest.mark.parametrize(
    ("entry", "host", "port", "allowed"),
    [
        ("example.com", "example.com", 443, True),
        ("example.com", "example.com", 80, True),
        ("example.com", "example.com", 22, False),
        ("example.com", "www.example.com", 443, False),
        ("example.com", "example.com.evil.net", 443, False),
        ("example.com", "evilexample.com", 443, False),
        ("*.example.com", "a.b.example.com", 443, True),
        ("*.example.com", "example.com", 443, False),
        ("*.example.com", "evilexample.com", 443, False),
        ("Example.COM.", "example.com", 443, True),
        ("example.com:8443", "example.com", 8443, True),
        ("example.com:8443", "example.com", 443, False),
    ],
)
def test_what_a_rule_covers(entry: str, host: str, port: int, allowed: bool) -> None:
    assert parse(entry).allows(canonical(host), port) is allowed


@pytest.mark.parametrize(
    "entry",
    ["", "*", "*.com", "*.*.com", "a*.com", "https://example.com", "example.com/", "example.com:", "example.com:0",
     "example.com:x", "example.com:99999", "1.2.3.4", "[::1]", "::1", "0x7f000001", "example.1", "a..b", "-a.com",
     "exa mple.com", "ex\u00e4mple.com", "example.com:\u0661", "a@b.com", "user:pw@a.com", "." , "a" * 64 + ".com"],
)  # fmt: skip
def test_what_is_no_rule(entry: str) -> None:
    with pytest.raises(ValueError, match="it is no|a star"):
        parse(entry)


def test_every_registry_is_a_rule() -> None:
    assert all(parse(entry).port is None for entry in REGISTRIES)


@quick
@given(st.text(max_size=30))
def test_a_canonical_name_stays_as_it_is_and_is_no_address(text: str) -> None:
    name = canonical(text)
    assert canonical(name) == name
    with pytest.raises(ValueError, match="does not appear"):
        ipaddress.ip_address(name)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "255.255.255.255", "::1", "::", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:0a00:1::",
     "64:ff9b::a00:1", "2001:0:1::", "ff02::1", "fec0::1", "::10.0.0.1"],
)  # fmt: skip
def test_inner_addresses(address: str) -> None:
    assert inside(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "172.32.0.1", "2606:4700::1111", "::ffff:1.1.1.1", "2002:0101:0101::"])
def test_outer_addresses(address: str) -> None:
    assert not inside(address)


@quick
@given(st.ip_addresses(v=4))
def test_no_private_address_is_outside(address: ipaddress.IPv4Address) -> None:
    documentation = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")  # nothing lives there (RFC 5737)
    if not address.is_global and not any(address in ipaddress.ip_network(net) for net in documentation):
        assert inside(str(address))


def test_the_hello_names_its_server() -> None:
    assert server_name(hello("Example.com")) == "example.com"
    with pytest.raises(Refused, match="names no server"):
        server_name(hello(None))


@quick
@given(st.integers(0, 600), st.integers(1, 40))
def test_a_hello_in_pieces_is_waited_for(cut: int, size: int) -> None:
    whole = HELLO
    assert server_name(whole[: min(cut, len(whole) - 1)]) is None
    message, records = whole[5:], b""
    for start in range(0, len(message), size):
        piece = message[start : start + size]
        records += b"\x16\x03\x01" + len(piece).to_bytes(2, "big") + piece
    assert server_name(records) == "example.com"


@quick
@given(st.binary(max_size=80), st.integers(0, 500), st.binary(min_size=1, max_size=4))
def test_no_bytes_break_the_reader(garbage: bytes, at: int, change: bytes) -> None:
    for data in (garbage, HELLO[:at] + change + HELLO[at + len(change) :], b"\x16\x03\x01" + garbage):
        try:
            name = server_name(data)
        except Refused:
            continue
        assert name is None or isinstance(name, str)


def test_a_hello_with_an_encrypted_name_is_refused() -> None:
    body = HELLO[9:]
    at = 2 + 32
    at += 1 + body[at]
    at += 2 + int.from_bytes(body[at : at + 2], "big")
    at += 1 + body[at]
    extensions = body[at + 2 :] + b"\xfe\x0d\0\1\0"
    body = body[:at] + len(extensions).to_bytes(2, "big") + extensions
    message = b"\1" + len(body).to_bytes(3, "big") + body
    with pytest.raises(Refused, match="ECH"):
        server_name(b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message)


@quick
@given(
    st.lists(st.text(st.characters(codec="latin-1"), max_size=12), max_size=4),
    st.text(st.characters(codec="latin-1"), max_size=30),
)
def test_what_goes_out_is_one_request_with_one_host(lines: list[str], path: str) -> None:
    text = "\r\n".join([f"GET http://allowed.test/{path} HTTP/1.1", "Host: allowed.test", *lines])
    try:
        found = head(text)
        host, port, where = plain(found)
        out = rewritten(found, host, port, where)
    except Refused:
        return
    again = head(out.decode("latin-1").removesuffix("\r\n\r\n"))
    assert again.all("host") == ["allowed.test"]
    assert again.all("connection") == ["close"]
    assert out.count(b"\r\n\r\n") == 1
    assert out.count(b"\n") == out.count(b"\r\n")


@pytest.mark.parametrize("text", ["a.test:", "a.test:x", "a.test:00000000443", "a.test:-1", "a.test:65536"])
def test_ports_that_are_none(text: str) -> None:
    with pytest.raises(Refused):
        authority(text, 80)


def test_a_length_is_said_once_or_refused() -> None:
    def length(*headers: tuple[str, str]) -> int | None:
        return Head("POST", "/", list(headers)).length

    assert length() == 0
    assert length(("content-length", "12")) == 12
    assert length(("transfer-encoding", "Chunked")) is None
    for headers in (
        [("content-length", "1"), ("content-length", "1")],
        [("content-length", "1, 1")],
        [("content-length", "0x1")],
        [("transfer-encoding", "chunked"), ("content-length", "1")],
        [("transfer-encoding", "gzip, chunked")],
        [("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
    ):
        with pytest.raises(Refused):
            length(*headers)


def test_the_machines_own_indexes_are_entries() -> None:
    settings = {
        "PIP_INDEX_URL": "https://user:word@index.corp:8443/simple",
        "PIP_EXTRA_INDEX_URL": "https://one.corp/simple https://two.corp/simple",
        "UV_INDEX": "corp=https://uv.corp/simple?a=b",
        "npm_config_registry": "http://127.0.0.1:4873/",
        "HTTPS_PROXY": "http://proxy.corp:3128",
    }
    assert list(indexes(settings)) == ["index.corp:8443", "one.corp", "two.corp", "uv.corp"]


@pytest.mark.parametrize(("proxy", "network"), [("http://127.0.0.1:9", "host"), ("http://proxy.corp:9", "bridge")])
def test_behind_a_proxy_of_the_machines_own_set_up_uses_that_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str, network: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    said: list[str] = []
    with way_out(DockerEngine(tmp_path), "image", REGISTRIES, said.append) as way:
        assert (way.network, way.settings["HTTPS_PROXY"]) == (network, proxy)
    assert said == ["set-up reaches what this machine's own proxy lets it"]
    with way_out(DockerEngine(tmp_path), "image", None, said.append) as way:
        assert (way.network, way.settings) == ("none", {})


def test_every_address_of_this_machine_is_an_inner_one() -> None:
    own = own_addresses()
    assert {"127.0.0.1", "::1"} <= set(own)
    assert {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} <= set(own)


HELLO = hello("example.com")
