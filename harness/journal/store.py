"""The journal: one append-only, hash-chained, epoch-fenced table of events for all runs, in one SQLite file."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from functools import reduce
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import msgspec

from harness.clean import Cleaner
from harness.events import Event, RunClaimed, RunCreated
from harness.goal import Limits
from harness.journal import audit, codec, liveness, snapshot
from harness.journal.base import (
    RUN_ID,
    Command,
    JournalError,
    Record,
    RunExists,
    StaleEpoch,
    UnknownRun,
    Verified,
)
from harness.journal.cost import settled_before
from harness.journal.database import Database
from harness.journal.folding import fold
from harness.journal.schema import sql
from harness.journal.state import State
from harness.journal.summary import Summary, advance

PAGE = 512
"""Records read at a time: what a reader holds in memory."""
ALL = (1 << 63) - 1  # a limit that limits nothing, which both dialects take


class Journal:
    """The store. Made once a process, used from any of its threads; other processes may write beside it.

    `clean` is applied to every string that comes in. `patience` is how long, in seconds, a lock of another process
    is waited for. Every method raises `JournalUnavailable` where the file fails; a call that raises has stored nothing.
    """

    def __init__(self, path: Path, clean: Callable[[str], str] | None = None, patience: float = 10.0) -> None:
        self.path = path
        self._clean = clean or Cleaner()
        self._db = self.database = Database(path, patience)
        self._before: dict[tuple[str, int], int] = {}

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def create(self, run: str, event: RunCreated, *more: Event) -> tuple[Record, ...]:
        """Begin a run, with what is known of it from the start. Raises `RunExists` when the id is taken, ValueError
        when it is not fit to be one."""
        if not RUN_ID.fullmatch(run) or run == "last":
            raise ValueError(f"not fit for a run's id: {run!r}")
        with self._db.writing() as db:
            row = db.execute(
                sql()["create"], {"run": run, "head": codec.GENESIS, "salt": os.urandom(16).hex(), "now": _now()}
            ).fetchone()
            if row is None:
                raise RunExists(run)
            return self._chain(db, run, 0, row, (event, *more), None)

    def claim(self, run: str, owner: str, limits: Limits | None = None) -> int:
        """Take the run for `owner` and return the new epoch; from here on the appends of older ones are refused.

        The event `RunClaimed` is written in the same transaction, with the new `limits` if there are any; it
        takes back an ending that the run had come to. Raises `UnknownRun`.
        """
        with self._db.writing() as db:
            row = db.execute(sql()["claim"], {"run": run, "now": _now()}).fetchone()
            if row is None:
                raise UnknownRun(run)
            epoch = int(row[0])
            self._chain(db, run, epoch, row[1:], (RunClaimed(owner=owner, resumed=epoch > 1, limits=limits),), None)
            return epoch

    def append(self, run: str, epoch: int, *events: Event, key: str | None = None) -> tuple[Record, ...]:
        """Store `events` durably, all or none, and return them as stored: cleaned, so use these from here on.

        `key` is a content key under which `find` finds them in any run; an event's own field `key` goes before it.
        Raises `StaleEpoch` when the run was claimed since, and `UnknownRun`.
        """
        if not events:
            return ()
        with self._db.writing() as db:
            row = db.execute(sql()["take"], {"run": run, "epoch": epoch, "now": _now()}).fetchone()
            if row is None:
                raise StaleEpoch(run, epoch, self._row(db, run)[1])
            records = self._chain(db, run, epoch, row, events, key)
        if records[-1].seq // snapshot.EVERY > row[0] // snapshot.EVERY:
            self._keep_fold(run)
        return records

    def read(self, run: str, after: int = 0) -> Iterator[Record]:
        """The records after sequence number `after`, in order. Holds nothing open between them."""
        return self._records("read", run, after)

    def read_back(self, run: str, before: int = ALL) -> Iterator[Record]:
        """The records before sequence number `before`, the newest first. Holds nothing open between them."""
        while True:
            bounds = {"run": run, "before": before, "limit": PAGE}
            with self._db.reading() as db:
                rows = db.execute(sql()["read_back"], bounds).fetchall()
            for row in rows:
                yield codec.record(run, row)
            if len(rows) < PAGE:
                return
            before = rows[-1][0]

    def state(self, run: str) -> State:
        """The fold of the run up to now, without reading what does not enter it. Raises `UnknownRun`."""
        return self._fold(run)[1]

    def _fold(self, run: str) -> tuple[State, State]:
        """The fold to go on from, and the same as of the run's last event, whether that one enters it or not."""
        with self._db.reading() as db:
            row = self._row(db, run)
            start = snapshot.load(db, run) if row[2] >= snapshot.EVERY else None
        after = start.seq if start else 0
        records = (record for record in self.folded(run, after) if record.seq <= row[2])
        folded = msgspec.structs.replace(fold(records, start), run=run, seq=row[2], head=row[3])
        return folded, msgspec.structs.replace(folded, touched=row[5])

    def _keep_fold(self, run: str) -> None:
        """Keep the fold of a run that has become long; what could not be kept is folded again."""
        with suppress(JournalError):
            folded, _ = self._fold(run)
            with self._db.writing() as db:
                snapshot.save(db, folded)

    def folded(self, run: str, after: int = 0) -> Iterator[Record]:
        """The records after `after` that a fold takes in; of their bulk, what it takes in."""
        return self._records("read_for_state", run, after)

    def find(self, key: str) -> Event | None:
        """The newest event stored under a content key in any run; one whose payload was erased does not count."""
        with self._db.reading() as db:
            row = db.execute(sql()["find"], {"key": key}).fetchone()
        return codec.decode(*row) if row else None

    def runs(self, limit: int | None = None) -> tuple[Summary, ...]:
        """The runs, newest first."""
        with self._db.reading() as db:
            rows = db.execute(sql()["runs"], {"limit": ALL if limit is None else limit}).fetchall()
        return tuple(self._summary(run, cached) for run, cached in rows)

    def spent(self, since: int) -> int:
        """Micro-dollars that calls were settled at since then (microseconds since 1970), or may yet be."""
        with self._db.reading() as db:
            rows = db.execute(sql()["runs_since"], {"since": since}).fetchall()
        return sum(self._spent(self._summary(*row), since) for row in rows)

    def _spent(self, row: Summary, since: int) -> int:
        key = row.run, since
        if row.created < since and key not in self._before:
            self._before[key] = settled_before(self.folded(row.run), since)
        return row.cost - self._before.get(key, 0)

    def summary(self, run: str) -> Summary:
        """One run's row of the list. Raises `UnknownRun`."""
        with self._db.reading() as db:
            return self._summary(run, self._row(db, run)[6])

    def resolve(self, prefix: str) -> str:
        """The run whose id is or begins with `prefix`, or the newest for `last`. Raises `UnknownRun`."""
        with self._db.reading() as db:
            if prefix == "last":
                newest = db.execute(sql()["last_run"]).fetchone()
                if newest is None:
                    raise UnknownRun(prefix)
                return str(newest[0])
            found = [row[0] for row in db.execute(sql()["runs_like"], {"prefix": prefix})]
            if prefix in found or (prefix and len(found) == 1):
                return prefix if prefix in found else str(found[0])
            if found and prefix:
                raise UnknownRun(prefix, tuple(found), ambiguous=True)
            recent = [row[0] for row in db.execute(sql()["recent_ids"])]
        import difflib  # only for an error message

        raise UnknownRun(prefix, tuple(difflib.get_close_matches(prefix, recent, n=3)))

    def post(self, run: str, kind: str, text: str = "", principal: str = "") -> int:
        """Write a command for the run and return its id. Raises `UnknownRun`."""
        said = {"kind": kind, "text": self._clean(text), "principal": self._clean(principal)}
        with self._db.writing() as db:
            number = db.execute(sql()["next_command"], {"run": run}).fetchone()
            if number is None:
                raise UnknownRun(run)
            db.execute(sql()["add_command"], {"run": run, "now": _now(), "id": number[0], **said})
            return int(number[0])

    def commands(self, run: str, after: int = 0, limit: int | None = None) -> tuple[Command, ...]:
        """The run's commands after id `after`, in order."""
        with self._db.reading() as db:
            bounds = {"run": run, "after": after, "limit": ALL if limit is None else limit}
            return tuple(Command(*row) for row in db.execute(sql()["commands"], bounds))

    def verify(self, run: str) -> Verified:
        """Audit the run's chain. Raises `UnknownRun`."""
        with self._db.reading() as db:
            db.execute("BEGIN")  # one snapshot, so that a run which goes on meanwhile is judged as it stood
            row = self._row(db, run)
            rows = db.execute(sql()["read_for_audit"], {"run": run, "after": 0, "limit": ALL})
            return audit.verify(run, rows, seq=row[2], head=row[3], salt=row[4])

    def link(self, run: str, seq: int) -> str:
        """The hash of one event, `` when there is no such event."""
        with self._db.reading() as db:
            row = db.execute(sql()["link"], {"run": run, "seq": seq}).fetchone()
        return str(row[0]) if row else ""

    def heads(self) -> tuple[tuple[str, int, str], ...]:
        """Every run with its last event's number and hash, oldest first."""
        with self._db.reading() as db:
            return tuple(db.execute(sql()["heads"]).fetchall())

    def hold(self, run: str) -> AbstractContextManager[None]:
        """Hold the run as alive while it is pursued; frees itself when the process dies. Raises `RunHeld`."""
        return liveness.hold(self._lock(run), run)

    def is_held(self, run: str) -> bool:
        """Whether a living process of this machine pursues the run."""
        return liveness.held(self._lock(run))

    def _lock(self, run: str) -> Path:
        if not RUN_ID.fullmatch(run):
            raise UnknownRun(run)
        return self.path.parent / "runs" / f"{run}.lock"

    def _chain(
        self, db: Connection, run: str, epoch: int, row: Any, events: tuple[Event, ...], key: str | None
    ) -> tuple[Record, ...]:
        """Write `events` after the run's last; `row` is what the statements `create`, `claim`, `take` return."""
        seq, head, salt, ts, cached = row
        summary = self._summary(run, cached)
        records, event_rows, payload_rows = [], [], []
        for raw in events:
            event = codec.scrub(raw, self._clean)
            coded = codec.encode(event, salt)
            prev, seq = head, seq + 1
            head = codec.link_hash(run, seq, epoch, ts, coded.type, coded.hdr, coded.digest, prev)
            event_rows.append(
                {
                    "run": run, "seq": seq, "epoch": epoch, "ts": ts, "type": coded.type,
                    "hdr": coded.hdr.decode(), "payload": coded.digest, "prev": prev, "hash": head,
                    "key": getattr(event, "key", "") or key,
                }
            )  # fmt: skip
            if coded.digest:
                payload_rows.append({"run": run, "digest": coded.digest, "body": coded.body})
            records.append(Record(run, seq, epoch, ts, event, head))
            summary = advance(summary, records[-1])
        db.executemany(sql()["add_payload"], payload_rows)
        db.executemany(sql()["add_event"], event_rows)
        text = msgspec.json.encode(summary).decode()
        db.execute(sql()["put"], {"run": run, "seq": seq, "head": head, "summary": text})
        return tuple(records)

    def _records(self, statement: str, run: str, after: int) -> Iterator[Record]:
        while True:
            with self._db.reading() as db:
                rows = db.execute(sql()[statement], {"run": run, "after": after, "limit": PAGE}).fetchall()
            for row in rows:
                yield codec.record(run, row)
            if len(rows) < PAGE:
                return
            after = rows[-1][0]

    def _summary(self, run: str, cached: str) -> Summary:
        """The cached summary or, where there is none, the one that the events give."""
        if cached:
            with suppress(msgspec.MsgspecError):
                return _SUMMARY.decode(cached)
        return reduce(advance, self.folded(run), Summary(run=run))

    def _row(self, db: Connection, run: str) -> Any:
        row = db.execute(sql()["run"], {"run": run}).fetchone()
        if row is None:
            raise UnknownRun(run)
        return row


_SUMMARY = msgspec.json.Decoder(Summary)


def _now() -> int:
    return time.time_ns() // 1000
