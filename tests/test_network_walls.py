"""The allow list, attacked from inside of a sandbox; a container plays the internet."""

import json
import socket

import pytest

from sandboxes.base import Denied, Sandbox
from sandboxes.docker import DockerEngine
from sandboxes.sidecars import HELPER, own_addresses
from tests.network_support import arrived, ask, ask_all, get, tunnel
from tests.sandbox_support import containers

pytest_plugins = ("tests.sandbox_fixtures", "tests.network_fixtures")


def test_a_named_host_answers(fenced: Sandbox) -> None:
    assert get(fenced, "http://allowed.test/x").endswith("hello from outside\n")
    assert get(fenced, "http://sub.wild.test/").startswith("HTTP/1.1 200")
    assert "hello from outside" in tunnel(fenced, "allowed.test:443", "allowed.test")
    assert "hello from outside" in tunnel(fenced, "allowed.test:8443", "ALLOWED.test")


def test_programs_find_the_proxy_by_themselves(fenced: Sandbox) -> None:
    code = "import urllib.request as u; print(u.urlopen('http://allowed.test/').read().decode())"
    assert fenced.run(["python3", "-c", code]).stdout == b"hello from outside\n\n"
    failed = fenced.run("git ls-remote https://elsewhere.test/x.git", timeout=30)
    assert b"403" in failed.stdout


DENIED = [
    "http://other.test/", "http://wild.test/", "http://allowed.test.other.test/", "http://xallowed.test/",
    "http://allowed.test.:8080/", "http://allowed.test:22/", "http://198.51.100.2/", "http://[::1]/",
    "http://2130706433/", "http://0x7f.1/", "http://127.1/", "http://[::ffff:198.51.100.2]/", "http://localhost/",
    "http://127.0.0.1:3128/", "http://loop.test/", "http://private.test/", "http://meta.test/", "http://host.test/",
    "http://zero.test/", "http://mixed.test/", "http://mapped.test/", "http://unique.test/", "http://nat64.test/",
    "http://ports.test/", "http://allowed.test%00.other.test/", "http://169.254.169.254/latest/meta-data/",
]  # fmt: skip


def test_everything_else_is_denied_and_told(fenced: Sandbox) -> None:
    fenced.news()
    answers = ask_all(fenced, [f"GET {url} HTTP/1.1\r\nHost: {url.split('/')[2]}\r\n\r\n" for url in DENIED])
    assert [url for url, told in zip(DENIED, answers, strict=True) if not told.startswith("HTTP/1.1 403")] == []
    told = fenced.news()
    assert {n.host for n in told if isinstance(n, Denied)} >= {"other.test", "198.51.100.2", "meta.test", "localhost"}
    assert any("inner address 169.254.169.254" in n.why for n in told if isinstance(n, Denied))
    assert [n for n in told if isinstance(n, Denied) and n.host == "allowed.test"][0].why.startswith("the port")
    get(fenced, "http://other.test/again")
    assert fenced.news() == ()  # told once


def test_what_a_command_was_denied_is_known_when_it_has_ended(fenced: Sandbox) -> None:
    fenced.news()
    for number in range(20):
        get(fenced, f"http://number{number}.test/")
        assert [n.host for n in fenced.news() if isinstance(n, Denied)] == [f"number{number}.test"]


NOWHERE = [
    "other.test:443", "allowed.test:22", "allowed.test:80 ", "127.0.0.1:443", "[::1]:443", "meta.test:443",
    "allowed.test", "allowed.test:443@other.test:443", "loop.test:443", "allowed.test:0", "allowed.test:65979",
]  # fmt: skip


def test_no_tunnel_to_anywhere_else(fenced: Sandbox) -> None:
    answers = ask_all(fenced, [f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n" for target in NOWHERE])
    assert [t for t, told in zip(NOWHERE, answers, strict=True) if told[9:12] not in ("400", "403")] == []


def test_a_tunnel_carries_tls_to_the_host_it_was_asked_for_and_nothing_else(fenced: Sandbox) -> None:
    before = len(arrived(fenced)["seen"])
    fenced.news()
    assert "cut" in tunnel(fenced, "allowed.test:443", "other.test")
    assert "hello" not in tunnel(fenced, "allowed.test:443", "")  # no name at all
    assert "hello" not in tunnel(fenced, "allowed.test:443", "", "SSH-2.0-OpenSSH_9.2\r\n")
    assert "hello" not in tunnel(fenced, "allowed.test:443", "", "CONNECT other.test:443 HTTP/1.1\r\n\r\n")
    assert "hello" not in tunnel(fenced, "allowed.test:80", "", "GET / HTTP/1.1\r\nHost: other.test\r\n\r\n")
    assert [entry for entry in arrived(fenced)["seen"][before:] if entry and not entry.startswith("failed")] == []
    why = {n.why for n in fenced.news() if isinstance(n, Denied)}
    assert {"the TLS client wants other.test", "the TLS client names no server (SNI)"} <= why


SMUGGLED = [
    "GET http://allowed.test/a HTTP/1.1\r\nHost: other.test\r\n\r\n",
    "GET http://allowed.test/a HTTP/1.1\r\nHost: allowed.test\r\nHost: other.test\r\n\r\n",
    "GET http://allowed.test/a HTTP/1.1\r\n\r\n",
    "GET http://allowed.test@other.test/a HTTP/1.1\r\nHost: other.test\r\n\r\n",
    "GET http://other.test#@allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n",
    "GET http://other.test\\@allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n",
    "GET https://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n",
    "GET ftp://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n",
    "POST http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 5\r\n"
    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "POST http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: +5\r\n\r\nhello",
    "POST http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "POST http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "GET http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\nX: a\nHost: other.test\r\n\r\n",
    "GET http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\nX: a\r\n Host: other.test\r\n\r\n",
    "GET http://allowed.test/\x0bx HTTP/1.1\r\nHost: allowed.test\r\n\r\n",
    "GET  http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n",
    "GET http://allowed.test/ HTTP/2.0\r\nHost: allowed.test\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]  # fmt: skip


def test_a_request_that_can_be_read_in_two_ways_goes_nowhere(fenced: Sandbox) -> None:
    before = arrived(fenced)["seen"]
    answers = ask_all(fenced, SMUGGLED)
    assert [raw for raw, told in zip(SMUGGLED, answers, strict=True) if told[9:12] not in ("400", "403")] == []
    assert arrived(fenced)["seen"] == before


def test_what_follows_a_request_is_never_sent(fenced: Sandbox) -> None:
    second = "GET http://other.test/evil HTTP/1.1\r\nHost: other.test\r\n\r\n"
    for first in (
        "GET http://allowed.test/one HTTP/1.1\r\nHost: allowed.test\r\nConnection: keep-alive, host\r\n\r\n",
        "POST http://allowed.test/one HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 2\r\n\r\nok",
        "POST http://allowed.test/one HTTP/1.1\r\nHost: allowed.test\r\nTransfer-Encoding: chunked\r\n\r\n"
        "2\r\nok\r\n0\r\n\r\n",
        "GET http://allowed.test/one HTTP/1.1\r\nHost: allowed.test\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
    ):  # fmt: skip
        assert ask(fenced, first + second).startswith("HTTP/1.1 200")
        last = arrived(fenced)["seen"][-1]
        assert "other.test" not in last
        assert "upgrade" not in last.lower()
        assert last.lower().count("host:") == 1


def test_a_name_that_changes_its_address_is_looked_at_each_time(fenced: Sandbox) -> None:
    told = [get(fenced, "http://flip.test/").split(" ")[1] for _ in range(4)]
    assert told[0] == "200"
    assert told[-1] == "403"
    assert set(told) == {"200", "403"}


def test_names_outside_of_the_list_are_never_looked_up(fenced: Sandbox) -> None:
    get(fenced, "http://c2VjcmV0.other.test/")
    tunnel(fenced, "c2VjcmV0.other.test:443", "x")
    assert not any("c2vjcmv0" in name for name in arrived(fenced)["asked"])
    assert get(fenced, "http://missing.test/").startswith("HTTP/1.1 502")


def test_there_is_no_other_way_out(fenced: Sandbox) -> None:
    hosts = [*own_addresses(), "198.51.100.2", "1.1.1.1", "169.254.169.254", "host.docker.internal", "allowed.test"]
    code = f"""
import socket
for host in {hosts!r}:
    if host.startswith("127.") or host == "::1": continue
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        try:
            for family, _, _, _, address in socket.getaddrinfo(host, 53, type=kind):
                s = socket.socket(family, kind); s.settimeout(1); s.connect(address); print("reached", address)
        except OSError: pass
print(sorted(name for _, name in socket.if_nameindex()), open("/proc/net/route").read().count("\\n"))
"""
    assert fenced.run(["python3", "-c", code], timeout=60).stdout == b"['lo'] 1\n"
    assert fenced.run("ls /run/pod; cat /proc/1/root/run/pod/x").stdout.count(b"\n") == 2
    assert socket.gethostname() not in fenced.run("env; hostname").stdout.decode().split()


def test_the_walls_of_the_helpers(fenced: Sandbox, online: DockerEngine) -> None:
    found = {
        container["Labels"]["loopwright.purpose"]: online.client.inspect_container(container["Id"])
        for container in containers(online, run="fenced")
    }
    assert set(found) == {"test", "relay", "proxy"}
    for kind in ("relay", "proxy"):
        host = found[kind]["HostConfig"]
        assert (host["CapDrop"], host["CapAdd"], host["ReadonlyRootfs"], host["Privileged"]) == (
            ["ALL"],
            None,
            True,
            False,
        )
        assert (found[kind]["Config"]["User"], host["AutoRemove"]) == (f"{HELPER}:{HELPER}", True)
        assert [mount["Destination"] for mount in found[kind]["Mounts"]] == ["/run/pod"]
    assert found["relay"]["HostConfig"]["NetworkMode"] == "none"
    assert [mount["Destination"] for mount in found["test"]["Mounts"]] == ["/w"]
    assert "3128" in json.dumps(fenced.run("env").stdout.decode())


def test_a_person_beside_it_has_the_same_network(fenced: Sandbox, online: DockerEngine) -> None:
    session = online.terminal(fenced.id, writable=False)
    reach = "python3 -c 'import urllib.request as u; print(u.urlopen(\"http://{}/\").status)'; "
    session.stream.send(f"ls /sys/class/net; {reach.format('allowed.test')}{reach.format('no.test')}exit\r".encode())
    said = b""
    while data := session.stream.recv(1 << 16, 60):
        said += data
    session.close()
    assert b"\nlo\r\n200\r\n" in said
    assert b"HTTP Error 403: Forbidden" in said
    assert b"eth0" not in said


def test_a_host_is_allowed_while_the_sandbox_runs(fenced: Sandbox) -> None:
    assert get(fenced, "http://late.allowed.test/").startswith("HTTP/1.1 403")
    assert get(fenced, "http://other.test/").startswith("HTTP/1.1 403")
    assert fenced.allow("other.test:80")
    assert get(fenced, "http://other.test/").startswith("HTTP/1.1 200")
    assert ask(fenced, "CONNECT other.test:443 HTTP/1.1\r\nHost: x\r\n\r\n").startswith("HTTP/1.1 403")
    with pytest.raises(ValueError, match="host name"):
        fenced.allow("http://other.test/")


def test_without_a_network_nothing_can_be_allowed(box: Sandbox) -> None:
    assert not box.allow("other.test")
    assert box.news() == ()
