"""The connections to one SQLite file: one writer, readers as needed, and errors that say what to do."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock, RLock

from harness.journal.base import JournalUnavailable
from harness.journal.schema import sql, steps, upgrade


class Database:
    """One journal file, safe to use from many threads and beside other processes.

    Writes go one at a time through a connection of their own; each is durable when `writing` ends (WAL with
    synchronous=FULL: one fsync a transaction). `patience` is how long another process's lock is waited for, in
    seconds. All methods raise `JournalUnavailable`.
    """

    def __init__(self, path: Path, patience: float = 10.0) -> None:
        self.path, self._patience = path, patience
        self._write_lock, self._pool_lock = RLock(), Lock()
        self._readers: list[sqlite3.Connection] = []
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _make_private(path)
            made = path.stat()
            self._inode = (made.st_dev, made.st_ino)
            self._writer = self._connect()
            try:
                upgrade(self._writer, steps(sql()))
            except BaseException:
                self._writer.close()
                raise

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: committed durably at the end, or rolled back as a whole."""
        with self._write_lock, explained(self.path):
            self._check_place()
            db = self._writer
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    with suppress(sqlite3.Error):
                        db.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to read from; to be held for one statement or one snapshot, not for a consumer's pace."""
        with explained(self.path):
            self._check_place()
            with self._pool_lock:
                db = self._readers.pop() if self._readers else None
            db = db or self._connect()
            try:
                yield db
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                with self._pool_lock:
                    self._readers.append(db)

    def close(self) -> None:
        """Close every connection; the journal is not used after that."""
        with self._write_lock, self._pool_lock:
            for db in (self._writer, *self._readers):
                db.close()
            self._readers.clear()

    def _check_place(self) -> None:
        """SQLite goes on with a file that was deleted under it: nothing that is written there would outlive the
        process, and what is read there is no longer what others write."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            found = None
        if found is None or (found.st_dev, found.st_ino) != self._inode:
            raise JournalUnavailable(
                f"the journal {self.path} cannot be used",
                "it was moved or deleted while in use",
                "put it back, then go on with: loopwright resume RUN",
            )

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=self._patience, isolation_level=None, check_same_thread=False)
        try:
            self._use_wal(db)
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            db.close()
            raise
        return db

    def _use_wal(self, db: sqlite3.Connection) -> None:
        """Set the mode that lasts in the file; SQLite does not wait for others while it is being changed."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                if db.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
                    return
                if db.execute("PRAGMA journal_mode = WAL").fetchone()[0] == "wal":
                    return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                raise JournalUnavailable(
                    "the journal cannot be opened",
                    "its file system cannot share a write-ahead log",
                    "set LOOPWRIGHT_HOME to a directory on a local disk",
                )


def _make_private(path: Path) -> None:
    """Make the file before SQLite fills it. One that is there is never opened here: closing any descriptor of a file
    drops every lock this process has on it (POSIX), those of another `Database` of this process too, and then another
    process may take the log from under it (SQLite, "How To Corrupt", 2.2)."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


FREE_SPACE = "free some space, then go on with: loopwright resume RUN"
CAUSES = {
    sqlite3.SQLITE_FULL: ("the disk is full", FREE_SPACE),
    sqlite3.SQLITE_READONLY: ("its file or directory is read-only", "make it writable again"),
    sqlite3.SQLITE_CANTOPEN: ("the file cannot be opened", "check its directory and permissions"),
    sqlite3.SQLITE_PERM: ("permission denied", "check its permissions"),
    sqlite3.SQLITE_BUSY: ("another process keeps it locked", "end that process, then try again"),
    sqlite3.SQLITE_LOCKED: ("another process keeps it locked", "end that process, then try again"),
    sqlite3.SQLITE_NOTADB: ("the file is not a database", "move it away, or set LOOPWRIGHT_HOME elsewhere"),
    sqlite3.SQLITE_CORRUPT: ("the file is damaged", "restore it from a backup, or move it away"),
    sqlite3.SQLITE_IOERR: ("the disk refuses (full, or failing)", FREE_SPACE),
}


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what the operating system or SQLite says into `JournalUnavailable`."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        why, fix = CAUSES.get(code, (str(error), "report this as a defect"))
        raise JournalUnavailable(f"the journal {path} cannot be used", f"{why} ({error})", fix) from error
    except OSError as error:
        raise JournalUnavailable(
            f"the journal {path} cannot be used",
            error.strerror or str(error),
            "check the directory, or set LOOPWRIGHT_HOME to another one",
        ) from error
