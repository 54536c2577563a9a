"""Whose a container, a volume or a directory is: labels that outlive a process and tell whether it lives."""

import os
import socket
import time
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path

PREFIX = "loopwright"


def label(name: str) -> str:
    return f"{PREFIX}.{name}"


@cache
def boot_id() -> str:
    """Names this boot of this machine; empty where the system does not tell (then only host and pid count)."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def started(pid: int) -> str:
    """When a process started, in clock ticks since boot (proc(5), stat, field 22): tells reused ids apart."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


def home_id(home: Path) -> str:
    """Names a state directory: two of them on one engine leave each other's things alone."""
    return sha256(str(home.resolve()).encode()).hexdigest()[:12]


def labels(home: Path, run: str, purpose: str, workspace: str | None) -> dict[str, str]:
    """The labels of what this process makes now."""
    pid = os.getpid()
    return {
        label("run"): run,
        label("purpose"): purpose,
        label("workspace"): workspace or "",
        label("home"): home_id(home),
        label("host"): socket.gethostname(),
        label("boot"): boot_id(),
        label("pid"): str(pid),
        label("start"): started(pid),
        label("created"): time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def is_dead(marks: Mapping[str, str]) -> bool:
    """Whether the process that made this is certainly gone. What another machine made is never judged."""
    if marks.get(label("host")) != socket.gethostname():
        return False
    if marks.get(label("boot"), "") != boot_id():
        return True
    try:
        pid = int(marks.get(label("pid"), ""))
        os.kill(pid, 0)
    except (ValueError, ProcessLookupError):
        return True
    except PermissionError:
        pass
    return bool(marks.get(label("start"))) and started(pid) != marks[label("start")]


def give(tree: Path, uid: int) -> None:
    """Make a tree of our own making belong to a user; nothing to do where it is ours already."""
    if os.geteuid() == 0:
        for path in (tree, *tree.rglob("*")):
            os.chown(path, uid, uid, follow_symlinks=False)
