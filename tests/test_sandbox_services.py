"""Services beside a sandbox: a real Redis at localhost, and what becomes of it."""

import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from sandboxes.base import Image, Sandbox, SandboxUnavailable, Service, ServiceDown, ServiceUp, Spec
from sandboxes.docker import DockerEngine
from tests.sandbox_support import Opener, containers, until, volumes
from tests.service_support import postgres, redis

pytest_plugins = ("tests.sandbox_fixtures",)
ROOT = Path(__file__).parent.parent
ASK = """\
import socket, sys
with socket.create_connection(("localhost", 6379), 5) as s:
    s.sendall(sys.argv[1].encode() + b"\\r\\n"); print(s.recv(9999).decode())
"""


def say(box: Sandbox, line: str) -> str:
    """What Redis answers to an inline command."""
    return box.run(["python3", "-c", ASK, line]).stdout.decode().strip()


@pytest.fixture(scope="module")
def cache(docker_engine: DockerEngine, docker_image: Image) -> Service:
    return Service(name="cache", image=redis(docker_engine, docker_image.id), port=6379)


def test_a_service_answers_at_localhost_and_ends_with_its_sandbox(
    open_box: Opener, docker_engine: DockerEngine, cache: Service
) -> None:
    box = open_box(run="served", services=(cache,))
    (up,) = box.news()
    assert isinstance(up, ServiceUp)
    assert (up.service, up.image, up.port) == ("cache", cache.image, 6379)
    assert say(box, "PING") == "+PONG"
    assert say(box, "SET a 1") == "+OK"
    other = open_box(run="served-too", services=(cache,))
    assert say(other, "GET a") == "$-1"  # fresh: nothing of another sandbox's is in it

    # its processes are out of sight, and so is everybody else's network
    assert b"redis" not in box.run("cat /proc/[0-9]*/cmdline").stdout
    assert box.run("ls /sys/class/net; wc -l < /proc/net/route").stdout == b"lo\n1\n"
    assert not box.allow("example.com")

    found = {c["Labels"]["loopwright.purpose"]: c["Id"] for c in containers(docker_engine, run="served")}
    assert set(found) == {"test", "relay", "service"}
    host = docker_engine.client.inspect_container(found["service"])["HostConfig"]
    assert host["NetworkMode"] == host["PidMode"] == "container:" + found["relay"]
    assert (host["CapDrop"], host["Privileged"], host["Binds"]) == (["ALL"], False, None)
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert (host["Memory"], host["PidsLimit"]) == (1 << 30, 512)

    box.close()
    (down,) = box.news()
    assert isinstance(down, ServiceDown)
    assert (down.service, down.why) == ("cache", "its sandbox was closed")
    assert "Ready to accept connections" in down.log
    docker_engine.settle()
    assert containers(docker_engine, run="served") == []
    assert len(containers(docker_engine, run="served-too")) == 3


def test_a_service_is_ready_when_its_own_check_says_so(open_box: Opener, cache: Service) -> None:
    check = Service(name="cache", image=cache.image, port=6379, ready="redis-cli ping | grep -q PONG", env={"A": "b c"})
    box = open_box(services=(check,))
    assert say(box, "PING") == "+PONG"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"ready": "false", "seconds": 1}, "was not ready after 1 s"),
        ({"ready": "exec sleep 3600", "seconds": 1}, "was not ready after 1 s"),
        ({"image": ""}, "it ended while it was starting"),
    ],
)
def test_one_that_does_not_run_says_why_and_leaves_nothing(
    open_box: Opener,
    docker_engine: DockerEngine,
    docker_image: Image,
    cache: Service,
    wrong: dict[str, object],
    words: str,
) -> None:
    given = {"name": "cache", "image": cache.image, "port": 6379} | wrong
    if not given["image"]:
        given["image"] = "loopwright:base"  # its program is a shell without input: it ends at once
    with pytest.raises(SandboxUnavailable, match="cache") as failed:
        open_box(run="unserved", services=(Service(**given),))  # type: ignore[arg-type]
    assert words in failed.value.why
    docker_engine.settle()
    assert containers(docker_engine, run="unserved") == []
    assert volumes(docker_engine, "unserved") == []


def test_waiting_for_a_service_can_be_given_up(open_box: Opener, docker_engine: DockerEngine, cache: Service) -> None:
    never = Service(name="cache", image=cache.image, port=6379, ready="touch /tmp/asked; false", seconds=3_600)
    over = threading.Event()

    def interrupt() -> None:
        while not over.wait(0.2):
            docker_engine.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(SandboxUnavailable) as given_up:
            open_box(run="given-up", services=(never,), allow=())
    finally:
        over.set()
        thread.join()
    assert "given up" in f"{given_up.value.what} {given_up.value.why}"
    docker_engine.settle()
    assert containers(docker_engine, run="given-up") == []


def test_a_service_that_dies_is_told(open_box: Opener, cache: Service) -> None:
    box = open_box(services=(cache,))
    box.news()
    say(box, "SHUTDOWN NOSAVE")
    told: list[object] = []
    until(lambda: bool(told.extend(box.news()) or told))
    assert isinstance(told[0], ServiceDown)
    assert told[0].why == "it ended by itself"
    assert "ready to exit" in told[0].log
    assert box.run("echo still here").stdout == b"still here\n"


def test_two_services_cannot_share_a_port_or_take_the_proxys(open_box: Opener, cache: Service) -> None:
    twice = Service(name="twice", image=cache.image, port=6379)
    for services in (
        (cache, twice),
        (Service(name="x", image="x", port=3128),),
        (Service(name="a b", image="x", port=1),),
    ):
        with pytest.raises(SandboxUnavailable):
            open_box(services=services)


@pytest.mark.soak
def test_a_real_postgresql(open_box: Opener, docker_engine: DockerEngine, docker_image: Image) -> None:
    image = postgres(docker_engine, docker_image.id)
    database = Service(
        name="db", image=image, port=5432, env={"POSTGRES_PASSWORD": "test"}, ready="pg_isready -h localhost"
    )
    box = open_box(image=image, services=(database,), env={"PGPASSWORD": "test"})
    ask = ["psql", "-h", "localhost", "-U", "postgres", "-tAc"]
    assert box.run([*ask, "create table t as select generate_series(1, 100000) n"]).exit_code == 0
    assert box.run([*ask, "select sum(n) from t"]).stdout == b"5000050000\n"
    assert b"password authentication failed" in box.run([*ask, "select 1"], env={"PGPASSWORD": "wrong"}).stdout
    other = open_box(image=image, services=(database,), env={"PGPASSWORD": "test"})
    assert b"does not exist" in other.run([*ask, "select 1 from t"]).stdout
    box.close()
    (up, down) = box.news()
    assert isinstance(up, ServiceUp)
    assert isinstance(down, ServiceDown)
    assert "database system is ready to accept connections" in down.log


KILLED = """
import os, signal, sys
from pathlib import Path
from sandboxes import Service, Spec, engine
home, image, seed, redis = sys.argv[1:]
box = engine("docker", Path(home)).open(Spec(image=image, seed=Path(seed), run="killed", purpose="p",
    allow=("example.com",), services=(Service(name="cache", image=redis, port=6379),)))
print("open", flush=True)
signal.pause()
"""


def test_all_of_it_dies_with_a_killed_harness(
    docker_engine: DockerEngine, docker_image: Image, docker_seed: Path, cache: Service
) -> None:
    arguments = [str(docker_engine.home), docker_image.id, str(docker_seed), cache.image]
    process = subprocess.Popen([sys.executable, "-c", KILLED, *arguments], stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout
    assert process.stdout.readline() == b"open\n"
    assert len(containers(docker_engine, run="killed")) == 4
    process.kill()
    process.communicate()
    until(lambda: containers(docker_engine, run="killed") == [])
    assert any(name.startswith("volume") for name in docker_engine.gc())
    assert volumes(docker_engine, "killed") == []


def test_a_run_is_discarded_with_all_that_stands_beside_it(
    tmp_path: Path, docker_image: Image, docker_seed: Path, cache: Service
) -> None:
    engine = DockerEngine(tmp_path / "home")
    spec = Spec(image=docker_image.id, seed=docker_seed, run="gone", purpose="p", services=(cache,), allow=())
    with closing(engine.open(spec)):
        engine.discard("gone")
        assert containers(engine, run="gone") == []
        assert volumes(engine, "gone") == []
    engine.settle()
