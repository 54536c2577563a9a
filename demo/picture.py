"""`python -m demo.picture`: run the demo in a terminal of its own, and keep what it showed as docs/demo.svg."""

import io
import os
import pty
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 124
TARGET = Path(__file__).parent.parent / "docs" / "demo.svg"


def main() -> int:
    """Record the part from the command to its result; the demo's exit code."""
    code, shown = record([sys.executable, "-m", "demo", "--progress", "plain"])
    lines = shown.splitlines()
    begin = next(n for n, line in enumerate(lines) if "$ loopwright run" in line)
    end = next(n for n, line in enumerate(lines) if n > begin and line.startswith("  next"))
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    for line in lines[begin : end + 1]:
        text = Text.from_ansi(line)
        text.truncate(WIDTH, overflow="ellipsis")
        console.print(text, highlight=False)
    console.save_svg(str(TARGET), title="a scripted model plays; sandbox, gates and git are real")
    return code


def record(command: list[str]) -> tuple[int, str]:
    """Run a command in a pseudo-terminal; its exit code and everything it printed."""
    chunks: list[bytes] = []

    def keep(descriptor: int) -> bytes:
        data = os.read(descriptor, 65_536)
        chunks.append(data)
        return data

    os.environ["COLUMNS"] = str(WIDTH)
    status = pty.spawn(command, keep)
    return os.waitstatus_to_exitcode(status), b"".join(chunks).decode().replace("\r\n", "\n")


if __name__ == "__main__":
    sys.exit(main())
