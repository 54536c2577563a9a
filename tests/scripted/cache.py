"""The prompt cache of the Messages API, played: what a request would read, store and pay in full.

Rules after the documentation of prompt caching: the prefix is tools, system, messages; entries end at marked
blocks; a mark finds the entries of the 20 blocks before it; at most four marks; 1-hour marks stand before
5-minute ones; nothing shorter than 1,024 tokens is stored. A token is taken to be four bytes.
"""

import hashlib
import time
from collections.abc import Iterator
from typing import Any

import msgspec

LOOKBACK = 20
SECONDS = {"5m": 300, "1h": 3600}


class BadMarks(Exception):
    """The API would refuse these cache marks."""


class _Body(msgspec.Struct):
    model: str
    messages: list[msgspec.Raw]
    tools: list[msgspec.Raw] = []
    system: str | list[msgspec.Raw] = ""
    cache_control: dict[str, Any] | None = None


class _Message(msgspec.Struct):
    role: str
    content: str | list[msgspec.Raw]


_bodies = msgspec.json.Decoder(_Body)
_messages = msgspec.json.Decoder(_Message)


def _mark(raw: bytes) -> tuple[bytes, str | None]:
    """The block without its mark, and the mark's time to live."""
    if b'"cache_control"' not in raw:
        return raw, None
    block = msgspec.json.decode(raw)
    mark = block.pop("cache_control", None)
    return (msgspec.json.encode(block), mark.get("ttl", "5m")) if mark else (raw, None)


def _blocks(body: _Body) -> Iterator[tuple[bytes, str | None]]:
    for tool in body.tools:
        yield _mark(bytes(tool))
    match body.system:
        case "":
            pass
        case str(text):
            yield text.encode(), None
        case blocks:
            yield from (_mark(bytes(block)) for block in blocks)
    for raw in body.messages:
        message = _messages.decode(raw)
        match message.content:
            case str(text):
                yield text.encode(), None
            case blocks:
                yield from (_mark(bytes(block)) for block in blocks)


class Cache:
    """One organisation's cache. Not thread-safe."""

    def __init__(self, minimum: int = 1024) -> None:
        self.minimum = minimum
        self._entries: dict[bytes, tuple[float, int]] = {}
        """Prefix -> when it expires, and how many seconds each use gives it."""

    def count(self, raw: bytes) -> int:
        """Tokens of a request, as `count_tokens` would say."""
        return sum(max(1, len(block) // 4) for block, _ in _blocks(_bodies.decode(raw)))

    def usage(self, raw: bytes) -> dict[str, Any]:
        """Account for one request and store what its marks say. Raises `BadMarks`."""
        body = _bodies.decode(raw)
        digest, total = hashlib.sha256(body.model.encode()), 0
        names: list[bytes] = []
        sums: list[int] = []
        marks: list[tuple[int, str]] = []
        for index, (block, ttl) in enumerate(_blocks(body)):
            digest.update(b"%d:" % len(block) + block)
            total += max(1, len(block) // 4)
            names.append(digest.digest())
            sums.append(total)
            if ttl:
                marks.append((index, ttl))
        if body.cache_control and not (marks and marks[-1][0] == len(names) - 1):
            marks.append((len(names) - 1, body.cache_control.get("ttl", "5m")))
        order = [ttl for _, ttl in marks]
        if len(marks) > 4:
            raise BadMarks(f"a maximum of 4 blocks with cache_control may be provided, found {len(marks)}")
        if order != sorted(order):
            raise BadMarks("a ttl='1h' cache_control block must not come after a ttl='5m' one")
        return self._settle(names, sums, [mark for mark in marks if sums[mark[0]] >= self.minimum], total)

    def _settle(self, names: list[bytes], sums: list[int], marks: list[tuple[int, str]], total: int) -> dict[str, Any]:
        now = time.monotonic()
        read = -1
        for mark, _ in marks:
            for index in range(mark, max(-1, mark - LOOKBACK), -1):
                if self._entries.get(names[index], (0, 0))[0] > now:
                    read = max(read, index)
                    break
        if read >= 0:
            seconds = self._entries[names[read]][1]
            self._entries[names[read]] = (now + seconds, seconds)
        reached = sums[read] if read >= 0 else 0
        long = max([sums[mark] for mark, ttl in marks if ttl == "1h"] + [reached])
        last = max([sums[mark] for mark, _ in marks] + [reached])
        for mark, ttl in marks:
            entry = (now + SECONDS[ttl], SECONDS[ttl])
            self._entries[names[mark]] = max(entry, self._entries.get(names[mark], (0, 0)))
        return {
            "input_tokens": total - last,
            "cache_read_input_tokens": reached,
            "cache_creation_input_tokens": last - reached,
            "cache_creation": {
                "ephemeral_5m_input_tokens": last - long,
                "ephemeral_1h_input_tokens": long - reached,
            },
        }
