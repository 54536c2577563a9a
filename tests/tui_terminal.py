"""`loopwright tui` on a pseudo-terminal, driven by keys and read byte for byte."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

LOOPWRIGHT = Path(sys.executable).with_name("loopwright")
DEADLINE = 120
"""Seconds after which a test gives up waiting; no test asserts how long anything took."""


class Terminal:
    """`loopwright tui` on a pseudo-terminal; every byte that it writes is kept."""

    def __init__(
        self,
        home: Path,
        *args: str,
        size: tuple[int, int] = (120, 40),
        command: str = "tui",
        program: str = "",
        **environ: str,
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.process = subprocess.Popen(
            [program, *args] if program else [LOOPWRIGHT, command, *args],
            env={name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
            | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LOOPWRIGHT_HOME": str(home)}
            | environ,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # a terminal that is its own, as a person's is
        )
        os.close(slave)
        self.written = b""

    @property
    def text(self) -> str:
        return self.written.decode(errors="surrogateescape")

    def _read(self) -> bool:
        if not select.select([self._master], [], [], 0.05)[0]:
            return True
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:  # the other side is closed
            return False
        self.written += data
        return bool(data)

    def until(self, needle: str, since: int = 0) -> None:
        """Read until `needle` was written after the first `since` bytes."""
        deadline = time.monotonic() + DEADLINE
        while needle.encode() not in self.written[since:]:
            assert self._read() or needle.encode() in self.written[since:], self.text[-2000:]
            assert time.monotonic() < deadline, f"{needle!r} is not in {self.text[-2000:]!r}"

    def send(self, keys: str | bytes, shows: str) -> None:
        """Type `keys` and read until the terminal shows something new that has `shows` in it."""
        since = len(self.written)
        os.write(self._master, keys.encode() if isinstance(keys, str) else keys)
        self.until(shows, since)

    def settle(self) -> None:
        """Read until nothing is written for a moment: what is typed then is meant for what is to be seen."""
        still = 0
        while still < 3:
            before = len(self.written)
            self._read()
            still = still + 1 if before == len(self.written) else 0

    def resize(self, width: int, height: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.process.send_signal(signal.SIGWINCH)

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def end(self) -> int:
        """Read to the end and return the exit code."""
        deadline = time.monotonic() + DEADLINE
        while self._read() and self.process.poll() is None:
            assert time.monotonic() < deadline
        code = self.process.wait(DEADLINE)
        while select.select([self._master], [], [], 0.05)[0] and self._read():
            pass  # what it wrote last
        return code

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)
