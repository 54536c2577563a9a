"""What a model is saying right now, for whoever looks on: a small file beside the run's lock, and never a fact.

The journal holds whole replies, and they alone count. Until one is whole its words are here, cleaned like everything
that comes in: overwritten a few times a second, hashed and folded by nobody, gone once the reply is stored. Who
cannot write it says nothing, who cannot read it sees nothing, and no run is the worse for either.
"""

import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

EVERY = 0.2
"""Seconds between two writes at least: five a second are more than a reader can take in."""
SHARE = 50
"""And at most this share of the time, however long the reply becomes."""
KEPT = 8_000
"""Characters that are kept of a reply's thinking and of its text, from the end of each."""
_UNFINISHED = re.compile(r"\S*\Z")


class Spoken(msgspec.Struct, frozen=True, omit_defaults=True):
    """The beginning of the reply to a conversation's request number `call`; of what is long, the end of that."""

    conversation: str
    call: int
    thinking: str = ""
    text: str = ""
    tool: str = ""
    """The tool whose call is being written."""


class Speech:
    """Where one run says what its model is saying; without a `journal` nowhere.

    A word is written when it is whole: half a credential would not be known for one.
    """

    def __init__(
        self,
        journal: Path | None = None,
        run: str = "",
        clean: Callable[[str], str] = str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = place(journal, run) if journal else None
        self._clean, self._clock = clean, clock
        self._said = Spoken(conversation="", call=0)
        self._heard: dict[str, list[str]] = {}
        self._due = 0.0
        self.close()

    def begin(self, conversation: str, call: int) -> None:
        """An attempt at a reply begins: nothing of it has been said."""
        self.close()
        self._said = Spoken(conversation=conversation, call=call)

    def hear(self, kind: str, delta: str) -> None:
        """Take what `Model.attempt` tells its listener."""
        if self._path is None:
            return
        whole = kind == "tool" or not delta
        self._heard.pop("tool", None)
        self._heard.setdefault(kind, []).append(delta)
        if whole or self._clock() >= self._due:
            self._write(self._path, whole=whole)

    def close(self) -> None:
        """The reply is stored, or there is none: nothing is being said."""
        self._heard.clear()
        self._due = 0.0
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)

    def _write(self, path: Path, *, whole: bool) -> None:
        began = self._clock()
        parts = {}
        for kind, heard in self._heard.items():
            heard[:] = ["".join(heard)]
            parts[kind] = self._clean(heard[0] if whole else _UNFINISHED.sub("", heard[0]))[-KEPT:]
        fresh = path.with_suffix(".fresh")
        with suppress(OSError):
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(msgspec.json.encode(msgspec.structs.replace(self._said, **parts)))
            fresh.replace(path)
        now = self._clock()
        self._due = now + max(EVERY, SHARE * (now - began))


def spoken(journal: Path, run: str) -> Spoken | None:
    """What the model of `run` is saying; None when it says nothing, or not on this machine."""
    try:
        return _decoder.decode(place(journal, run).read_bytes())
    except (OSError, msgspec.DecodeError):
        return None


def place(journal: Path, run: str) -> Path:
    """The file of a run of the journal at `journal`."""
    return journal.parent / "runs" / f"{run}.speech"


_decoder = msgspec.json.Decoder(Spoken)
