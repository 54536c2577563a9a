"""The images sandboxes are made of: one base for everybody, one environment for each repository's set-up.

What is in stock is not made twice.
"""

import contextlib
import fcntl
import shlex
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import docker
import docker.errors
import requests
from docker.types import Mount

from sandboxes import debian, owner, rubbish, workspace
from sandboxes.bake import Log, bake
from sandboxes.base import WORKSPACE, Engine, Image, ImageFailed, Spec
from sandboxes.connect import translated
from sandboxes.docker import DockerEngine
from sandboxes.fill import fill
from sandboxes.network import REGISTRIES
from sandboxes.registry import pull
from sandboxes.setup import way_out
from sandboxes.stock import (
    BASE_ID,
    GROUND,
    KEY,
    KIND,
    NAMED,
    PATH,
    REPOSITORY,
    SOURCE,
    TOOLS_HOME,
    UPSTREAM,
    VENV,
    base_key,
    describe,
    digest,
    find,
    labels_of,
)  # fmt: skip


@translated()
def base_image(engine: Engine, log: Log, refresh: bool = False) -> Image:
    """The base image: found, else made from the registry's, else built here. Raises `ImageFailed`.

    `refresh` makes it anew from what is newest now. Runs that began on an older one keep it until `prune`.
    """
    client, home = parts(engine)
    if not refresh and (found := find(client, base_key())):
        return found
    with building(home):
        if not refresh and (found := find(client, base_key())):
            return found
        start = pull(client, log, UPSTREAM)
        if start is None:
            log("no registry answers: building the base image from this machine's package mirror")
            start = debian.bootstrap(client, home, {KIND: "root"}, log)
        image, source = start
        labels = {KIND: "base", KEY: base_key(), SOURCE: source}
        made = bake(client, home, image, GROUND + VENV, labels=labels, env={"PATH": PATH}, log=log)
        client.tag(made, REPOSITORY, "base", force=True)
        return describe(client, made)


@translated()
def named_image(engine: Engine, reference: str, log: Log = lambda line: None) -> Image:
    """An image the user named, with the gates' tools added: on the engine, else pulled. Raises `ImageFailed`."""
    client, home = parts(engine)
    try:
        given = describe(client, reference)
    except docker.errors.ImageNotFound:
        if pull(client, log, reference) is None:
            raise ImageFailed(
                f"there is no image {reference}",
                "the engine does not have it, and no registry gave it",
                "correct [sandbox] image, or remove it to use the base image",
            ) from None
        given = describe(client, reference)
    if given.key:
        return given
    key = digest(given.id, NAMED)
    with building(home):
        if found := find(client, key):
            return found
        labels = {KIND: "named", KEY: key, SOURCE: reference, BASE_ID: given.id}
        made = bake(client, home, given.id, NAMED, labels=labels, log=log)
        client.tag(made, REPOSITORY, f"named-{key[:12]}", force=True)
        return describe(client, made)


@translated()
def service_image(engine: Engine, reference: str, log: Log = lambda line: None) -> str:
    """The id of a service's image as it is: on the engine, else pulled. Raises `ImageFailed`."""
    client, _ = parts(engine)
    try:
        return describe(client, reference).id
    except docker.errors.ImageNotFound:
        found = pull(client, log, reference)
    if found is None:
        raise ImageFailed(
            f"there is no image {reference}",
            "the engine does not have it, and no registry gave it",
            "correct image in [[sandbox.service]], or build it and tag it so",
        )
    return found[0]


@translated()
def environment(
    engine: Engine,
    base: Image,
    setup: Sequence[str],
    seed: Path,
    lock_files: Mapping[str, bytes],
    log: Log,
    allow: Sequence[str] | None = REGISTRIES,
) -> Image:
    """The base with a repository's set-up commands run in it, in a copy of `seed` that is thrown away.

    They reach the hosts in `allow` and the machine's own package indexes; None is no network. Cached by base,
    commands, lock files and hosts. Without commands it is the base itself. Raises `ImageFailed`.
    """
    if not setup:
        return base
    client, home = parts(engine)
    key = digest(base.id, list(setup), {name: sha256(data).hexdigest() for name, data in lock_files.items()}, allow)
    with building(home):
        found = find(client, key)
        if found:
            return found
        labels = {KIND: "environment", KEY: key, SOURCE: " && ".join(setup), BASE_ID: base.id}
        script = "".join(f"echo {shlex.quote('$ ' + line)}\n(\n{line}\n) </dev/null\n" for line in setup)
        with copied(client, home, base, seed) as mount, way_out(engine, base.id, allow, log) as way:
            made = bake(
                client, home, base.id, script, labels=labels, log=log, mounts=[mount], workdir=WORKSPACE,
                untouched=TOOLS_HOME, way=way,
            )  # fmt: skip
        client.tag(made, REPOSITORY, f"environment-{key[:12]}", force=True)
        return describe(client, made)


@translated()
def images(engine: Engine) -> tuple[Image, ...]:
    """All images of ours on the engine, newest first."""
    client, _ = parts(engine)
    listed = client.images(filters={"label": [KEY]})
    found = (describe(client, image["Id"]) for image in listed if image["Labels"][KEY])
    return tuple(sorted(found, key=lambda image: image.created, reverse=True))


@translated()
def prune(engine: Engine, keep: frozenset[str] = frozenset(), *, dry: bool = False) -> tuple[Image, ...]:
    """Remove images that would not be found again: old bases and what stands on them. Returns what went or, with
    `dry`, what would go.

    The ids in `keep` stay (runs that are to be resumed were begun on them), and so does what is in use.
    """
    client, _ = parts(engine)
    current = find(client, base_key())
    if current is None:
        return ()
    present = {image["Id"] for image in client.images()}
    ours = images(engine)
    stale = {image.id for image in ours if image.kind == "base" and image.id != current.id}
    gone: list[Image] = []
    for image in ours:  # newest first: what stands on another image comes before it
        base = labels_of(client, image.id).get(BASE_ID, image.id)
        if image.id in keep or (image.id not in stale and base not in stale and base in present):
            continue
        with contextlib.suppress(docker.errors.APIError):
            if not dry:
                client.remove_image(image.id, force=True)
            gone.append(image)
    return tuple(gone)


def parts(engine: Engine) -> tuple[docker.APIClient, Path]:
    """What is needed of the engine; one that is not Docker's has no images of this kind."""
    if not isinstance(engine, DockerEngine):
        raise ImageFailed("images are made for Docker engines only", f"this one is {type(engine).__name__}")
    return engine.client, engine.home


@contextlib.contextmanager
def building(home: Path) -> Iterator[None]:
    """One build at a time: whoever waits finds the image afterwards."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "images.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def copied(client: docker.APIClient, home: Path, base: Image, seed: Path) -> Iterator[Mount]:
    """A throw-away copy of the seed for set-up commands, which run as root and with network."""
    spec = Spec(image=base.id, seed=seed, run="images", purpose="build")
    marks = owner.labels(home, spec.run, spec.purpose, None)
    space = workspace.prepare(client, home, spec, "volume", marks)
    try:
        fill(client, base.id, space.volume, seed, workspace.agent_uid(), marks)
        yield Mount(WORKSPACE, space.volume, type="volume", no_copy=True)
    finally:
        with contextlib.suppress(docker.errors.DockerException, requests.RequestException, OSError):
            rubbish.destroy(client, rubbish.throw_away(client, home, space.directory, space.volume))
