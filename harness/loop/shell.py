"""A person's session in a live run's sandbox, on the record: told to the run before it opens and after it ends."""

import contextlib
import fcntl
import os
import select
import signal
import struct
import termios
import time
import tty
from collections.abc import Iterator

import msgspec

from harness.journal import Journal
from harness.loop.wishes import Session
from sandboxes import Engine, SandboxGone, SandboxUnavailable
from sandboxes.docker import DockerEngine
from sandboxes.terminal import Terminal

PIECE = 1 << 16
LOOK = 5.0
"""Seconds between two signs of life while nobody types."""


def shell(journal: Journal, engine: Engine, run: str, principal: str, *, writable: bool) -> int:
    """Open a session at this process's terminal and stay until it ends; its exit code.

    Raises `SandboxGone` when the run has no sandbox now.
    """
    if not isinstance(engine, DockerEngine):
        raise SandboxUnavailable("there is no shell here", f"{type(engine).__name__} has no terminals", "use Docker")
    sandbox = standing(journal, run)
    began = time.monotonic()
    journal.post(run, "shell", told(sandbox, writable=writable), principal)
    try:
        session = engine.terminal(sandbox, writable=writable, term=os.environ.get("TERM", "dumb"))
        try:
            attend(session)
            return session.exit_code()
        finally:
            session.close()
    finally:
        micros = int((time.monotonic() - began) * 1_000_000)
        journal.post(run, "shell_end", told(sandbox, writable=writable, micros=micros), principal)


def standing(journal: Journal, run: str) -> str:
    """The sandbox of a run that a person wants to see: the maker's, else the newest."""
    state = journal.state(run)
    opened = state.sandboxes if journal.is_held(run) and not state.finished else ()
    makers = [event.sandbox for event in opened if event.purpose == "maker"]
    found = makers or [event.sandbox for event in opened]
    if not found:
        why = "its gates may be running, or it has ended" if journal.is_held(run) else "no process pursues it"
        raise SandboxGone(f"{run} has no sandbox to look into now", why, f"follow it with: loopwright watch {run}")
    return found[-1]


def told(sandbox: str, *, writable: bool, micros: int = 0) -> str:
    return msgspec.json.encode(Session(sandbox=sandbox, writable=writable, micros=micros)).decode()


def attend(session: Terminal) -> None:
    """Carry keys and output between this terminal and the session, until either ends."""
    with raw(0), contextlib.suppress(OSError):
        wake, woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        before = signal.signal(signal.SIGWINCH, lambda *_: os.write(woken, b"."))
        try:
            fit(session)
            carry(session, wake)
        finally:
            signal.signal(signal.SIGWINCH, before)
            os.close(wake)
            os.close(woken)


def carry(session: Terminal, wake: int) -> None:
    stream, number = session.stream, session.stream.fileno()
    while True:
        ready, _, _ = select.select([0, number, wake], [], [], LOOK)
        session.beat()
        if not ready and session.over():
            return
        if wake in ready:
            os.read(wake, PIECE)
            fit(session)
        if number in ready:
            data = stream.recv(PIECE, 0.0)
            if not data:
                return
            os.write(1, data)
        if 0 in ready:
            keys = os.read(0, PIECE)
            if not keys:
                return
            stream.send(keys)


def fit(session: Terminal) -> None:
    """Give the session this terminal's size."""
    rows, columns, _, _ = struct.unpack("HHHH", fcntl.ioctl(0, termios.TIOCGWINSZ, b"\0" * 8))
    session.resize(rows or 24, columns or 80)


@contextlib.contextmanager
def raw(terminal: int) -> Iterator[None]:
    """Every key goes to the session, Ctrl-C among them; afterwards the terminal is as it was."""
    before = termios.tcgetattr(terminal)
    try:
        tty.setraw(terminal)
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
