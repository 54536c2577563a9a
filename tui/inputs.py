"""Hardening of Textual's input against its open bugs, each with its issue, to be deleted when that is closed.

All of it sits where bytes become text, before anything is parsed:

- one invalid UTF-8 byte (a paste, line noise) ends the program: https://github.com/Textualize/textual/issues/6456
- a mouse report with NaN for its coordinates is typed into whatever has the focus: .../issues/6573
- replies of the terminal to queries (colours, versions) are typed, too: .../issues/6668
"""

import codecs
import re
from collections.abc import Callable

_NOT_MOUSE = re.compile(r"\x1b\[<(?=[^Mm]{0,32}[A-Za-z])(?![\d;-]+[Mm])[\d;.A-LN-Za-ln-z-]{0,32}[Mm]")
_REPLY = re.compile(r"\x1b(?:\]\d{1,4};|[P_^](?=[!-~]))[^\x07\x1b]*(?:\x07|\x1b\\)")
_OPEN_REPLY = re.compile(r"\x1b(?:\]\d{1,4};|[P_^](?=[!-~]{2}))[^\x07\x1b]*\x1b?\Z")
"""The beginning of a reply whose end has not come; Alt with a single key is none."""
LONGEST = 4096
"""Characters of an unfinished reply that are waited for: more is no reply."""


def harden() -> None:
    """Put `Keyboard` where Textual's driver makes its decoder. Idempotent."""
    from textual.drivers import linux_driver

    linux_driver.getincrementaldecoder = _decoder  # type: ignore[assignment,attr-defined]


def _decoder(encoding: str) -> "Callable[[], Keyboard]":
    return lambda: Keyboard(encoding)


class Keyboard:
    """An incremental decoder that lets through only what somebody typed, pasted or pointed at."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self._bytes = codecs.getincrementaldecoder(encoding)(errors="replace")
        self._held = ""

    def decode(self, data: bytes, final: bool = False) -> str:
        """The text of `data`; the beginning of a reply is held back until its end is here."""
        text = self._held + self._bytes.decode(data, final)
        self._held = ""
        if "\x1b" not in text:
            return text
        text = _NOT_MOUSE.sub("", _REPLY.sub("", text))
        unfinished = _OPEN_REPLY.search(text)
        if unfinished and not final and len(unfinished.group()) <= LONGEST:
            self._held = unfinished.group()
            text = text[: unfinished.start()]
        return text
