"""A run as one file: its events and payloads as JSON lines, the objects of its commits, and a script that audits it.

A ZIP archive, so that anything opens it:

    manifest.json    the run's own row: id, salt, head, and what wrote it
    events.jsonl     every event as it is hashed, in order
    payloads.jsonl   the bulk of the events by digest; what was erased is not there
    objects.pack     base and candidates, as git packs them, without history
    verify.py        checks the chain with nothing but Python's standard library
"""

import errno
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import IO, TypeVar

import msgspec

from harness.journal.base import ArchiveRefused
from harness.journal.codec import inflate

FORMAT = 1
LINE = 64 * 1024 * 1024
"""Bytes of the longest line: an archive may come from anywhere."""
PACK = 2 * 1024 * 1024 * 1024


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The run's own row."""

    id: str
    epoch: int
    seq: int
    head: str
    salt: str
    created: int
    touched: int
    format: int = FORMAT
    version: str = ""


class EventLine(msgspec.Struct, frozen=True, kw_only=True):
    """One event as its hash covers it; `hdr` is canonical JSON in a string, so that no reader formats it anew."""

    seq: int
    epoch: int
    ts: int
    type: str
    hdr: str
    payload: str
    prev: str
    hash: str


class PayloadLine(msgspec.Struct, frozen=True, kw_only=True):
    digest: str
    body: str


Row = tuple[int, int, int, str, str, str, str, str, bytes | None]
"""A row of the statement `read_for_audit`."""


def write(path: Path, manifest: Manifest, rows: Iterator[Row], pack: bytes) -> None:
    """Write an archive. Raises `OSError`; a half-written file is removed."""
    half = path.with_name(f"{path.name}.part")
    seen: set[str] = set()
    try:
        with zipfile.ZipFile(half, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            archive.writestr("manifest.json", msgspec.json.format(msgspec.json.encode(manifest), indent=2))
            payloads: list[PayloadLine] = []
            with archive.open("events.jsonl", "w", force_zip64=True) as out:
                for seq, epoch, ts, kind, hdr, payload, prev, link, body in rows:
                    line = EventLine(
                        seq=seq, epoch=epoch, ts=ts, type=kind, hdr=hdr, payload=payload, prev=prev, hash=link
                    )
                    out.write(msgspec.json.encode(line) + b"\n")
                    if body is not None and payload not in seen:
                        seen.add(payload)
                        payloads.append(PayloadLine(digest=payload, body=inflate(body).decode()))
            with archive.open("payloads.jsonl", "w", force_zip64=True) as out:
                for one in payloads:
                    out.write(msgspec.json.encode(one) + b"\n")
            archive.writestr("objects.pack", pack)
            archive.writestr("verify.py", files("harness.journal").joinpath("verify.py").read_bytes())
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


class Opened:
    """An archive that is being read. Nothing of it is ever unpacked to a file by its own name."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        with archive.open("manifest.json") as file:
            self.manifest = msgspec.json.decode(file.read(LINE), type=Manifest)
        if self.manifest.format != FORMAT:
            raise ArchiveRefused("the archive cannot be read", "a newer Loopwright wrote it", "upgrade Loopwright")

    def events(self) -> Iterator[EventLine]:
        yield from _lines(self._archive, "events.jsonl", EventLine)

    def payloads(self) -> Iterator[PayloadLine]:
        yield from _lines(self._archive, "payloads.jsonl", PayloadLine)

    def pack(self) -> bytes:
        with self._archive.open("objects.pack") as file:
            data = file.read(PACK + 1)
        if len(data) > PACK:
            raise ArchiveRefused("the archive cannot be read", "its objects are too large")
        return data


_BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, msgspec.MsgspecError, KeyError, NotImplementedError, EOFError,
    UnicodeDecodeError, RuntimeError,
)  # fmt: skip
"""What reading a damaged archive raises."""


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """Open an archive. Raises `ArchiveRefused` for what is none, also while it is read."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield Opened(archive)
    except (*_BROKEN, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # a place before the file's beginning
            raise
        fix = "make one with: loopwright export RUN"
        raise ArchiveRefused(f"{path} is no archive of a run", str(error), fix) from error


Line = TypeVar("Line", EventLine, PayloadLine)


def _lines(archive: zipfile.ZipFile, name: str, kind: type[Line]) -> Iterator[Line]:
    decoder = msgspec.json.Decoder(kind)
    with archive.open(name) as file:
        while line := _line(file, name):
            yield decoder.decode(line)


def _line(file: IO[bytes], name: str) -> bytes:
    line = file.readline(LINE + 1)
    if len(line) > LINE:
        raise ArchiveRefused("the archive cannot be read", f"a line of {name} is too long")
    return line
