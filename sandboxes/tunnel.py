"""An engine behind SSH: its socket, brought here by the user's own ssh, configuration, keys and known hosts."""

import atexit
import contextlib
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

SECONDS = 30.0
"""How long ssh may take until the socket is there."""
SOCKET = "/var/run/docker.sock"
"""Where the far engine listens, unless the address names another path (as the docker CLI has it)."""
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
        self._place = Path(tempfile.mkdtemp(prefix="loopwright-ssh-"))
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
