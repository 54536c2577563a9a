"""Calling the `loopwright` command from the screen: what it prints, or a run of its own in the background."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from harness.clean import clean

if TYPE_CHECKING:
    from textual.app import App

SECONDS = 30
"""What a command that only looks or notes something may take."""


class Said(msgspec.Struct, frozen=True):
    """What a command printed, cleaned, and its exit code."""

    code: int
    text: str


def command(*args: str) -> list[str]:
    """The command line of the very Python that draws this screen."""
    return [sys.executable, "-P", "-m", "harness", *args]  # -P: nothing of the directory it works in is imported


def say(*args: str, cwd: str | None = None) -> Said:
    """Run a command that ends soon, without a terminal."""
    where = cwd if cwd and Path(cwd).is_dir() else None
    try:
        done = subprocess.run(
            command(*args), cwd=where, env=_plain(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Said(1, f"no answer within {SECONDS} s")
    return Said(done.returncode, clean(done.stdout.decode(errors="replace")).strip())


def detach(*args: str, cwd: str, log: Path) -> "subprocess.Popen[bytes]":
    """Start a command that lives on when this process dies; what it prints goes to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with log.open("wb") as out:
        return subprocess.Popen(
            command(*args), cwd=cwd, env=_plain(), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            start_new_session=True,
        )  # fmt: skip


def log_file(home: Path) -> Path:
    """Where a run that is started from the screen prints."""
    return home / "runs" / f"started-{time.time_ns()}.log"


def _plain() -> dict[str, str]:
    return os.environ | {"NO_COLOR": "1", "TERM": "dumb"}


def borrow(app: "App[Any]", *args: str) -> None:
    """Give the terminal to a command that needs one (an editor, a shell), and take it back when it has ended."""
    with app.suspend(), _only_theirs():
        done = subprocess.run(command(*args), check=False)
        if done.returncode:
            with suppress(EOFError):  # Ctrl-D goes back, too
                input(f"\nexit code {done.returncode}; Enter goes back ")
    app.refresh(layout=True)


@contextmanager
def _only_theirs() -> Iterator[None]:
    """Ctrl-C is meant for the command that has the terminal, though the kernel sends it to this process as well. A
    handler, and not "ignore": that the command would inherit."""
    before = [(number, signal.signal(number, lambda *_: None)) for number in (signal.SIGINT, signal.SIGQUIT)]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def printed(log: Path, most: int = 20_000) -> str:
    """The end of what a detached command has printed, cleaned."""
    try:
        data = log.read_bytes()[-most:]
    except OSError:
        return ""
    return clean(data.decode(errors="replace")).strip()
