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
from threading import Lock

import msgspec

SHARE = 50
"""At most this share of the time goes into writing, however long the reply becomes."""
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

    One thread hears, another shows. A word is shown when it is whole: half a credential would not be known for one.
    """

    def __init__(
        self,
        journal: Path | None = None,
        run: str = "",
        clean: Callable[[str], str] = str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = place(journal, run) if journal else None
        self._clean, self._clock, self._lock = clean, clock, Lock()
        self._said = Spoken(conversation="", call=0)
        self._heard: dict[str, list[str]] = {}
        self._ended: set[str] = set()
        """Kinds of which the last word is whole."""
        self._news, self._due = False, 0.0
        self.close()

    def begin(self, conversation: str, call: int) -> None:
        """An attempt at a reply begins: nothing of it has been said."""
        self.close()
        self._said = Spoken(conversation=conversation, call=call)

    def hear(self, kind: str, delta: str) -> None:
        """Take what `Model.attempt` tells its listener."""
        with self._lock:
            self._heard.pop("tool", None)
            self._heard.setdefault(kind, []).append(delta)
            self._news = True
            if delta and kind != "tool":
                self._ended.discard(kind)
            else:
                self._ended.add(kind)

    def show(self) -> None:
        """Write what is new, if there is anything. Called a few times a second by who watches beside the loop."""
        began = self._clock()
        with self._lock:
            if self._path is None or not self._news or began < self._due:
                return
            self._news = False
            parts = {}
            for kind, heard in self._heard.items():
                heard[:] = ["".join(heard)]
                whole = heard[0] if kind in self._ended else _UNFINISHED.sub("", heard[0])
                parts[kind] = self._clean(whole)[-KEPT:]
            with suppress(OSError):
                _put(self._path, msgspec.json.encode(msgspec.structs.replace(self._said, **parts)))
            now = self._clock()
            self._due = now + SHARE * (now - began)

    def close(self) -> None:
        """The reply is stored, or there is none: nothing is being said."""
        with self._lock:
            self._heard.clear()
            self._ended.clear()
            self._news = False
            if self._path is not None:
                with suppress(OSError):
                    self._path.unlink(missing_ok=True)


def _put(path: Path, data: bytes) -> None:
    fresh = path.with_suffix(".fresh")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    fresh.replace(path)


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
