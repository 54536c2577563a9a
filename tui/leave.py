"""The terminal is gone, or somebody says so: the screen is given back as it was found, and nothing is waited for."""

import os
import select
import signal
import sys
import termios
from contextlib import suppress
from types import FrameType

HUNG_UP = 128 + signal.SIGHUP
BACK = (
    b"\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[?2048l\x1b[<u\x1b[?7h\x1b[?25h\x1b[?1049l"
)
"""Reports of mouse, focus, pastes and sizes off, plain keys, wrapping and cursor on, the screen from before."""

PATIENCE = 1.0
"""Seconds for a terminal that is just being drawn on; one that was stopped with Ctrl-S takes nothing for ever."""


def at_hangup() -> None:
    """From now on a hang-up ends the process at once, with the terminal as it is now.

    The driver's own way to stop waits for its threads, and a terminal that is gone takes nothing from them; without
    any way, one that is still there would be left without echo and cursor.
    """
    terminal = sys.stdin.fileno()
    modes = termios.tcgetattr(terminal)

    def leave(number: int, frame: FrameType | None) -> None:
        with suppress(OSError, termios.error, ValueError):
            termios.tcsetattr(terminal, termios.TCSANOW, modes)
            if select.select([], [terminal], [], PATIENCE)[1]:
                os.write(terminal, BACK)
        os._exit(HUNG_UP)

    signal.signal(signal.SIGHUP, leave)
