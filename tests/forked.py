"""The `loopwright` program in a process of its own, forked from one that has the imports behind it.

A start of the interpreter and the SDK's import cost a second of CPU; some hundred tests and two hundred kills need not
pay it. What runs is the console script's own `main`, in a real process that real signals reach.
"""

import multiprocessing
import os
import sys
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path

LOADED = ["tests.forked", "anthropic", "docker", "git.cmd", "harness.cli.run", "harness.cli.look", "harness.loop.drive"]
"""What the parent of all of them has imported. None of it starts a thread or opens a file."""

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(LOADED)


class Forked:
    """One such process; its output goes to files. `returncode` is negative for the signal that killed it."""

    def __init__(self, args: tuple[str, ...], cwd: Path, environ: Mapping[str, str], out: Path) -> None:
        self._out, self._err = out.with_suffix(".out"), out.with_suffix(".err")
        given = (args, str(cwd), dict(environ), str(self._out), str(self._err))
        self._process: ForkServerProcess = _context.Process(target=_enter, args=given)
        self._process.start()

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def wait(self, seconds: float) -> bool:
        """Wait for its end, no longer than that; whether it came."""
        self._process.join(seconds)
        return self._process.exitcode is not None

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process.pid
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._process.kill()
        self._process.join()

    def output(self) -> tuple[str, str]:
        """What it has written to stdout and to stderr."""
        return self._out.read_text(), self._err.read_text()


def _enter(args: tuple[str, ...], cwd: str, environ: dict[str, str], out: str, err: str) -> None:
    for number, path in ((1, out), (2, err)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, number)
        os.close(file)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(cwd)
    sys.argv = ["loopwright", *args]
    from harness.cli import main

    main()
