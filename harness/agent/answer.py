"""What a tool answers, and how the output of a command is shown to a model."""

import posixpath
from typing import Literal

import msgspec

from sandboxes.base import WORKSPACE, Result

Status = Literal["ok", "error", "environment", "skipped"]

COMMAND_BYTES = 100_000
"""The longest command: below the kernel's limit for one argument (128 KiB)."""

PATH_CHARS = 4_000
"""The longest path: below the kernel's limit of 4,096 bytes, which longer names run into by themselves."""


class Answer(msgspec.Struct, frozen=True):
    """The result of a call. A failing command is `ok`: it did what was asked, and its exit code is in the text."""

    text: str
    status: Status = "ok"


class Mistake(Exception):
    """The model asked for something that cannot be done; the message tells it why."""


def whole_path(path: str) -> str:
    """The absolute path inside the sandbox of what a model named. Raises `Mistake`."""
    if not path or "\0" in path or len(path) > PATH_CHARS:
        raise Mistake(f"a path has 1 to {PATH_CHARS} characters and no NUL")
    return posixpath.join(WORKSPACE, path)


def text_of(data: bytes) -> str:
    """Bytes as text that can be sent: what is no UTF-8 becomes U+FFFD."""
    return data.decode(errors="replace")


def shown(result: Result, cap: int) -> str:
    """The output of a command that ran with `cap`: whole, or its head and tail with advice between them."""
    if not result.elided:
        return text_of(result.stdout)
    head, tail = result.stdout[: cap // 2], result.stdout[cap // 2 :]
    where = f", whole output at {result.spill}: read or grep it" if result.spill else ""
    return f"{text_of(head)}\n... {result.elided} bytes elided{where} ...\n{text_of(tail)}"
