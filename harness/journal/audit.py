"""Whether a run's chain holds: every event's hash, order and payload, against what the run's row says."""

from collections.abc import Iterable
from zlib import error

from harness.journal.base import Verified
from harness.journal.codec import GENESIS, digest, inflate, link_hash

Row = tuple[int, int, int, str, str, str, str, str, bytes | None]
"""A row of the statement `read_for_audit`: seq, epoch, ts, type, hdr, payload, prev, hash, body."""


def verify(run: str, rows: Iterable[Row], *, seq: int, head: str, salt: str) -> Verified:
    """Walk the chain. `seq`, `head` and `salt` are the run's own row.

    An erased payload is counted and leaves the chain whole; one that is there must be what its digest says.
    """
    at, prev, epoch, pruned = 0, GENESIS, 0, 0
    for row in rows:
        if wrong := _wrong(run, row, at + 1, prev, epoch, salt):
            return Verified(False, at + 1, wrong, pruned, prev, at)
        at, prev, epoch = row[0], row[7], row[1]
        pruned += bool(row[5] and row[8] is None)
    if (at, prev) != (seq, head):
        return Verified(False, at + 1, "the run's last events are missing", pruned, prev, at)
    return Verified(True, 0, "", pruned, prev, at)


def _wrong(run: str, row: Row, expected: int, before: str, newest: int, salt: str) -> str:
    """What does not hold about one event; empty when all does."""
    seq, epoch, ts, kind, hdr, payload, prev, its_hash, body = row
    try:
        if seq != expected:
            return "the event is missing"
        if link_hash(run, seq, epoch, ts, kind, hdr.encode(), payload, prev) != its_hash:
            return "the event was changed"
        if prev != before:
            return "it does not follow the event before it"
        if epoch < newest:
            return "its epoch is older than the one before"
        if payload and body is not None and digest(salt, inflate(body)) != payload:
            return "its payload was changed"
    except (error, UnicodeEncodeError, AttributeError, TypeError):
        return "the event was changed"
    return ""
