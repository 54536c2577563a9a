"""A look at a pack before git does: what it would unpack to, without unpacking it into memory.

A pack names the size of each object in front of its compressed data (gitformat-pack(5)), and a delta the size of
its result, so a megabyte that stands for a gigabyte is turned away at its header.
"""

import zlib
from typing import IO

import msgspec

from harness.repo.errors import Rejected
from harness.repo.git import MEBI

_CHUNK = 1 << 14
_OFS_DELTA, _REF_DELTA = 6, 7


class Intake(msgspec.Struct, frozen=True, kw_only=True):
    """What one candidate may bring with it. Generous for source code, small for a host."""

    pack: int = 64 * MEBI
    """Bytes of the pack itself."""
    objects: int = 20_000
    blob: int = 32 * MEBI
    """Bytes of one unpacked object."""
    total: int = 128 * MEBI
    """Bytes of all unpacked objects, and of all changed files as they would lie in a checkout."""
    paths: int = 20_000
    """Changed paths."""
    seconds: int = 10
    """Processor time of each step; wall-clock time may be six times that, on a busy machine."""


def survey(stream: IO[bytes], intake: Intake) -> None:
    """Read the pack in `stream` through. Raises `Rejected` by the rules `pack` (no pack, or a broken one),
    `count`, `size` and `total`. Needs constant memory, and time for no more than `intake.total` bytes."""
    reader = _Reader(stream)
    if reader.take(4) != b"PACK" or int.from_bytes(reader.take(4)) not in (2, 3):
        raise Rejected("pack", "", "what came out of the sandbox is not a pack")
    count = int.from_bytes(reader.take(4))
    if count > intake.objects:
        raise Rejected("count", "", f"{count} new objects, of {intake.objects} allowed", "change fewer files")
    total = 0
    for _ in range(count):
        total += _object(reader, intake)
        if total > intake.total:
            why = f"the new objects unpack to more than {intake.total} bytes"
            raise Rejected("total", "", why, "do not add large files")


def _object(reader: "_Reader", intake: Intake) -> int:
    byte = reader.take(1)[0]
    kind = byte >> 4 & 7
    size = byte & 15
    shift = 4
    while byte & 0x80:
        byte = reader.take(1)[0]
        size |= (byte & 0x7F) << shift
        shift += 7
        if shift > 63:
            raise _broken()
    if kind == _REF_DELTA:
        reader.take(20)
    elif kind == _OFS_DELTA:
        while reader.take(1)[0] & 0x80:
            pass
    elif kind not in (1, 2, 3, 4):
        raise _broken()
    _check(size, intake)
    start = reader.inflate(size)
    if kind not in (_OFS_DELTA, _REF_DELTA):
        return size
    _, rest = _varint(start)
    result, _ = _varint(rest)
    _check(result, intake)
    return max(size, result)


def _check(size: int, intake: Intake) -> None:
    if size > intake.blob:
        raise Rejected("size", "", f"an object of {size} bytes, of {intake.blob} allowed", "do not add large files")


def _varint(data: bytes) -> tuple[int, bytes]:
    value = 0
    for at, byte in enumerate(data[:10]):
        value |= (byte & 0x7F) << 7 * at
        if not byte & 0x80:
            return value, data[at + 1 :]
    raise _broken()


def _broken() -> Rejected:
    return Rejected("pack", "", "the pack is broken or cut short")


class _Reader:
    """Bytes and deflated data from a stream, in chunks."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._ahead = b""

    def take(self, count: int) -> bytes:
        while len(self._ahead) < count:
            self._more()
        taken, self._ahead = self._ahead[:count], self._ahead[count:]
        return taken

    def inflate(self, size: int) -> bytes:
        """Skip one deflated object that must have exactly `size` bytes; returns its first 32."""
        machine = zlib.decompressobj()
        head = b""
        done = 0
        try:
            while not machine.eof:
                if not self._ahead:
                    self._more()
                data = machine.decompress(self._ahead, _CHUNK)
                self._ahead = machine.unused_data or machine.unconsumed_tail
                done += len(data)
                if len(head) < 32:
                    head = (head + data)[:32]
                if done > size:
                    raise _broken()
        except zlib.error:
            raise _broken() from None
        if done != size:
            raise _broken()
        return head

    def _more(self) -> None:
        chunk = self._stream.read(_CHUNK)
        if not chunk:
            raise _broken()
        self._ahead += chunk
