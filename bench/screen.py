"""The full screen, as a terminal sees it: a real one, of which this is the other end."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

from bench import figures
from bench.context import Context
from bench.figures import Figure
from bench.history import home
from bench.house import environ, program

COMMAND = "tui"
RUNS = 100
KEYS = 10
DOWN, QUIT = b"\x1b[B", b"q"
ROWS, WIDTH = 40, 120
PATIENCE = 20.0
QUIET = 0.3
"""Seconds without a byte after which a screen is taken to be painted."""


def measure(context: Context) -> Iterator[Figure]:
    """From the start to the first row on the screen, then from a key to what it changes."""
    if COMMAND not in entry_points(group="loopwright.commands").names:
        raise figures.Unmeasurable(f"nothing contributes a command `{COMMAND}` here")
    env = environ(home(context.scratch, RUNS), context.bytecode) | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    paints, keys = [], []
    for turn in range(1 + context.runs):
        with Screen([program(), COMMAND], context.scratch, env) as screen:
            painted = screen.until(f"r{RUNS - 1:07d}".encode()) * 1000
            screen.rest()
            if turn:
                paints.append(painted)
                keys += [screen.key(DOWN) * 1000 for _ in range(KEYS)]
    yield figures.of("first_paint", paints)
    yield figures.tail("key", keys)


class Screen:
    """A program on a pseudo-terminal."""

    def __init__(self, command: list[str], cwd: Path, env: dict[str, str]) -> None:
        self._command, self._cwd, self._env = command, cwd, env

    def __enter__(self) -> "Screen":
        self._began = time.perf_counter()
        self._pid, self._fd = pty.fork()
        if not self._pid:
            try:
                os.chdir(self._cwd)
                os.execve(self._command[0], self._command, self._env)  # noqa: S606 - no shell is wanted
            finally:
                os._exit(127)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, WIDTH, 0, 0))
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._fd, QUIT)
        self.rest()
        os.close(self._fd)
        os.kill(self._pid, signal.SIGKILL)  # whatever keeps it: it has nothing to lose
        os.waitpid(self._pid, 0)

    def until(self, words: bytes) -> float:
        """Seconds from the start until these words are on the screen."""
        seen = b""
        while words not in seen:
            data = self._read(PATIENCE)
            if not data:
                raise figures.Unmeasurable(f"{words!r} never came: {seen[-300:]!r}")
            seen += data
        return time.perf_counter() - self._began

    def key(self, key: bytes) -> float:
        """Seconds from a key to the first byte that it brings; then all is quiet again."""
        began = time.perf_counter()
        os.write(self._fd, key)
        if not self._read(PATIENCE):
            raise figures.Unmeasurable(f"nothing came of {key!r}")
        took = time.perf_counter() - began
        self.rest()
        return took

    def press(self, key: bytes) -> float:
        """Seconds from a key to the next bytes, on a screen that is never quiet."""
        while self._read(0.01):
            pass
        began = time.perf_counter()
        os.write(self._fd, key)
        if not self._read(PATIENCE):
            raise figures.Unmeasurable(f"nothing came of {key!r}")
        return time.perf_counter() - began

    def take(self, seconds: float) -> None:
        """Read what comes within so many seconds."""
        self._read(seconds)

    @property
    def pid(self) -> int:
        """The program's process."""
        return self._pid

    def rest(self) -> None:
        """Read what there is until it is quiet."""
        while self._read(QUIET):
            pass

    def _read(self, seconds: float) -> bytes:
        """What comes within `seconds`; nothing at the end, too."""
        readable, _, _ = select.select([self._fd], [], [], seconds)
        try:
            return os.read(self._fd, 1 << 16) if readable else b""
        except OSError:
            return b""
