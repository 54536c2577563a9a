"""From an event to what is stored and back: canonical JSON, payloads beside it, and the chain of hashes.

Canonical JSON has sorted keys, no spaces, UTF-8 and integers only, so that RFC 8785 and this encoder agree and an
auditor needs nothing of ours. The functions are pure: any store can stand on them.
"""

import hashlib
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec

from gates.base import Failure, GateResult
from harness.clean import clean as strip
from harness.events import Event, GateFinished, ModelReplied, SandboxUsed
from harness.journal.base import JournalUnavailable, Record

VERSION = 1
"""Of the hashed record; in every link, so that a later layout can be told from this one."""
GENESIS = "0" * 64
"""What stands before the first event."""
DEFLATE_FROM = 256
"""Bytes from which a payload is deflated."""
VERBATIM: dict[type, str] = {ModelReplied: "wire", SandboxUsed: "calls"}
"""What is not cleaned here: replies go back to the model byte for byte (they are JSON: control characters are
escapes), and what a sandbox answered is parsed again by a replay (its recorder has redacted it)."""
NAMES: dict[type, tuple[str, ...]] = {
    GateResult: ("passed", "skipped"),
    Failure: ("id",),
    GateFinished: ("new_failures", "baseline_failures"),
}
"""Ids that are compared between runs: control sequences are removed from them, but nothing is redacted, or a test
whose parameter looks like a credential would never be found again."""

_canonical = msgspec.json.Encoder(order="sorted")


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """What a hash covers."""

    run: str
    seq: int
    epoch: int
    ts: int
    type: str
    hdr: msgspec.Raw
    payload: str
    prev: str
    v: int = VERSION


class Coded(msgspec.Struct, frozen=True):
    """An event taken apart for storage; `digest` and `body` are empty when it has no bulk to keep."""

    type: str
    hdr: bytes
    digest: str
    body: bytes


def canonical(value: object) -> bytes:
    """`value` as canonical JSON."""
    return _canonical.encode(value)


def digest(salt: str, body: bytes) -> str:
    """The name of a payload: sha256 over the run's salt and the canonical body, in hex."""
    return hashlib.sha256(salt.encode() + body).hexdigest()


def link_hash(run: str, seq: int, epoch: int, ts: int, kind: str, hdr: bytes, payload: str, prev: str) -> str:
    """The hash of one event: it covers the event, its payload's digest and, by `prev`, everything before."""
    link = Link(run=run, seq=seq, epoch=epoch, ts=ts, type=kind, hdr=msgspec.Raw(hdr), payload=payload, prev=prev)
    return hashlib.sha256(_canonical.encode(link)).hexdigest()


def encode(event: Event, salt: str) -> Coded:
    """Take `event` apart."""
    tag, header, bulk = _layout(type(event))
    hdr: dict[str, Any] = {name: getattr(event, name) for name in header}
    hdr["type"] = tag
    body = {name: value for name, default in bulk if (value := getattr(event, name)) != default}
    if not body:
        return Coded(tag, _canonical.encode(hdr), "", b"")
    raw = _canonical.encode(body)
    stored = zlib.compress(raw, 1) if len(raw) >= DEFLATE_FROM else raw
    return Coded(tag, _canonical.encode(hdr), digest(salt, raw), stored)


def inflate(body: bytes) -> bytes:
    """A stored payload as canonical JSON. Raises `zlib.error` when it was tampered with."""
    return body if body[:1] == b"{" else zlib.decompress(body)


def decode(hdr: str, body: bytes | None) -> Event:
    """The event of a stored header and payload; what was erased has its default.

    Raises `msgspec.ValidationError` for an event that this version does not know.
    """
    if not body:
        return _decoder().decode(hdr)
    return _decoder().decode(hdr[:-1].encode() + b"," + inflate(body)[1:])


def record(run: str, row: tuple[int, int, int, str, str, bytes | None]) -> Record:
    """A row of the statements `read` and `read_for_state`. Raises `JournalUnavailable` for what it cannot read."""
    seq, epoch, ts, hash_, hdr, body = row
    try:
        return Record(run, seq, epoch, ts, decode(hdr, body), hash_)
    except (msgspec.MsgspecError, zlib.error) as error:
        fix = f"a newer Loopwright wrote it: upgrade; or it was changed: loopwright audit verify {run}"
        raise JournalUnavailable(f"event {seq} of run {run} cannot be read", str(error), fix) from error


def scrub(event: Event, clean: Callable[[str], str]) -> Event:
    """`event` with every string in it cleaned, but for `VERBATIM`."""
    scrubbed: Event = _scrub(event, clean, VERBATIM.get(type(event), ""))
    return scrubbed


def _scrub(value: Any, clean: Callable[[str], str], verbatim: str = "") -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, tuple):
        items = tuple([_scrub(item, clean) for item in value])
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    if isinstance(value, msgspec.Struct):
        changed = {}
        for name in value.__struct_fields__:
            old = getattr(value, name)
            if name == verbatim and not isinstance(old, str):
                continue
            how = strip if name in NAMES.get(type(value), ()) else clean
            new = _encodable(old) if name == verbatim else _scrub(old, how)
            if new is not old:
                changed[name] = new
        return msgspec.structs.replace(value, **changed) if changed else value
    return value


def _encodable(text: str) -> str:
    """Lone surrogates cannot be stored, nor ever have been sent."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


@cache
def _layout(kind: type[Event]) -> tuple[str, tuple[str, ...], tuple[tuple[str, Any], ...]]:
    """A type's tag, its header fields, and its bulk fields with their defaults."""
    fields = msgspec.structs.fields(kind)
    header = tuple(field.name for field in fields if field.name not in kind.bulk)
    return (
        str(kind.__struct_config__.tag),
        header,
        tuple((f.name, f.default) for f in fields if f.name in kind.bulk),
    )


@cache
def _decoder() -> msgspec.json.Decoder[Event]:
    return msgspec.json.Decoder(Event)
