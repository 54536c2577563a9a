"""An engine behind SSH: its socket, brought here by the user's own ssh, configuration, keys and known hosts."""

import atexit
import contextlib
import os
import re
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

SECONDS = 30.0
"""How long ssh may take until the socket is there."""
SOCKET = "/var/run/docker.sock"
"""Where the far engine listens, unless the address names another path (as the docker CLI has it)."""
PREFIX = "loopwright-ssh-"
SETTLED = 3_600.0
"""Seconds; what is younger may be about to get its socket."""
PLAIN = re.compile(r"[A-Za-z0-9_.:@-]+")
"""What a user or a host may consist of: nothing that ssh could read as an option or a command."""
OPTIONS = (
    "BatchMode=yes", "ExitOnForwardFailure=yes", "ConnectTimeout=15", "ServerAliveInterval=10", "ServerAliveCountMax=3",
    "ControlMaster=no", "ControlPath=none", "RequestTTY=no", "ForwardAgent=no", "ForwardX11=no",
)  # fmt: skip


class Tunnel:
    """`path` is a socket of this machine that leads to the far one. ssh ends with this process: it reads from us."""

    def __init__(self, url: str) -> None:
        """Raises `ConnectionError` with ssh's own words."""
        sweep()
        self._place = Path(tempfile.mkdtemp(prefix=PREFIX))
        self.path = self._place / "docker.sock"
        # `cat` holds the session open until its input ends, which it does when this process does, however that is
        forward = f"{self.path}:{target(url)[2]}"
        options = [word for option in OPTIONS for word in ("-o", option)]
        self._process = subprocess.Popen(
            ["ssh", *options, *address(url), "-L", forward, "--", target(url)[0], "cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        atexit.register(self.close)
        deadline = time.monotonic() + SECONDS
        while not self.path.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                words = self._last_words()
                self.close()
                raise ConnectionError(words.decode("utf-8", "replace").strip()[-500:] or "ssh does not connect")
            time.sleep(0.02)

    def _last_words(self) -> bytes:
        """What ssh has said. A helper of its own (`ProxyCommand`) may outlive it with the same standard error."""
        self._process.kill()
        try:
            return self._process.communicate(timeout=1.0)[1]
        except subprocess.TimeoutExpired as late:
            return late.stderr or b""

    @property
    def stands(self) -> bool:
        """Whether ssh is still there."""
        return self._process.poll() is None

    def close(self) -> None:
        """End ssh and remove the socket. Idempotent."""
        atexit.unregister(self.close)
        with contextlib.suppress(OSError):
            self._process.kill()
        self._process.wait()
        for end in (self._process.stdin, self._process.stderr):
            if end:
                with contextlib.suppress(OSError):
                    end.close()
        shutil.rmtree(self._place, ignore_errors=True)


def sweep() -> None:
    """Remove what harnesses that were killed have left: a place of ours whose socket nobody answers."""
    for place in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            about = place.lstat()
            if about.st_uid == os.getuid() and stat.S_ISDIR(about.st_mode) and about.st_mtime < time.time() - SETTLED:
                with closing(socket.socket(socket.AF_UNIX)) as line:
                    if line.connect_ex(str(place / "docker.sock")):
                        shutil.rmtree(place, ignore_errors=True)


def target(url: str) -> tuple[str, int | None, str]:
    """`[user@]host`, port and the far socket of `ssh://[user@]host[:port][/path]`. Raises `ConnectionError`."""
    try:
        parts = urlsplit(url)
        host, port, path = parts.netloc.rpartition("@")[2].partition(":")[0], parts.port, parts.path
    except ValueError as error:
        raise ConnectionError(f"{url}: {error}") from None
    name = f"{parts.username}@{host}" if parts.username else host
    if not host or not PLAIN.fullmatch(name) or name.startswith("-") or parts.password or ":" in path:
        raise ConnectionError(f"{url} is no address of the form ssh://[user@]host[:port][/path/of/docker.sock]")
    return name, port, path if len(path) > 1 else SOCKET


def address(url: str) -> list[str]:
    """ssh's options for the port, if the address has one."""
    port = target(url)[1]
    return ["-p", str(port)] if port else []
