"""Images without Python: PID 1 is a shell, with the same walls, clock and replies."""

import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandboxes.base import FileRefused, Image, Resources, Sandbox, SandboxGone, SandboxUnavailable, Spec
from sandboxes.container import Container
from sandboxes.docker import DockerEngine
from sandboxes.plain import PlainLine
from sandboxes.stream import Stream
from tests.sandbox_support import GROW, containers
from tests.service_support import busybox
from tests.test_sandbox_deaths import harness, wait_until_gone
from tests.test_sandbox_hostile import chunk

pytest_plugins = ("tests.sandbox_fixtures",)


def without(engine: DockerEngine, image: str, files: str) -> str:
    """An image like that one, without some of its files."""
    client = engine.client
    made = client.create_container(image, entrypoint=["sh", "-c", f"rm -rf {files}"], command=[])["Id"]
    client.start(made)
    client.wait(made)
    labels = " ".join(f'"loopwright.{name}"=""' for name in ("image", "key", "source", "base", "layers"))
    less = client.commit(made, "loopwright-test-plain", secrets.token_hex(6), changes=f"LABEL {labels}")["Id"]
    client.remove_container(made)
    return str(less)


@pytest.fixture(scope="module")
def bare(docker_engine: DockerEngine, docker_image: Image) -> Iterator[str]:
    """The base image without its Python."""
    pythons = "/usr/bin/python3* /usr/local/bin/python3* /opt/venv /opt/loopwright"
    image = without(docker_engine, docker_image.id, pythons)
    yield image
    docker_engine.settle()
    docker_engine.client.remove_image(image, force=True)


@pytest.fixture(scope="module")
def plain(docker_engine: DockerEngine, bare: str, docker_seed: Path) -> Iterator[Sandbox]:
    spec = Spec(image=bare, seed=docker_seed, run="plain", purpose="p", resources=Resources(pids=100, memory_mb=256))
    with closing(docker_engine.open(spec)) as box:
        yield box


def left(box: Sandbox) -> list[bytes]:
    """Processes of the agent's besides the one that looks."""
    look = "for p in /proc/[0-9]*; do [ -O $p ] && tr '\\0' ' ' <$p/cmdline && echo; done 2>/dev/null"
    return [line for line in box.run(look).stdout.splitlines() if line.strip() and b"/proc/" not in line]


def test_commands_run_as_they_do_elsewhere(plain: Sandbox) -> None:
    assert plain.run("command -v python3").exit_code == 127 or plain.run("command -v python3").exit_code == 1
    assert plain.run("cat README; git status --porcelain").stdout == b"hello\n"
    assert plain.run("exit 7").exit_code == 7
    assert plain.run(["printf", "%s|", "a b", "'$x'"]).stdout == b"a b|'$x'|"
    assert plain.run("echo out; echo err >&2", merge=False).stderr == b"err\n"
    assert plain.run("cat | wc -c", stdin=b"x" * 200_001).stdout == b"200001\n"
    assert plain.run("echo $A; pwd", env={"A": "it's"}, cwd="/tmp").stdout == b"it's\n/tmp\n"
    assert plain.run("kill -9 $$").exit_code == 137


def test_the_walls_are_the_same(plain: Sandbox, docker_engine: DockerEngine) -> None:
    status = plain.run("cat /proc/self/status").stdout.decode()
    assert f"Uid:\t{docker_engine.uid}\t" in status
    assert "CapEff:\t0000000000000000" in status
    assert ("NoNewPrivs:\t1" in status, "Seccomp:\t2" in status) == (True, True)
    for line in ("kill -9 1", "cat /proc/1/mem", "echo x > /run/loopwright/late", "touch /etc/x", "ls /proc/1/fd"):
        assert plain.run(line).exit_code != 0
    assert plain.run("sleep 1000 & kill -9 -1; kill -9 $$").exit_code == 137
    forged = b"run 9 0 0 1 1 1 1 1 1 1 1 1 1\n!\n"
    assert plain.run("cat", stdin=forged).stdout == forged
    assert plain.run("(cat <&3) 2>/dev/null; ls /proc/self/fd | wc -l").stdout == b"4\n"


SLOW = ("sleep 1000", "setsid sleep 1000 & sleep 1000", "trap '' TERM; while :; do sleep 1; done", "kill -STOP $$")


@pytest.mark.parametrize("line", SLOW)
def test_a_deadline_is_kept(plain: Sandbox, line: str) -> None:
    result = plain.run(f"echo begun; {line}", timeout=0.4)
    assert (result.exit_code, result.timed_out, result.stdout) == (124, True, b"begun\n")
    assert plain.run("setsid sleep 1000 & echo done").stdout == b"done\n"
    assert left(plain) == []


def test_output_is_cut_in_the_middle(plain: Sandbox) -> None:
    long = plain.run("seq 1 100000", cap=1_000)
    assert (len(long.stdout), long.elided) == (1_000, 588_895 - 1_000)
    assert long.stdout.startswith(b"1\n2\n")
    assert long.stdout.endswith(b"\n100000\n")


def test_files_and_refusals(plain: Sandbox) -> None:
    for data in (b"", bytes(range(256)) * 500):
        plain.write("new/deep/file", data)
        assert plain.read("new/deep/file") == data
    plain.run("rm -r new; mkfifo /tmp/fifo")
    for path, why in (("/tmp/fifo", "not a regular"), ("/w/src", "directory"), ("/w/none", "No such"), ("README", "")):
        with pytest.raises(FileRefused) as refused:
            plain.read(path, limit=3)
        assert why in refused.value.why
    with pytest.raises(FileRefused):
        plain.write("/etc/x", b"x")
    with pytest.raises(FileRefused, match="need python3"):
        plain.start("sleep 1")
    plain.run("mkdir -p /tmp/a; touch /tmp/a/b")
    plain.reset()
    assert plain.run("ls -A /tmp").stdout == b""


def test_bombs_and_interrupts(plain: Sandbox) -> None:
    assert plain.run("x=x; while :; do x=$x$x; done", timeout=60).bomb == "oom"
    assert plain.run("b() { b | b & }; b; sleep 1000", timeout=1).bomb == "pids"
    # what ends it and what keeps its output need no process that it has not left them
    assert plain.run("while :; do echo aaaaaaaaaaaa; done & b() { b | b & }; b; sleep 1000", timeout=1).bomb == "pids"
    assert plain.run("while :; do setsid sh -c 'sleep 1000 & sleep 1000' & done", timeout=1).bomb == "pids"
    assert left(plain) == []
    threading.Timer(0.3, plain.interrupt).start()
    assert plain.run("sleep 1000", timeout=300).exit_code == 137
    plain.interrupt()
    assert plain.run("echo next").stdout == b"next\n"


def test_without_overlays_as_well(tmp_path: Path, bare: str, docker_seed: Path) -> None:
    engine = DockerEngine(tmp_path / "ho,me")
    for workspace in (None, "w"):
        spec = Spec(
            image=bare, seed=docker_seed, run="bare", purpose="p", workspace=workspace, resources=Resources(disk_mb=16)
        )
        with closing(engine.open(spec)) as box:
            assert box.run("cat README; git status --porcelain").stdout == b"hello\n"
            if workspace:
                assert [box.run(GROW, timeout=100).bomb for _ in range(2)] == ["disk", "disk"]
                assert box.run("rm -f f*; sleep 0.7").bomb == ""
                assert box.run("sleep 0.7").bomb == ""
    engine.settle()
    engine.discard("bare")
    assert containers(engine, run="bare") == []


def test_the_container_dies_with_its_harness(
    docker_engine: DockerEngine, docker_image: Image, bare: str, docker_seed: Path
) -> None:
    child = harness(docker_engine, msgspec.structs.replace(docker_image, id=bare), docker_seed, "plain-switch")
    assert child.stdout is not None
    assert [child.stdout.readline(), child.stdout.readline()] == ["ready\n", "open\n"]
    child.kill()
    child.wait()
    wait_until_gone(docker_engine, "plain-switch")
    docker_engine.gc()


def test_an_image_in_which_nobody_can_become_the_agent_is_refused(
    docker_engine: DockerEngine, bare: str, docker_seed: Path
) -> None:
    image = without(docker_engine, bare, "/usr/bin/setpriv /usr/bin/su /bin/su")
    with pytest.raises(SandboxUnavailable) as refused:
        docker_engine.open(Spec(image=image, seed=docker_seed, run="nobody", purpose="p"))
    assert f"neither setpriv nor su makes a command user {docker_engine.uid}" in refused.value.why
    assert "setpriv" in refused.value.fix
    docker_engine.settle()
    assert containers(docker_engine, run="nobody") == []
    docker_engine.client.remove_image(image, force=True)


@pytest.mark.soak
def test_busybox_is_enough(docker_engine: DockerEngine, docker_image: Image, docker_seed: Path, tmp_path: Path) -> None:
    image = busybox(docker_engine, docker_image.id)
    spec = Spec(image=image, seed=docker_seed, run="box", purpose="p", resources=Resources(pids=100, memory_mb=256))
    with closing(docker_engine.open(spec)) as box:
        test_commands_run_as_they_do_elsewhere(box)
        test_the_walls_are_the_same(box, docker_engine)
        for line in SLOW:
            test_a_deadline_is_kept(box, line)
        test_output_is_cut_in_the_middle(box)
        test_files_and_refusals(box)
        test_bombs_and_interrupts(box)
    test_without_overlays_as_well(tmp_path, image, docker_seed)


LIES = (
    b"", b"run\n", b"run 1 999 0 0 0 0 0 0 0 0 0 0 0\n", b"run 2 0 0 0 0 0 0 0 0 0 0 0 0\n", b"x" * 1_000,
    b"run 1 0 0 0 0 0 0 99999999 0 0 0 0 0\n", b"hello 00 1000\n", b"run 1 0 0 0 0 0 0 5 0 0 0 0 0\nxx",
)  # fmt: skip


def test_the_honest_reply_is_understood() -> None:
    result = answered(b"run 1 3 0 1 0 2 0 2 0 0 0 0 0\nok").run("true", cap=100)
    assert (result.exit_code, result.stdout, result.bomb) == (3, b"ok", "oom")


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_ends_the_sandbox(lie: bytes) -> None:
    with pytest.raises(SandboxGone):
        answered(lie).run("true", cap=100)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_are_never_an_answer(data: bytes) -> None:
    with pytest.raises(SandboxGone):
        answered(data).run("true", cap=100)


def answered(data: bytes) -> Container:
    """A container whose PID 1 says this and hangs up."""
    ours, theirs = socket.socketpair()
    stream = Stream(ours)
    line = PlainLine(stream)
    line._env = {}
    theirs.sendall(chunk(data) if data else b"")
    theirs.shutdown(socket.SHUT_WR)
    box = Container("fake", line, lambda: "", stream.close)
    box._keep = theirs  # type: ignore[attr-defined]
    return box
