"""The containers beside a sandbox: relay and proxy, which are ours, and services, which are anybody's."""

import json
import secrets
from collections.abc import Mapping
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import docker
import msgspec
from docker.types import LogConfig, Mount, Ulimit

from sandboxes import network, owner
from sandboxes.base import Service

HELPER = 59_417
"""Who relay and proxy run as: nobody that a service's image is likely to have, `nobody` least of all."""
SOCKET = "/run/pod/proxy.sock"
MB = 1 << 20
SERVICE_CAPABILITIES = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"]
"""What the entry points of database images need to give their data to their own user; nothing of network or devices."""
DATA_MB = 1_024
"""Size of each volume that a service's image declares; it lies in the service's memory, so its limit holds, too."""


class Egress(msgspec.Struct, frozen=True, kw_only=True):
    """How the proxy gets out: the engine's network it is in, and its name servers (none: the engine's own)."""

    network: str = "bridge"
    dns: tuple[str, ...] = ()


def own_addresses() -> tuple[str, ...]:
    """Every address of this machine: a name that leads to one of them leads inside (proc(5))."""
    found = set()
    try:
        lines = Path("/proc/net/fib_trie").read_text().splitlines()
        found |= {lines[n - 1].split()[-1] for n, line in enumerate(lines) if n and "host LOCAL" in line}
        for line in Path("/proc/net/if_inet6").read_text().splitlines():
            found.add(str(IPv6Address(bytes.fromhex(line.split()[0]))))
    except (OSError, ValueError, IndexError):
        pass
    return tuple(sorted(found))


def tmpfs_volume(client: docker.APIClient, marks: Mapping[str, str]) -> str:
    """A volume in memory for one socket, which only relay and proxy can reach."""
    name = f"loopwright-{marks[owner.label('home')]}-pod-{secrets.token_hex(6)}"
    options = {"type": "tmpfs", "device": "tmpfs", "o": f"size=256k,nr_inodes=16,mode=0700,uid={HELPER}"}
    client.create_volume(name, driver="local", driver_opts=options, labels=dict(marks))
    return name


def relay(client: docker.APIClient, image: str, volume: str, marks: Mapping[str, str]) -> dict[str, Any]:
    """The arguments of `create_container` for the pod's own container. It has no network."""
    return ours(client, image, network.relay(), "relay", volume, marks, network_mode="none", mem_limit=64 * MB)


def proxy(
    client: docker.APIClient, image: str, volume: str, marks: Mapping[str, str], egress: Egress
) -> dict[str, Any]:
    """The arguments for the one container that has a network."""
    return ours(
        client, image, network.proxy(), "proxy", volume, marks, network_mode=egress.network, dns=list(egress.dns),
        mem_limit=128 * MB,
    )  # fmt: skip


def ours(
    client: docker.APIClient, image: str, program: str, kind: str, volume: str, marks: Mapping[str, str], **host: Any
) -> dict[str, Any]:
    """A container of our own program: nobody, no capability, a read-only root, an end when the harness ends."""
    labels = {**marks, owner.label("workspace"): ""}
    mounts = [Mount("/run/pod", volume, type="volume", no_copy=True, labels=labels)] if volume else []
    return {
        "image": image,
        "name": named(kind, marks),
        "entrypoint": ["python3", "-I", "-S", "-c", program],
        "command": [],
        "user": f"{HELPER}:{HELPER}",
        "hostname": "sandbox",
        "working_dir": "/",
        "stdin_open": True,
        "stop_signal": "SIGKILL",
        "labels": {**marks, owner.label("purpose"): kind},
        "healthcheck": {"test": ["NONE"]},
        "host_config": client.create_host_config(
            auto_remove=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            read_only=True,
            ipc_mode="private",
            log_config=LogConfig(type="none"),
            mounts=mounts,
            memswap_limit=host["mem_limit"],
            pids_limit=512,
            ulimits=[Ulimit(name="nofile", soft=1_024, hard=1_024), Ulimit(name="core", soft=0, hard=0)],
            **host,
        ),
    }


def service(client: docker.APIClient, service: Service, relay: str, marks: Mapping[str, str]) -> dict[str, Any]:
    """The arguments for a service: the pod's network and its processes' name space, so that it ends with the relay."""
    declared = client.inspect_image(service.image)["Config"].get("Volumes") or {}
    memory = service.memory_mb * MB
    return {
        "image": service.image,
        "name": named(service.name, marks),
        "environment": dict(service.env),
        "stdin_open": False,
        "labels": {**marks, owner.label("purpose"): "service"},
        "healthcheck": {"test": ["NONE"]},
        "host_config": client.create_host_config(
            auto_remove=True,
            cap_drop=["ALL"],
            cap_add=SERVICE_CAPABILITIES,
            security_opt=["no-new-privileges:true"],
            network_mode=f"container:{relay}",
            pid_mode=f"container:{relay}",
            ipc_mode="private",
            log_config=LogConfig(type="none"),
            tmpfs=dict.fromkeys(declared, f"rw,exec,mode=1777,size={DATA_MB}m,nosuid,nodev"),
            mem_limit=memory,
            memswap_limit=memory,
            nano_cpus=1_000_000_000,
            pids_limit=512,
            ulimits=[Ulimit(name="fsize", soft=DATA_MB * MB, hard=DATA_MB * MB), Ulimit(name="core", soft=0, hard=0)],
        ),
    }


def named(kind: str, marks: Mapping[str, str]) -> str:
    return f"loopwright-{marks[owner.label('run')]}-{kind}-{secrets.token_hex(4)}"


def order(**wanted: Any) -> bytes:
    """A line to one of our programs."""
    return json.dumps(wanted).encode() + b"\n"
