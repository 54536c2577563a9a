"""A sandbox by itself: opened, used, closed; beside what a plain container costs in the same minute."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import msgspec
from docker.errors import APIError, NotFound

from bench import figures
from bench.context import Context
from bench.figures import Figure
from harness.journal import Journal
from harness.repo import Store, discover, resolve
from sandboxes import Resources, Sandbox, Spec
from sandboxes.docker import DockerEngine

COMMANDS = 20
"""In each sandbox."""
PLAIN = "a plain container: create, start, exec_run"
OPENED = 5
"""Times `runs`, so that there are enough to speak of a 95th percentile."""
REFUSED = """
import socket, time
for host in ("1.1.1.1", "169.254.169.254", "10.0.0.1", "172.17.0.1", "192.0.2.1", "2606:4700::1111", "::ffff:1.1.1.1",
             "host.docker.internal", "example.com", "localhost"):
    began = time.perf_counter()
    try:
        for family, kind, _, _, address in socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM):
            socket.socket(family, kind).connect(address)
    except OSError: print(1000 * (time.perf_counter() - began))
"""
"""Prints the milliseconds of each refusal. Nothing waits by itself: what takes long is waiting for an answer."""
LIMIT_MB = 1_024
BOMB = "i=0; while :; do i=$((i+1)); head -c 64000000 /dev/zero > bomb$i; done"
PATIENCE = 30.0


def measure(context: Context) -> Iterator[Figure]:
    """Sandboxes and plain containers in turn."""
    engine, spec = workplace(context)
    opened: list[float] = []
    closed: list[float] = []
    gone: list[float] = []
    hosts: list[float] = []
    plain: list[float] = []
    ours: list[float] = []
    execs: list[float] = []
    for _ in range(OPENED * context.runs):
        began = time.perf_counter()
        sandbox = engine.open(spec)
        _true(sandbox)
        opened.append(time.perf_counter() - began)
        # each kind in a row: the engine is busy with an exec for some time after its answer
        ours += [1000 * seconds(_true, sandbox) for _ in range(COMMANDS)]
        execs += [1000 * seconds(_exec, engine.client, sandbox.id) for _ in range(COMMANDS)]
        began = time.perf_counter()
        sandbox.close()
        closed.append(1000 * (time.perf_counter() - began))
        wait_gone(engine.client, sandbox.id)
        gone.append(1000 * (time.perf_counter() - began))
        plain.append(bare(engine.client, spec.image))
    for _ in range(2 * context.runs):
        hosts.append(seconds(_with_hosts, engine, spec))
    yield figures.of("open", opened, beside=(PLAIN, plain))
    yield figures.of("open_hosts", hosts, beside=("without a network", opened))
    yield figures.of("command", ours, beside=("exec_run of the SDK", execs))
    yield figures.of("close", closed)
    yield figures.of("gone", gone)
    if context.wants("refused"):
        yield _refused(engine, spec)
    if context.wants("outgrown"):
        yield figures.of("outgrown", [_outgrown(engine, spec) for _ in range(context.runs)])


def workplace(context: Context) -> tuple[DockerEngine, Spec]:
    """An engine, and the sandbox of the warm house's last run."""
    house = context.house
    with Journal(house.home / "journal.db") as journal:
        run = journal.resolve("last")
        created = journal.state(run).created
    assert created is not None
    repository = discover(house.repo)
    base = resolve(repository, created.base)
    engine = DockerEngine(house.home)
    store = Store(house.home, repository)
    try:
        seed = store.seed(base, engine.uid)
    finally:
        store.close()
    return engine, Spec(image=created.image, seed=seed, run=run, purpose="bench")


def seconds(what: Callable[..., object], *args: object) -> float:
    """How long it takes."""
    began = time.perf_counter()
    what(*args)
    return time.perf_counter() - began


def _with_hosts(engine: DockerEngine, spec: Spec) -> None:
    """The first answer of a sandbox with relay and proxy; it is removed in the background."""
    sandbox = engine.open(msgspec.structs.replace(spec, allow=("example.com",)))
    _true(sandbox)
    sandbox.close()


def _true(sandbox: Sandbox) -> None:
    if sandbox.run("true").exit_code != 0:
        raise figures.Unmeasurable("the sandbox cannot run `true`")


def _exec(client: Any, container: str) -> None:
    made = client.exec_create(container, ["/bin/sh", "-c", "true"])["Id"]
    client.exec_start(made)
    if client.exec_inspect(made)["ExitCode"] != 0:
        raise figures.Unmeasurable("the engine cannot run `true`")


def _refused(engine: DockerEngine, spec: Spec) -> Figure:
    """The slowest of ten attempts to reach something."""
    with closing(engine.open(spec)) as box:
        told = [float(line) for line in box.run(["python3", "-c", REFUSED]).stdout.split()]
    if len(told) != 10:
        raise figures.Unmeasurable(f"{10 - len(told)} of ten attempts were not refused")
    return Figure(name="refused", value=max(told), beside=("the median of them", statistics.median(told)))


def _outgrown(engine: DockerEngine, spec: Spec) -> float:
    """Per cent by which a command that writes as fast as it can has outgrown its workspace when it is dead."""
    with closing(engine.open(msgspec.structs.replace(spec, resources=Resources(disk_mb=LIMIT_MB)))) as box:
        if box.run(BOMB, timeout=300).bomb != "disk":
            raise figures.Unmeasurable("the bomb was not stopped for the disk")
        found = box.run("du -cm bomb* | tail -n 1 | cut -f 1").stdout
        return 100 * max(0.0, int(found) / LIMIT_MB - 1)


def bare(client: Any, image: str) -> float:
    """Seconds until a container without any of our walls but the missing network has answered."""
    began = time.perf_counter()
    host = client.create_host_config(network_mode="none")
    container = client.create_container(image=image, entrypoint=["sleep", "60"], host_config=host)["Id"]
    try:
        client.start(container)
        _exec(client, container)
        return time.perf_counter() - began
    finally:
        client.remove_container(container, force=True)


def wait_gone(client: Any, container: str) -> None:
    """Return once the engine no longer knows the container."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            client.inspect_container(container)
        except NotFound:
            return
        except APIError as error:
            if error.status_code != 409:
                raise
        time.sleep(0.01)
    raise figures.Unmeasurable(f"the container is still there after {PATIENCE:.0f} s")
