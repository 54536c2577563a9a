"""A seed without an overlay: as a layer of an image, or unpacked in memory. One archive, streamed; no file is copied.

For engines that cannot stand an overlay on the seed. Both are for trees that are thrown away with their container.
"""

import io
import tarfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import docker
import docker.errors

from sandboxes import owner
from sandboxes.base import WORKSPACE, Sandbox, SandboxUnavailable

LAYER, USED = owner.label("layer"), owner.label("created")
INHERITED = tuple(owner.label(name) for name in ("image", "key", "source", "base"))
"""What a layer must not have of the image below it: see `images`."""
REPOSITORY = "loopwright"
PATIENCE = 300.0
"""Seconds that unpacking a seed may take."""


def archive(seed: Path, uid: int, prefix: str) -> bytes:
    """The seed as a tar archive below `prefix`, owned by `uid`."""

    def owned(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = uid
        member.uname = member.gname = ""
        return member

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        tar.add(seed, arcname=prefix, filter=owned)
    return buffer.getvalue()


def baked(client: docker.APIClient, image: str, seed: Path, uid: int, marks: Mapping[str, str]) -> str:
    """The id of `image` with the seed at `WORKSPACE` as its last layer; made once, found again by its name."""
    key = sha256(f"{client.inspect_image(image)['Id']} {seed} {uid}".encode()).hexdigest()[:24]
    tag = f"{REPOSITORY}:layer-{key}"
    try:
        return str(client.inspect_image(tag)["Id"])
    except docker.errors.ImageNotFound:
        pass
    container = client.create_container(image, entrypoint=["none"], command=[], labels=dict(marks))["Id"]
    try:
        if not client.put_archive(container, "/", archive(seed, uid, WORKSPACE.lstrip("/"))):
            raise SandboxUnavailable("the seed could not be made a layer", "the engine refused its archive")
        names = {LAYER: key, **{name: marks[name] for name in (owner.label("home"), USED)}}
        names |= dict.fromkeys(INHERITED, "")  # or it would be found in the place of the image it stands on
        label = " ".join(f'"{name}"="{value}"' for name, value in names.items())
        made = client.commit(container, REPOSITORY, f"layer-{key}", changes=f"LABEL {label}")
    finally:
        client.remove_container(container, force=True, v=True)
    return str(made["Id"])


def unpack(box: Sandbox, content: bytes) -> None:
    """Fill the workspace in memory, as the agent's user and inside of its limits."""
    result = box.run(["tar", "-xpf", "-", "-C", "/"], stdin=content, timeout=PATIENCE)
    if result.exit_code != 0:
        box.close()
        why = result.stdout[-300:].decode("utf-8", "replace").strip() or f"tar ended with {result.exit_code}"
        raise SandboxUnavailable("the workspace could not be filled", why, "raise [sandbox] memory_mb")


def sweep(client: docker.APIClient, home: str, before: str) -> list[str]:
    """Remove the layers of a home that were made before that time (as in the label) and that nothing runs on."""
    gone = []
    for image in client.images(filters={"label": [LAYER, f"{owner.label('home')}={home}"]}):
        if image["Labels"][USED] < before:
            try:
                client.remove_image(image["Id"])
            except docker.errors.APIError:
                continue
            gone.append(f"layer {image['Id'][7:19]}")
    return gone
