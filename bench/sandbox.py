"""A sandbox by itself: opened, used, closed; beside what a plain container costs in the same minute."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from docker.errors import APIError, NotFound

from bench import figures
from bench.context import Context
from bench.figures import Figure
from harness.journal import Journal
from harness.repo import Store, discover, resolve
from sandboxes import Sandbox, Spec
from sandboxes.docker import DockerEngine

COMMANDS = 20
"""In each sandbox."""
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
    for _ in range(2 * context.runs):
        began = time.perf_counter()
        sandbox = engine.open(spec)
        _true(sandbox)
        opened.append(time.perf_counter() - began)
        for _ in range(COMMANDS):
            ours.append(1000 * seconds(_true, sandbox))
            execs.append(1000 * seconds(_exec, engine.client, sandbox.id))
        began = time.perf_counter()
        sandbox.close()
        closed.append(1000 * (time.perf_counter() - began))
        wait_gone(engine.client, sandbox.id)
        gone.append(1000 * (time.perf_counter() - began))
        plain.append(_plain(engine.client, spec.image))
        hosts.append(seconds(_with_hosts, engine, spec))
    yield figures.of("open", opened, beside=("a plain container: create, start, exec_run", plain))
    yield figures.of("open_hosts", hosts, beside=("without a network", opened))
    yield figures.of("command", ours, beside=("exec_run of the SDK", execs))
    yield figures.of("close", closed)
    yield figures.of("gone", gone)


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


def _plain(client: Any, image: str) -> float:
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
