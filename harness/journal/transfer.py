"""A run out of a journal as an archive, into one from an archive, and its payloads out of the world."""

import sqlite3
from pathlib import Path

import msgspec

from harness.events import PayloadsErased
from harness.journal import archive
from harness.journal.base import RUN_ID, ArchiveRefused, JournalUnavailable, RunExists, UnknownRun
from harness.journal.schema import sql
from harness.journal.store import ALL, Journal


def export(journal: Journal, run: str, path: Path, pack: bytes, version: str = "") -> None:
    """Write the run as an archive of its own, with the `pack` of its commits. Raises `UnknownRun`, `OSError`."""
    with journal.database.reading() as db:
        db.execute("BEGIN")
        row = db.execute(sql()["whole_run"], {"run": run}).fetchone()
        if row is None:
            raise UnknownRun(run)
        names = ("id", "epoch", "seq", "head", "salt", "created", "touched")
        manifest = archive.Manifest(**dict(zip(names, row, strict=True)), version=version)
        rows = db.execute(sql()["read_for_audit"], {"run": run, "after": 0, "limit": ALL})
        failed: OSError | None = None
        try:
            archive.write(path, manifest, rows, pack)
        except OSError as error:  # the archive's, not the journal's
            failed = error
    if failed:
        raise failed


def load(journal: Journal, source: archive.Opened) -> str:
    """Take in the run of an archive as it is, and return its id; `verify` tells whether its chain holds.

    Raises `RunExists`, and `ArchiveRefused` for what no journal holds.
    """
    run = source.manifest.id
    if not RUN_ID.fullmatch(run) or run == "last":
        raise ArchiveRefused("the archive cannot be read", f"{run[:80]!r} is not fit for a run's id")
    try:
        _take(journal, source, run)
    except (sqlite3.Error, OverflowError) as error:
        raise ArchiveRefused("the archive cannot be read", str(error)) from error
    except JournalUnavailable as error:
        if not isinstance(error.__cause__, sqlite3.IntegrityError):
            raise
        raise ArchiveRefused("the archive cannot be read", f"no journal holds such rows ({error.__cause__})") from error
    return run


def _take(journal: Journal, source: archive.Opened, run: str) -> None:
    with journal.database.writing() as db:
        given = msgspec.structs.asdict(source.manifest)
        if db.execute(sql()["add_run"], given).fetchone() is None:
            raise RunExists(run)
        for one in source.payloads():
            db.execute(sql()["add_payload"], {"run": run, "digest": one.digest, "body": one.body.encode()})
        for event in source.events():
            db.execute(sql()["add_event"], {"run": run, "key": None, **msgspec.structs.asdict(event)})


def erase(journal: Journal, run: str, why: str = "", principal: str = "") -> int:
    """Erase the bulk of a run: what models and tools said, and results in full. The chain stays whole.

    Returns how many payloads there were. Raises `UnknownRun`, `RunHeld` while a process pursues the run.
    """
    with journal.hold(run):
        with journal.database.writing() as db:
            row = db.execute(sql()["whole_run"], {"run": run}).fetchone()
            if row is None:
                raise UnknownRun(run)
            epoch = row[1]
            count = db.execute(sql()["erase"], {"run": run}).rowcount
            db.execute(sql()["drop_snapshot"], {"run": run})  # it holds what was erased
        if count:
            journal.append(run, epoch, PayloadsErased(count=count, why=why, principal=principal))
    return int(count)
