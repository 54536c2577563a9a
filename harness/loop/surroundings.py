"""What stands around a run's sandboxes: the hosts that may be reached, the services, and what happens there."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from harness.config import Config, ConfigError, SandboxTable
from harness.config.devcontainer import IMAGE, devcontainer
from harness.events import Event, HostDenied, ServiceEnded, ServiceStarted
from harness.repo import Store
from sandboxes import Denied, Engine, News, Resources, Sandbox, Service, ServiceDown, ServiceUp, Spec
from sandboxes.network import REGISTRIES, parse

LOG = 4_000
"""Characters of a service's last words that the journal keeps."""


def check(table: SandboxTable, source: str) -> None:
    """Whether the hosts are hosts and the services can stand beside each other. Raises `ConfigError`."""
    for entry in table.network.allow:
        if why := wrong_host(entry):
            raise ConfigError(f"sandbox.network.allow names {entry!r}", why, f"correct it in {source}")
    names = [service.name for service in services(table)]
    ports = [service.port for service in table.service]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"two services are called {name}", "", "give each [[sandbox.service]] a name of its own")
    for port in ports:
        if ports.count(port) > 1:
            raise ConfigError(f"two services want port {port}", "they share one localhost", "configure one elsewhere")


def developed(config: Config, file: Callable[[str], bytes | None]) -> Config:
    """The configuration with what the repository's devcontainer.json says, where that is what it asks for.

    Its Dockerfile, if it has one, stays behind the image's name until it is built. Raises `ConfigError`.
    """
    table = config.sandbox
    if table.image != IMAGE:
        return config
    found = devcontainer(file)
    table = msgspec.structs.replace(
        table, image=found.image or IMAGE, env={**found.env, **table.env}, setup=(*found.setup, *table.setup)
    )
    return msgspec.structs.replace(config, sandbox=table)


def dockerfile(engine: Engine, table: SandboxTable, store: Store, tree: str, log: Callable[[str], None]) -> str:
    """A reference of the image that the base commit's devcontainer Dockerfile makes. Raises `ImageFailed`."""
    from sandboxes.build import built_image

    found = devcontainer(lambda path: store.file(tree, path))
    below = f"{found.context}/" if found.context else ""
    inside = {path: entry for path, entry in store.entries(tree).items() if path.startswith(below)}
    files = ((path.removeprefix(below), store.file(tree, path), entry) for path, entry in inside.items())
    return built_image(
        engine,
        ((path, data, entry.startswith("100755")) for path, data, entry in files if data is not None),
        found.dockerfile.removeprefix(below),
        args=found.args,
        target=found.target,
        allow=in_setup(table),
        log=log,
    )


def wrong_host(entry: str) -> str:
    """Why an entry of an allow list is none; empty when it is one."""
    try:
        parse(entry)
    except ValueError as error:
        return str(error)
    return ""


def covered(table: SandboxTable, entry: str) -> bool:
    """Whether the configuration names the host of an entry."""
    name, _, port = entry.partition(":")
    return any(parse(rule).allows(name, int(port or 443)) for rule in table.network.allow)


def services(table: SandboxTable) -> tuple[Service, ...]:
    """The services as the sandboxes want them."""
    return tuple(
        Service(
            name=service.name or service.image.partition("@")[0].rpartition("/")[2].partition(":")[0].lower(),
            image=service.image,
            port=service.port,
            env=service.env,
            ready=service.ready,
            seconds=service.seconds,
            memory_mb=service.memory_mb,
        )
        for service in table.service
    )


def spec_of(
    table: SandboxTable,
    *,
    image: str,
    seed: Path,
    run: str,
    purpose: str,
    workspace: str | None = None,
    allow: tuple[str, ...] | None = None,
) -> Spec:
    """A sandbox as the configuration wants it."""
    return Spec(
        image=image,
        seed=seed,
        run=run,
        purpose=purpose,
        workspace=workspace,
        env=table.env,
        allow=allow,
        services=services(table),
        runtime=table.runtime,
        resources=Resources(
            memory_mb=table.memory_mb,
            millicpus=round(table.cpus * 1000),
            pids=table.pids,
            disk_mb=table.disk_mb,
        ),
    )


def in_setup(table: SandboxTable) -> tuple[str, ...] | None:
    """What set-up commands may reach; None is nothing."""
    match table.network.preset:
        case "strict":
            return None
        case "standard":
            return REGISTRIES
        case "open":
            return (*REGISTRIES, *table.network.allow)


def in_run(table: SandboxTable, allowed: Iterable[str]) -> tuple[str, ...] | None:
    """What the maker may reach, with the hosts that a person has `allowed` since; None is no network at all."""
    if table.network.preset != "open":
        return None
    return tuple(dict.fromkeys((*table.network.allow, *(entry for entry in allowed if not wrong_host(entry)))))


def pinned(engine: Engine, config: Config, log: Callable[[str], None]) -> Config:
    """The configuration with the services' images by id: pulled where they are missing, the same ones to the end.

    Raises `ImageFailed` for one that nobody has.
    """
    if not config.sandbox.service:
        return config
    from sandboxes.images import service_image

    found = tuple(
        msgspec.structs.replace(table, name=service.name, image=service_image(engine, table.image, log))
        for table, service in zip(config.sandbox.service, services(config.sandbox), strict=True)
    )
    return msgspec.structs.replace(config, sandbox=msgspec.structs.replace(config.sandbox, service=found))


def happened(sandbox: Sandbox) -> Iterator[Event]:
    """The events of what happened around a sandbox since this was last asked."""
    for news in sandbox.news():
        yield told(sandbox.id, news)


def told(sandbox: str, news: News) -> Event:
    match news:
        case Denied(host=host, port=port, why=why):
            return HostDenied(sandbox=sandbox, host=host, port=port, why=why)
        case ServiceUp(service=service, image=image, port=port, micros=micros):
            return ServiceStarted(service=service, image=image, port=port, micros=micros)
        case ServiceDown(service=service, why=why, log=log):
            return ServiceEnded(service=service, why=why, log=log[-LOG:])
