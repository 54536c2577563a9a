"""Helpers of the tests with real sandboxes; their fixtures are in `sandbox_fixtures`."""

import contextlib
import hashlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandboxes.base import Sandbox
from sandboxes.docker import DockerEngine
from sandboxes.owner import give, home_id
from sandboxes.workspace import agent_uid

Opener = Callable[..., Sandbox]

GROW = "i=0; while true; do i=$((i+1)); head -c 1000000 /dev/zero > f$i; sleep 0.01; done"
"""Fills the directory it is run in, not faster than a watch can be expected to see."""

GIT = {
    "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t", "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@t",
    "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"],
}  # fmt: skip


def make_seed(where: Path, files: dict[str, str]) -> Path:
    """A clone with a work tree, its index refreshed, owned by the user commands run as."""
    where.mkdir(parents=True)
    for name, text in files.items():
        path = where / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for command in ("init -q -b main", "add -A", "commit -q -m base"):
        subprocess.run(["git", *command.split()], cwd=where, env=GIT, check=True)
    give(where, agent_uid())
    refresh = ["git", "-c", f"safe.directory={where}", "update-index", "-q", "--refresh"]
    subprocess.run(refresh, cwd=where, env=GIT, check=True)
    give(where, agent_uid())
    return where


def fingerprint(tree: Path) -> str:
    """Every path, mode, owner, time and content under a directory."""
    digest = hashlib.sha256()
    for path in sorted(tree.rglob("*")):
        info = path.lstat()
        digest.update(repr((str(path), info.st_mode, info.st_uid, info.st_size, info.st_mtime_ns)).encode())
        if path.is_file() and not path.is_symlink():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def containers(engine: DockerEngine, **labels: str) -> list[dict[str, Any]]:
    """The containers of this engine's home with these labels of ours, running or not."""
    wanted = [f"loopwright.{name}={value}" for name, value in {"home": home_id(engine.home), **labels}.items()]
    found: list[dict[str, Any]] = engine.client.containers(all=True, filters={"label": wanted})
    return found


def volumes(engine: DockerEngine, run: str) -> list[str]:
    """The volumes of a run in this engine's home: other tests may use the same names."""
    labels = [f"loopwright.run={run}", f"loopwright.home={home_id(engine.home)}"]
    found = engine.client.volumes(filters={"label": labels})["Volumes"]
    return [volume["Name"] for volume in found or []]


def processes(box: Sandbox) -> list[str]:
    """The command lines of all that lives in a sandbox besides PID 1 and the one that looks."""
    look = "for p in /proc/[0-9]*; do echo $(basename $p) $(tr '\\0' ' ' < $p/cmdline); done 2>/dev/null"
    lines = box.run(look).stdout.decode().splitlines()
    return [line for line in lines if line.split()[0] != "1" and "for p in /proc" not in line and len(line.split()) > 1]


class Relay:
    """The engine's socket behind a TCP port, which makes it an engine on another machine, or behind another socket."""

    def __init__(self, path: Path | None = None) -> None:
        if path:
            self.server = socket.socket(socket.AF_UNIX)
            self.server.bind(str(path))
            self.server.listen()
        else:
            self.server = socket.create_server(("127.0.0.1", 0))
            self.port = self.server.getsockname()[1]
        self.pairs: list[socket.socket] = []
        self.flows = threading.Event()
        self.flows.set()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                near, _ = self.server.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect("/var/run/docker.sock")
            self.pairs += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self.carry, args=(source, sink), daemon=True).start()

    def carry(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                self.flows.wait()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def freeze(self) -> None:
        """From now on nothing passes, and nobody is told: a machine that lost its power, a cable that was pulled."""
        self.flows.clear()

    def cut(self) -> None:
        for end in self.pairs:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait for something that has to happen, however slow the machine is."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
