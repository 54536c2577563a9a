"""Deaths: of the harness, of the container, of the engine's connection. What is left, and what is not."""

import io
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from sandboxes.base import Image, SandboxGone, SandboxUnavailable, Spec
from sandboxes.docker import DockerEngine
from tests.sandbox_support import Opener, Relay, containers, until, volumes

pytest_plugins = ("tests.sandbox_fixtures",)

CHILD = """
import sys, time
from pathlib import Path
from sandboxes.base import Spec
from sandboxes.docker import DockerEngine
home, image, seed, run, workspace, delay = sys.argv[1:]
engine = DockerEngine(Path(home))
engine.client
print("ready", flush=True)
box = engine.open(Spec(image=image, seed=Path(seed), run=run, purpose="maker", workspace=workspace or None))
box.write("written", b"1")
print("open", flush=True)
box.run("setsid sleep 1000 & sleep 1000", timeout=2000)
"""


def harness(engine: DockerEngine, image: Image, seed: Path, run: str, workspace: str = "") -> subprocess.Popen[str]:
    """Another process that opens a sandbox and runs a long command in it."""
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(engine.home), image.id, str(seed), run, workspace, ""],
        stdout=subprocess.PIPE,
        text=True,
    )


def wait_until_gone(engine: DockerEngine, run: str) -> None:
    """The container ends with its harness; nobody removes it. The time limit is of the test, not of the claim."""
    deadline = time.monotonic() + 120
    while containers(engine, run=run):
        assert time.monotonic() < deadline, "the container outlives its harness"
        time.sleep(0.05)


def test_the_container_dies_with_its_harness(
    docker_engine: DockerEngine, docker_image: Image, docker_seed: Path
) -> None:
    child = harness(docker_engine, docker_image, docker_seed, "switch", "w")
    assert child.stdout is not None
    assert [child.stdout.readline(), child.stdout.readline()] == ["ready\n", "open\n"]
    throwaway = harness(docker_engine, docker_image, docker_seed, "switch")
    assert throwaway.stdout is not None
    assert [throwaway.stdout.readline(), throwaway.stdout.readline()] == ["ready\n", "open\n"]
    assert len(containers(docker_engine, run="switch")) == 2
    assert docker_engine.gc() == ()
    for process in (child, throwaway):
        process.kill()
        process.wait()
    wait_until_gone(docker_engine, "switch")
    assert len(volumes(docker_engine, "switch")) == 2

    removed = docker_engine.gc(keep=frozenset({"switch"}))
    assert [line.rpartition("-")[0] for line in removed] == ["workspace switch/maker"]
    assert len(volumes(docker_engine, "switch")) == 1
    spec = Spec(image=docker_image.id, seed=docker_seed, run="switch", purpose="maker", workspace="w")
    with closing(docker_engine.open(spec)) as box:
        assert box.read("written") == b"1"
    docker_engine.settle()
    docker_engine.discard("switch")
    assert (volumes(docker_engine, "switch"), docker_engine.gc()) == ([], ())


@pytest.mark.parametrize("point", [0, 2, 4, 6, *(pytest.param(n / 4, marks=pytest.mark.soak) for n in range(60))])
def test_killed_at_any_point_leaves_nothing(
    docker_engine: DockerEngine, docker_image: Image, docker_seed: Path, point: float
) -> None:
    run = f"random-{point}".replace(".", "-")
    child = harness(docker_engine, docker_image, docker_seed, run)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    time.sleep(point * 0.05)
    child.kill()
    child.wait()
    deadline = time.monotonic() + 120
    while containers(docker_engine, run=run) or volumes(docker_engine, run):
        assert time.monotonic() < deadline, "the killed harness leaves something that gc does not take"
        docker_engine.gc()  # more than once: see the next test
    docker_engine.gc()
    assert not (docker_engine.home / "work" / run).exists()


class Held(Relay):
    """The engine's socket behind another one, which keeps the request for a container until it is let go."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.flows.clear()
        self.asked = threading.Event()

    def carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):  # it carries for a process that is killed
            while data := source.recv(1 << 16):
                if b"/containers/create" in data:
                    head, _, body = data.partition(b"\r\n\r\n")
                    missing = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]) - len(body)
                    while missing > 0:  # what is killed too soon has asked for nothing
                        data += (more := source.recv(1 << 16))
                        missing -= len(more)
                    self.asked.set()
                    self.flows.wait()
                sink.sendall(data)


def test_what_the_engine_is_only_just_making_for_the_dead_is_found_the_next_time(
    docker_engine: DockerEngine, docker_image: Image, docker_seed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        relay = Held(Path(directory, "docker.sock"))
        monkeypatch.setenv("DOCKER_HOST", f"unix://{directory}/docker.sock")
        child = harness(docker_engine, docker_image, docker_seed, "late")
        assert relay.asked.wait(60)
        child.kill()
        child.communicate()
        assert [line.split("/")[0] for line in docker_engine.gc()] == ["workspace late"]
        assert (containers(docker_engine, run="late"), volumes(docker_engine, "late")) == ([], [])
        relay.flows.set()
        until(lambda: len(containers(docker_engine, run="late")) == 1)
        assert [made["State"] for made in containers(docker_engine, run="late")] == ["created"]
        assert [line.split()[0] for line in docker_engine.gc()] == ["container", "volume"]
        assert (containers(docker_engine, run="late"), volumes(docker_engine, "late")) == ([], [])
        relay.server.close()


def test_another_homes_things_are_left_alone(
    docker_engine: DockerEngine, docker_image: Image, docker_seed: Path, tmp_path: Path
) -> None:
    other = DockerEngine(tmp_path / "other")
    child = harness(other, docker_image, docker_seed, "foreign", "w")
    assert child.stdout is not None
    assert [child.stdout.readline(), child.stdout.readline()] == ["ready\n", "open\n"]
    child.kill()
    child.wait()
    wait_until_gone(other, "foreign")
    assert docker_engine.gc() == ()
    docker_engine.discard("foreign")
    assert len(volumes(other, "foreign")) == 1
    assert other.gc() == ("workspace foreign/w",)


def test_a_container_removed_from_outside(open_box: Opener, docker_engine: DockerEngine) -> None:
    box = open_box()
    threading.Timer(0.3, lambda: docker_engine.client.remove_container(box.id, force=True)).start()
    with pytest.raises(SandboxGone) as gone:
        box.run("sleep 1000", timeout=2000)
    assert (gone.value.what, gone.value.fix) == (f"sandbox {box.id} is gone", "open another one")
    with pytest.raises(SandboxGone):
        box.write("x", b"")
    box.close()
    box.close()


def test_closing_ends_a_command_in_another_thread(open_box: Opener) -> None:
    box = open_box()
    threading.Timer(0.3, box.close).start()
    with pytest.raises(SandboxGone):
        box.run("sleep 1000", timeout=2000)


def test_an_image_that_cannot_run_the_runner_leaves_no_container(
    docker_engine: DockerEngine, docker_seed: Path
) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("empty"))
    text = docker_engine.client.import_image_from_data(buffer.getvalue())
    image = str(text).rpartition('"status":"')[2].partition('"')[0]
    with pytest.raises(SandboxUnavailable) as refused:
        docker_engine.open(Spec(image=image, seed=docker_seed, run="empty", purpose="p"))
    assert "/bin/sh" in refused.value.why  # what is tried last, where there is no Python
    assert (containers(docker_engine, run="empty"), volumes(docker_engine, "empty")) == ([], [])
    assert not (docker_engine.home / "work/empty").exists()
    docker_engine.client.remove_image(image)


def test_an_engine_over_tcp_and_the_day_its_line_breaks(
    tmp_path: Path, docker_engine: DockerEngine, docker_image: Image, docker_seed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = Relay()
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{relay.port}")
    remote = DockerEngine(tmp_path / "home")
    spec = Spec(image=docker_image.id, seed=docker_seed, run="remote", purpose="p", workspace="w")
    assert remote.workspace_mode(spec) == "volume"
    box = remote.open(spec)
    assert box.run("cat README; git status --porcelain").stdout == b"hello\n"
    box.write("kept", b"x" * 1_000_000)
    assert len(containers(remote, run="remote")) == 1

    threading.Timer(0.3, relay.cut).start()
    with pytest.raises(SandboxGone):
        box.run("sleep 1000", timeout=2000)
    wait_until_gone(remote, "remote")
    with closing(remote.open(spec)) as box:
        assert box.read("kept") == b"x" * 1_000_000
    remote.settle()
    remote.discard("remote")
    assert volumes(remote, "remote") == []
    relay.server.close()
