"""Hardening of Textual's input against its open bugs, each with its issue, to be deleted when that is closed."""

import codecs
from collections.abc import Callable
from typing import Any


def harden() -> None:
    """Let one invalid UTF-8 byte on stdin (a paste, line noise) be a strange character, not the end of the program.

    Textual 8.2.8 decodes strictly and panics: https://github.com/Textualize/textual/issues/6456.
    """
    from textual.drivers import linux_driver

    linux_driver.getincrementaldecoder = _lenient  # type: ignore[assignment,attr-defined]


def _lenient(encoding: str) -> Callable[[], Any]:
    return lambda: codecs.getincrementaldecoder(encoding)(errors="replace")
