"""Filling a volume from a seed where the engine cannot stand an overlay on it: one stream, one short container."""

import io
import tarfile
from pathlib import Path
from typing import Any

import docker
from docker.types import LogConfig, Mount

from sandboxes.base import WORKSPACE, SandboxUnavailable
from sandboxes.stream import SEND_SECONDS, Stream, attach

EXTRACT = """\
import sys, tarfile
with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as archive:
    archive.extractall(sys.argv[1], numeric_owner=True)
"""
"""Runs inside the container: nothing is ever unpacked on the host."""
START = 'command -v python3 >/dev/null && exec python3 -I -c "$0" "$1"; exec tar -xpf - -C "$1"'
"""An image without Python has `tar`."""


class Sender(io.RawIOBase):
    """A file for `tarfile` to write to."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._stream.send(bytes(data))
        return len(data)


def fill(client: docker.APIClient, image: str, volume: str, seed: Path, uid: int, marks: dict[str, str]) -> None:
    """Copy the seed into an empty volume, owned by `uid`. Raises `SandboxUnavailable` when it does not fit."""
    host = client.create_host_config(
        cap_drop=["ALL"],
        cap_add=["CHOWN", "DAC_OVERRIDE", "FOWNER"],
        security_opt=["no-new-privileges:true"],
        read_only=True,
        network_mode="none",
        log_config=LogConfig(type="none"),
        mounts=[Mount(WORKSPACE, volume, type="volume", no_copy=True, labels=marks)],
    )
    container = client.create_container(
        image, entrypoint=["/bin/sh", "-c", START, EXTRACT, WORKSPACE], command=[], user="0:0", host_config=host,
        stdin_open=True, labels=marks,
    )["Id"]  # fmt: skip

    def owned(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = uid
        member.uname = member.gname = ""
        return member

    try:
        stream = attach(client, container)
        client.start(container)
        with tarfile.open(fileobj=Sender(stream), mode="w|", format=tarfile.GNU_FORMAT) as archive:
            archive.add(seed, arcname=".", filter=owned)
        stream.end_input()
        status = client.wait(container, timeout=SEND_SECONDS)["StatusCode"]
        if status:
            raise SandboxUnavailable(
                "the workspace could not be filled", f"unpacking ended with {status}", "see that the disk has room"
            )
    finally:
        client.remove_container(container, force=True, v=True)
