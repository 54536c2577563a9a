"""What a command prints: head and tail in memory, all of it in a spill file once it is long."""

from __future__ import annotations

import os

SPILL = "/run/output"
SLACK = 1 << 20
"""Bytes by which a tail may outgrow its share before it is cut: cutting at every chunk would cost more."""


class Spills:
    """Files of whole outputs in a directory of root's: the agent can read them, not forge or replace them.

    Each holds the first `limit` bytes of an output, and the last `keep` files are there.
    """

    def __init__(self, limit: int, keep: int = 2, directory: str = SPILL) -> None:
        self.limit, self.keep, self.directory, self.last = limit, keep, directory, 0
        os.makedirs(directory, mode=0o755, exist_ok=True)

    def create(self) -> tuple[int, int | None]:
        """A new file: its number and its descriptor (None when there is no room for one)."""
        self.last += 1
        try:
            if self.last > self.keep:
                os.unlink(f"{self.directory}/{self.last - self.keep}")
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            return self.last, os.open(f"{self.directory}/{self.last}", flags, 0o644)
        except OSError:
            return self.last, None


class Output:
    """One stream. At most `cap` bytes are kept: the first half of it and the last."""

    def __init__(self, cap: int, spills: Spills) -> None:
        self.head, self.tail, self.total = bytearray(), bytearray(), 0
        self.front, self.back, self.spills = cap // 2, cap - cap // 2, spills
        self.number: int | None = None
        self.file: int | None = None
        self.room = spills.limit

    def add(self, chunk: bytes) -> None:
        self.total += len(chunk)
        if self.number is None and self.total > self.front + self.back:
            self.number, self.file = self.spills.create()
            self.spill(bytes(self.head + self.tail))
        self.spill(chunk)
        free = self.front - len(self.head)
        self.head += chunk[:free]
        self.tail += chunk[free:]
        if len(self.tail) > self.back + SLACK:
            del self.tail[: len(self.tail) - self.back]

    def spill(self, data: bytes) -> None:
        if self.file is None:
            return
        data = data[: self.room]
        try:
            written = os.write(self.file, data)
        except OSError:
            written = -1
        self.room -= written
        if written < len(data) or not self.room:
            self.close()

    def close(self) -> None:
        if self.file is not None:
            os.close(self.file)
            self.file = None

    def kept(self) -> bytes:
        """Head and tail, one after the other; `total` minus its length was left out between them."""
        self.close()
        return bytes(self.head + self.tail[max(len(self.tail) - self.back, 0) :])
