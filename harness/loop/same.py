"""Whether two events are the same, and where they differ: what no run can repeat (durations, clocks) is left out."""

from collections.abc import Iterator
from typing import Any

import msgspec

from harness.events import Event, ModelRequested
from harness.loop.recording import MADE_UP

FLEETING = frozenset(("micros", "retry_micros", "owner", "deadline", "until", "request", "params"))
"""Fields that are never the same twice. The request itself is compared byte by byte."""
AROUND = 60
"""Bytes shown on each side of a difference."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The first difference of a replay: at which event, in what, and how it was and is. `byte` counts from 0."""

    seq: int
    what: str
    now: str
    then: str
    byte: int = -1


def comparable(event: Event) -> Any:
    """An event as plain data, without what is never the same twice."""
    return _plain(msgspec.to_builtins(event))


def differing(seq: int, name: str, now: Any, then: Any) -> Difference:
    """The first difference between two comparable events."""
    if now.get("type") != then.get("type"):
        return Difference(seq=seq, what="another event came", now=_short(now), then=_short(then))
    where, new, old = next(_paths(name, now, then))
    at = next((n for n, (a, b) in enumerate(zip(new, old, strict=False)) if a != b), min(len(new), len(old)))
    return Difference(seq=seq, what=where, now=_cut(new, at), then=_cut(old, at))


def first_byte(seq: int, sent: ModelRequested, now: bytes, then: bytes) -> Difference:
    """Where a request begins to differ from the one that was sent."""
    at = next((n for n, (a, b) in enumerate(zip(now, then, strict=False)) if a != b), min(len(now), len(then)))
    return Difference(
        seq=seq,
        what=f"the request {sent.conversation} call {sent.call} differs from byte {at}",
        now=_around(now, at),
        then=_around(then, at),
        byte=at,
    )


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {name: _plain(one) for name, one in value.items() if name not in FLEETING}
        case list() | tuple():
            return [_plain(one) for one in value]
        case str():
            return MADE_UP.sub("lw", value)
        case _:
            return value


def _paths(where: str, now: Any, then: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(now, dict) and isinstance(then, dict):
        for name in dict.fromkeys((*then, *now)):
            if now.get(name) != then.get(name):
                yield from _paths(f"{where}.{name}", now.get(name), then.get(name))
    elif isinstance(now, list) and isinstance(then, list) and len(now) == len(then):
        for n, (new, old) in enumerate(zip(now, then, strict=True)):
            if new != old:
                yield from _paths(f"{where}[{n}]", new, old)
    else:
        yield where, _text(now), _text(then)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _short(value: Any) -> str:
    return _text(value)[:200]


def _cut(text: str, at: int) -> str:
    return text[max(0, at - AROUND) : at + AROUND]


def _around(data: bytes, at: int) -> str:
    return data[max(0, at - AROUND) : at + AROUND].decode(errors="replace")
