"""Engines on other machines: over SSH with a real server, and over a line that falls silent."""

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests

from sandboxes.base import Image, SandboxUnavailable, Spec
from sandboxes.connect import connect, is_local
from sandboxes.docker import DockerEngine
from sandboxes.stream import attach
from sandboxes.tunnel import PREFIX, SETTLED, sweep, target
from tests.sandbox_support import Relay, containers, until, volumes
from tests.service_support import redis

pytest_plugins = ("tests.sandbox_fixtures",)
ROOT = Path(__file__).parent.parent
SERVER = """
mkdir -p /run/sshd; echo "$KEY" > /tmp/keys; ssh-keygen -A >/dev/null
exec /usr/sbin/sshd -D -e -o UsePAM=no -o StrictModes=no -o AuthorizedKeysFile=/tmp/keys
"""


def test_no_request_waits_for_ever_for_an_engine_that_falls_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    relay = Relay()
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{relay.port}")
    monkeypatch.setattr("sandboxes.connect.REQUEST_SECONDS", 0.3)
    client, _ = connect()
    relay.freeze()
    for ask in (lambda: attach(client, "x"), lambda: client.wait("x"), lambda: client.exec_start("x", socket=True)):
        with pytest.raises(requests.RequestException):
            ask()
    relay.cut()
    relay.flows.set()
    relay.server.close()


def test_on_a_line_that_falls_silent_everything_ends_by_itself(
    tmp_path: Path, docker_engine: DockerEngine, docker_image: Image, docker_seed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = Relay()
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{relay.port}")
    remote = DockerEngine(tmp_path / "home", ttl=3)
    box = remote.open(Spec(image=docker_image.id, seed=docker_seed, run="silent", purpose="p", allow=()))
    idle = remote.open(Spec(image=docker_image.id, seed=docker_seed, run="silent", purpose="idle"))
    assert box.run("sleep 4; echo longer than that", timeout=30).stdout == b"longer than that\n"
    assert idle.run("echo and still here").stdout == b"and still here\n"  # nothing was asked of it meanwhile

    monkeypatch.delenv("DOCKER_HOST")
    near = DockerEngine(tmp_path / "home")
    assert len(containers(near, run="silent")) == 4
    relay.freeze()
    until(lambda: containers(near, run="silent") == [])
    relay.cut()
    box.close()
    idle.close()
    near.discard("silent")
    assert volumes(near, "silent") == []
    relay.server.close()


@pytest.fixture(scope="module")
def far(docker_engine: DockerEngine, docker_image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A machine with an SSH server and the engine's socket; `ssh` on the PATH has its key."""
    place = tmp_path_factory.mktemp("ssh")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", place / "key"], check=True)
    config = (
        f"Host *\n IdentityFile {place}/key\n UserKnownHostsFile {place}/known\n StrictHostKeyChecking accept-new\n"
    )
    (place / "config").write_text(config)
    wrapper = place / "ssh"
    wrapper.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {place}/config "$@"\n')
    wrapper.chmod(0o755)
    client = docker_engine.client
    container = client.create_container(
        redis(docker_engine, docker_image.id),
        entrypoint=["/bin/sh", "-c", SERVER],
        name=f"loopwright-test-ssh-{secrets.token_hex(4)}",
        environment={"KEY": (place / "key.pub").read_text()},
        host_config=client.create_host_config(
            auto_remove=True, binds=["/var/run/docker.sock:/var/run/docker.sock"], network_mode="bridge"
        ),
    )["Id"]
    output = client.attach(container, stream=True, stderr=True)
    client.start(container)
    for said in output:
        if b"listening" in said:
            break
    address = client.inspect_container(container)["NetworkSettings"]["IPAddress"]
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{place}:{before}"
    yield f"ssh://root@{address}"
    os.environ["PATH"] = before
    client.remove_container(container, force=True)


def test_an_engine_behind_ssh(
    far: str, tmp_path: Path, docker_image: Image, docker_seed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", far)
    engine = DockerEngine(tmp_path / "home")
    client, how = engine.connection()
    assert (is_local(client), how, engine.ttl) == (False, f"DOCKER_HOST={far}", 60)
    assert not engine.overlays(docker_seed)[0]
    spec = Spec(image=docker_image.id, seed=docker_seed, run="far", purpose="p", workspace="w")
    with closing(engine.open(spec)) as box:
        assert box.run("cat README; git status --porcelain").stdout == b"hello\n"
        box.write("kept", b"x" * 3_000_000)
    client.tunnel.close()  # the line breaks: the next sandbox makes a new one, and the work tree is there
    with closing(engine.open(spec)) as box:
        assert box.read("kept", limit=4_000_000) == b"x" * 3_000_000
    engine.settle()
    engine.discard("far")
    assert volumes(engine, "far") == []


KILLED = """
import signal, sys
from pathlib import Path
from sandboxes import Spec, engine
home, image, seed = sys.argv[1:]
box = engine("docker", Path(home)).open(Spec(image=image, seed=Path(seed), run="farther", purpose="p"))
print("open", flush=True)
signal.pause()
"""


def test_behind_ssh_too_nothing_outlives_a_killed_harness(
    far: str, docker_engine: DockerEngine, docker_image: Image, docker_seed: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(docker_engine.home), docker_image.id, str(docker_seed)],
        stdout=subprocess.PIPE,
        env={**os.environ, "DOCKER_HOST": far},
        cwd=ROOT,
    )
    assert process.stdout
    assert process.stdout.readline() == b"open\n"
    assert len(containers(docker_engine, run="farther")) == 1
    process.kill()
    process.communicate()
    until(lambda: containers(docker_engine, run="farther") == [])
    docker_engine.gc()


def test_what_killed_harnesses_left_is_removed_and_what_somebody_uses_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead, live, young = (tmp_path / f"{PREFIX}{name}" for name in "dly")
    for place in (dead, live, young):
        place.mkdir()
    with closing(socket.socket(socket.AF_UNIX)) as used:
        used.bind(str(live / "docker.sock"))
        used.listen()
        for place in (dead, live):
            os.utime(place, (0, time.time() - SETTLED - 1))
        sweep()
    assert [place.exists() for place in (dead, live, young)] == [False, True, True]


def test_one_that_does_not_answer_says_what_ssh_said(far: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"{far}:1")
    with pytest.raises(SandboxUnavailable) as refused:
        _ = DockerEngine(tmp_path / "home").client
    assert "Connection refused" in refused.value.why


@pytest.mark.parametrize(
    "url",
    ["ssh://", "ssh://-oProxyCommand=touch x", "ssh://-oProxyCommand=x/", "ssh://a b", "ssh://host:x", "ssh://u:p@host",
     "ssh://host/a:b", "ssh://$(touch x)", "ssh://-l@host", "ssh://host;x"],
)  # fmt: skip
def test_an_address_is_never_an_option_or_a_command(url: str) -> None:
    with pytest.raises(ConnectionError):
        target(url)


def test_what_an_address_says() -> None:
    assert target("ssh://me@host:2222/run/user/1000/docker.sock") == ("me@host", 2222, "/run/user/1000/docker.sock")
    assert target("ssh://host") == ("host", None, "/var/run/docker.sock")
