"""What a container is allowed: everything here is part of the wall, and there is no switch to weaken it."""

import re
import secrets
from collections.abc import Mapping
from typing import Any

import docker
from docker.types import LogConfig, Mount, Ulimit

from sandboxes.base import WORKSPACE, Resources, SandboxUnavailable, Spec
from sandboxes.inside import payload
from sandboxes.network import PORT, parse
from sandboxes.plain import script

HOME = "/home/agent"
ENVIRONMENT = {
    "HOME": HOME,
    "USER": "agent",
    "LOGNAME": "agent",
    "SHELL": "/bin/sh",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "TERM": "dumb",
    "CI": "1",
    "NO_COLOR": "1",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "true",
    "GIT_TERMINAL_PROMPT": "0",
    "PIP_NO_INPUT": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "DEBIAN_FRONTEND": "noninteractive",
    "PYTHONDONTWRITEBYTECODE": "1",
}
"""What every command sees besides the image's PATH and `Spec.env`: nothing asks, pages or colours."""

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MB = 1 << 20
SHM_MB = 64
OPEN_FILES = 4_096
LOOSE = ("/var/tmp", "/var/lock")  # noqa: S108 - the container's own
"""What is writable by everybody in common images, besides /tmp."""
INODES = 100_000
"""Files that may lie on each tmpfs: an inode costs kernel memory that no size limit counts."""


def spill_bytes(resources: Resources) -> int:
    """How much of one output is kept in a file. Two such files lie in memory at most, an eighth of all of it."""
    return min(64 * MB, resources.memory_mb * MB // 16)


def check(spec: Spec) -> None:
    """Refuse names that could mean something else to the engine, a path or a shell."""
    for what, name in (
        ("run", spec.run),
        ("purpose", spec.purpose),
        ("workspace", spec.workspace),
        ("runtime", spec.runtime or None),
    ):
        if name is not None and not NAME.fullmatch(name):
            raise SandboxUnavailable(f"{what} {name!r} is no valid name", "it must match " + NAME.pattern)
    for service in spec.services:
        taken = [other.port for other in spec.services].count(service.port) > 1 or service.port == PORT
        if not NAME.fullmatch(service.name) or service.name in ("relay", "proxy"):
            raise SandboxUnavailable(f"a service cannot be called {service.name!r}", "it must match " + NAME.pattern)
        if taken or not 0 < service.port < 65_536:
            raise SandboxUnavailable(f"the service {service.name} cannot have port {service.port}", "it is taken")
    for entry in spec.allow or ():
        try:
            parse(entry)
        except ValueError as error:
            raise SandboxUnavailable(f"{entry!r} cannot be allowed", str(error), "name a host") from None
    for name, value in spec.env.items():
        if not VARIABLE.fullmatch(name) or "\0" in value:
            raise SandboxUnavailable(f"{name!r} is no valid environment variable", "", "correct [sandbox.env]")


def tmpfs(resources: Resources, uid: int) -> dict[str, str]:
    """The only writable places besides the workspace, all of them in memory and sized."""
    size = f"size={resources.tmp_mb}m,nr_inodes={INODES},nosuid,nodev"
    spill = 2 * spill_bytes(resources) // MB + 4
    return {
        "/tmp": f"rw,exec,mode=1777,{size}",  # noqa: S108 - the container's own
        HOME: f"rw,exec,mode=0755,uid={uid},gid={uid},{size}",
        "/dev/shm": f"rw,noexec,mode=1777,size={SHM_MB}m,nr_inodes={INODES},nosuid,nodev",  # noqa: S108
        "/run": f"rw,noexec,mode=0755,size={spill}m,nr_inodes=1000,nosuid,nodev",
    }


def container(
    client: docker.APIClient,
    spec: Spec,
    volume: str,
    uid: int,
    cores: int,
    marks: Mapping[str, str],
    network: str = "none",
    mode: str = "overlay",
    image: str = "",
    plain: bool = False,
) -> dict[str, Any]:
    """The arguments of `create_container`. An engine refuses a limit over the `cores` it has.

    `network` is `none`, or the name space of a pod, which has no network either. In the mode `tmpfs` the workspace is
    in memory; in the mode `layer` it is in the image, whose root file system then is writable by its owners: for the
    agent's user that is the workspace alone. `plain` is for images without Python.
    """
    limits = spec.resources
    places = tmpfs(limits, uid)
    if mode == "tmpfs":
        size = min(limits.disk_mb, limits.memory_mb // 2)
        places[WORKSPACE] = f"rw,exec,mode=0755,uid={uid},gid={uid},size={size}m,nr_inodes={INODES},nosuid,nodev"
    if mode == "layer":
        places |= dict.fromkeys(LOOSE, f"rw,noexec,mode=1777,size=16m,nr_inodes={INODES},nosuid,nodev")
    # The labels are for an engine that makes it anew here, because `gc` was faster than a dead harness's last request.
    workspace = Mount(WORKSPACE, volume, "volume", read_only=spec.read_only, no_copy=True, labels=dict(marks))
    host = client.create_host_config(
        auto_remove=True,
        cap_drop=["ALL"],
        cap_add=["SETUID", "SETGID", "KILL"],
        security_opt=["no-new-privileges:true"],
        read_only=mode != "layer" or spec.read_only,
        network_mode=network,
        runtime=spec.runtime or None,
        ipc_mode="private",
        log_config=LogConfig(type="none"),
        tmpfs=places,
        mounts=[workspace] if volume else [],
        mem_limit=limits.memory_mb * MB,
        memswap_limit=limits.memory_mb * MB,
        nano_cpus=min(limits.millicpus, cores * 1_000) * 1_000_000,
        pids_limit=limits.pids,
        ulimits=[
            Ulimit(name="fsize", soft=limits.file_mb * MB, hard=limits.file_mb * MB),
            Ulimit(name="nofile", soft=OPEN_FILES, hard=OPEN_FILES),
            Ulimit(name="core", soft=0, hard=0),
        ],
    )
    return {
        "image": image or spec.image,
        "name": f"loopwright-{spec.run}-{spec.purpose}-{secrets.token_hex(4)}",
        "entrypoint": ["/bin/sh", "-c", script()] if plain else ["python3", "-I", "-S", "-c", payload()],
        "command": [],
        "user": "0:0",
        "hostname": "sandbox" if network == "none" else None,  # in a pod it is the relay's
        "working_dir": "/",
        "stdin_open": True,
        "stop_signal": "SIGKILL",
        "labels": dict(marks),
        "healthcheck": {"test": ["NONE"]},
        "host_config": host,
    }
