"""Whether what is kept beside a run's events, so that they need not all be read, says what they say."""

from functools import reduce

import msgspec

from harness.journal import snapshot
from harness.journal.folding import fold
from harness.journal.schema import sql
from harness.journal.store import Journal
from harness.journal.summary import Summary, advance

SAID = ("goal", "outcome", "reason", "exit_code", "branch", "accounts", "created", "ended")
"""Of a summary: what older versions have kept as well."""


def differs(journal: Journal, run: str) -> str:
    """What is kept of the run and is not what its events give, in words; empty when all is.

    Lists, folds and the day's money are read from there, so whoever changes it need not touch an event.
    """
    with journal.database.reading() as db:
        db.execute("BEGIN")  # one snapshot of the file: the run may go on meanwhile
        row = db.execute(sql()["run"], {"run": run}).fetchone()
        state = snapshot.load(db, run)
    if row is None:
        return ""
    records = [record for record in journal.folded(run) if record.seq <= row[2]]
    given = reduce(advance, records, Summary(run=run))
    try:
        kept = msgspec.json.decode(row[6], type=Summary) if row[6] else given
    except msgspec.MsgspecError:
        kept = Summary(run=run)
    if any(getattr(kept, name) != getattr(given, name) for name in SAID):
        return "what lists show of it is not what its events say"
    if state:
        folded = fold(record for record in records if record.seq <= state.seq)
        if state != msgspec.structs.replace(folded, run=run, seq=state.seq, head=state.head):
            return "the fold that is kept of it is not that of its events"
    return ""
