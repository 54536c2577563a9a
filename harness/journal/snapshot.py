"""The fold of a long run, kept beside it so that opening it need not read all of its past.

Derived data and nothing more: a snapshot counts only while the event it ends at still has the hash it had, and while
the code that folds is the code that made it. Everything else is folded from the first event.
"""

import hashlib
from functools import cache
from pathlib import Path
from sqlite3 import Connection

import msgspec

from harness.journal.schema import sql
from harness.journal.state import State

EVERY = 4_096
"""Events after which the fold is kept anew: reading as many takes some 20 ms."""


def load(db: Connection, run: str) -> State | None:
    """The newest fold that can be trusted, None when there is none."""
    row = db.execute(sql()["snapshot"], {"run": run}).fetchone()
    if row is None or row[1] != code():
        return None
    try:
        return _decoder().decode(row[0])
    except msgspec.MsgspecError:
        return None


def save(db: Connection, state: State) -> None:
    """Keep the fold of a run."""
    row = {"run": state.run, "seq": state.seq, "hash": state.head, "code": code(), "body": msgspec.json.encode(state)}
    db.execute(sql()["save_snapshot"], row)


@cache
def code() -> str:
    """A digest of all code that decides what the fold is."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for file in sorted((*here.glob("*.py"), *here.with_name("events").glob("*.py"))):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:32]


@cache
def _decoder() -> msgspec.json.Decoder[State]:
    return msgspec.json.Decoder(State)
