"""What a sandbox needs of this machine, looked at by making one: for `loopwright doctor`."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import docker
import docker.errors
import requests

from sandboxes import owner, stock
from sandboxes.base import Check, Engine, SandboxError, Spec
from sandboxes.connect import FIX, is_local

API = (1, 41)
"""Docker 20.10: the oldest engine this was tested on."""
FREE_GB = 5
BUILD = "run `loopwright image build`"

SECOND_BEST = "tmpfs for small trees, layer for large ones, volume for a maker's"
"""How workspaces are made where overlays cannot be."""

LOOK = """
grep -E '^(Uid|CapEff|CapPrm|NoNewPrivs|Seccomp):' /proc/self/status
echo "Memory: $(cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null)"
echo "Pids: $(cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null)"
echo "Cpu: $(cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null)"
echo "Links: $(ls /sys/class/net | tr '\\n' ' ')"
echo "Root: $(grep -m1 ' / ' /proc/mounts | cut -d' ' -f4 | cut -d, -f1)"
touch new && mv directory renamed && echo changed > renamed/file && echo "Workspace: works"
"""
"""Asks a real sandbox what it is allowed; its answers are compared with what was asked for."""


class Parts(NamedTuple):
    """What of a Docker engine is looked at besides what every engine has."""

    home: Path
    connection: Callable[[], tuple[docker.APIClient, str]]
    """The client, and how it was found."""
    overlays: Callable[[Path], tuple[bool, str]]
    """Whether a seed can be an overlay's lower layer, and why."""


def probe(engine: Engine, parts: Parts) -> tuple[Check, ...]:
    """Every check that makes sense: without an engine only that there is none."""
    try:
        client, how = parts.connection()
        version = client.version()
    except (SandboxError, docker.errors.DockerException, requests.RequestException) as error:
        return (Check(name="docker", ok=False, what="no engine answers", why=str(error), fix=FIX),)
    numbers = tuple(int(part) for part in str(version["ApiVersion"]).split("."))
    rows = [
        Check(
            name="docker",
            ok=numbers >= API,
            what=f"{version['Version']} at {how}",
            why="" if numbers >= API else "Docker 20.10 or newer is needed",
            fix="" if numbers >= API else "update Docker",
        )
    ]
    try:
        rows += look(engine, parts, client)
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        rows.append(Check(name="sandbox", ok=False, what="the engine fails", why=str(error), fix="see Docker's log"))
    return tuple(rows)


def look(engine: Engine, parts: Parts, client: docker.APIClient) -> Iterator[Check]:
    """Image, disk, and what a sandbox really gets."""
    info = client.info()
    if is_local(client):
        yield disk(Path(info["DockerRootDir"]))
    image = stock.find(client, stock.base_key())
    if image is None:
        why = "it is built when it is first needed; until then sandboxes cannot be looked at"
        yield Check(name="image", ok=False, what="there is no base image", why=why, fix=BUILD)
        return
    yield Check(name="image", ok=True, what=f"{image.reference}, {image.megabytes} MB", why=image.made_by)
    yield from sandbox(engine, parts, image.id)


def disk(root: Path) -> Check:
    place = next((path for path in (root, *root.parents) if path.exists()), Path("/"))
    free = shutil.disk_usage(place).free / 1e9
    ok = free >= FREE_GB
    return Check(
        name="disk",
        ok=ok,
        what=f"{root}: {free:.0f} GB free",
        why="" if ok else f"less than {FREE_GB} GB is free where Docker keeps images",
        fix="" if ok else "free some space: `docker system prune` removes what is unused",
    )


def sandbox(engine: Engine, parts: Parts, image: str) -> Iterator[Check]:
    """Open one, on a seed made for it, and let it say what it finds itself in."""
    parts.home.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="probe-", dir=parts.home) as scratch:
        seed = Path(scratch, "seed")
        (seed / "directory").mkdir(parents=True)
        (seed / "directory" / "file").write_text("from the seed\n")
        owner.give(seed, engine.uid)
        spec = Spec(image=image, seed=seed, run=Path(scratch).name, purpose="doctor")
        try:
            with closing(engine.open(spec)) as box:
                result = box.run(LOOK, timeout=30)
        except SandboxError as error:
            yield Check(name="sandbox", ok=False, what=error.what, why=error.why, fix=error.fix)
            return
        finally:
            engine.discard(spec.run)
        told = dict(line.split(":", 1) for line in result.stdout.decode("utf-8", "replace").splitlines() if ":" in line)
        found = {name: value.split() for name, value in told.items()}
        stands, why = parts.overlays(seed)
        works = found.get("Workspace") == ["works"]
        what = "overlay" if stands else SECOND_BEST
        yield Check(name="workspace", ok=works, what=what, why=why, fix="" if works else "see `docker info`")
        yield from limits(found, spec)
        yield from walls(found, engine.uid)


def limits(found: dict[str, list[str]], spec: Spec) -> Iterator[Check]:
    """A limit that Docker accepts and the kernel does not hold is none."""
    wanted = spec.resources
    asked: dict[str, Callable[[str], bool]] = {
        "Memory": lambda text: text.isdigit() and int(text) <= wanted.memory_mb << 20,
        "Pids": lambda text: text.isdigit() and int(text) <= wanted.pids,
        "Cpu": lambda text: text.isdigit() and int(text) <= wanted.millicpus * 100,
    }
    missing = [name.lower() for name, holds in asked.items() if not holds(next(iter(found.get(name, ())), ""))]
    yield Check(
        name="limits",
        ok=not missing,
        what="memory, pids and cpu hold" if not missing else f"no limit on {', '.join(missing)}",
        why="" if not missing else "the engine accepts the limit, but its control group does not have it",
        fix="" if not missing else "enable the controllers (cgroup v2 with systemd, for rootless: delegation)",
    )


def walls(found: dict[str, list[str]], uid: int) -> Iterator[Check]:
    """User, capabilities, seccomp, root file system, network."""
    zero = ["0" * 16]
    holds: dict[str, Any] = {
        "an unprivileged user": set(found.get("Uid", ())) == {str(uid)},
        "no capabilities": found.get("CapEff") == found.get("CapPrm") == zero,
        "no new privileges": found.get("NoNewPrivs") == ["1"],
        "seccomp": found.get("Seccomp") == ["2"],
        "a read-only root": found.get("Root") == ["ro"],
        "no network": set(found.get("Links", ())) <= {"lo"},
    }
    missing = [name for name, held in holds.items() if not held]
    yield Check(
        name="isolation",
        ok=not missing,
        what=", ".join(name for name, held in holds.items() if held),
        why="" if not missing else f"missing: {', '.join(missing)}",
        fix="" if not missing else "start dockerd without options that weaken it (seccomp-profile, default runtime)",
    )
