"""The journal's SQL by name, and its schema from any version to this one."""

import sqlite3
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from harness.journal.base import JournalUnavailable


@cache
def sql() -> dict[str, str]:
    """The statements of `journal.sql` by name."""
    return statements(Path(__file__).with_name("journal.sql").read_text())


def statements(text: str) -> dict[str, str]:
    """The sections of an SQL file: each begins with a line `-- name: NAME`."""
    named: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("-- name: "):
            lines = named[line.removeprefix("-- name: ").strip()] = []
        else:
            lines.append(line)
    return {name: "\n".join(lines).strip() for name, lines in named.items()}


def steps(named: Mapping[str, str]) -> dict[int, tuple[str, ...]]:
    """The schema's sections in order: version -> the statements that bring the version before it there."""
    found: dict[int, tuple[str, ...]] = {}
    for version in range(1, len(named) + 1):
        if f"schema.{version}" not in named:
            break
        parts = (named[f"schema.{version}"], named.get(f"schema.{version}.sqlite", ""))
        found[version] = tuple(statement for part in parts for statement in split(part))
    return found


def split(script: str) -> Iterator[str]:
    """The single statements of a script, triggers whole."""
    pending = ""
    for line in script.splitlines():
        pending += line + "\n"
        if ";" in line and sqlite3.complete_statement(pending):
            yield pending.strip()
            pending = ""


def upgrade(db: sqlite3.Connection, ladder: Mapping[int, tuple[str, ...]]) -> int:
    """Bring the database to the ladder's last version, all steps or none, and return that version.

    `db` is in autocommit mode. Raises `JournalUnavailable` for a newer schema and for a database of something
    else.
    """
    newest = max(ladder)
    if version(db, newest) == newest:
        return newest
    db.execute("BEGIN IMMEDIATE")
    try:
        at = version(db, newest)  # another process may have been faster
        for step in range(at + 1, newest + 1):
            for statement in ladder[step]:
                db.execute(statement)
            db.execute(sql()["set_version"], {"version": str(step)})
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return newest


def version(db: sqlite3.Connection, newest: int) -> int:
    """The schema's version, 0 for an empty database. Raises `JournalUnavailable` as `upgrade` does."""
    tables = {name for (name,) in db.execute(sql()["tables.sqlite"])}
    if not tables:
        return 0
    row = db.execute(sql()["version"]).fetchone() if "meta" in tables else None
    if row is None or not str(row[0]).isdecimal():
        raise JournalUnavailable(
            "the journal cannot be opened",
            "the file is a database of something else",
            "move it away, or set LOOPWRIGHT_HOME to another directory",
        )
    if int(row[0]) > newest:
        raise JournalUnavailable(
            "the journal cannot be opened",
            f"a newer Loopwright wrote it (schema {row[0]}, this one knows {newest})",
            "upgrade Loopwright, or set LOOPWRIGHT_HOME to another directory",
        )
    return int(row[0])
