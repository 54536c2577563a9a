"""Removing what no run needs any more: on the engine, in the seeds, and in the stores."""

import time

from harness.config import Places
from harness.exits import LIMIT, PARKED
from harness.goal import MICRO
from harness.journal import Journal, Summary
from harness.loop.prepare import engine_of
from harness.repo import Repository, Store

DAY = 86_400


def tidy(places: Places, journal: Journal, *, everything: bool, days: int | None) -> tuple[str, ...]:
    """Remove what dead runs left, and say what it was. Interrupted runs stay resumable unless `everything`.

    Candidates of runs that the journal does not know go, and with `days` those of runs that ended so long ago.
    """
    keep = frozenset(row.run for row in journal.runs() if journal.is_held(row.run) or (goes_on(row) and not everything))
    removed = engine_of(places).gc(keep, places.home / "seeds" if everything else None)
    before = 0.0 if days is None else (time.time() - days * DAY) * MICRO
    return (*removed, *_candidates(places, journal, keep, before))


def goes_on(row: Summary) -> bool:
    """Whether `resume` would go on in the run's work tree."""
    return row.outcome in (None, "cancelled", "failed") or row.exit_code in (LIMIT, PARKED)


def _candidates(places: Places, journal: Journal, keep: frozenset[str], before: float) -> tuple[str, ...]:
    gone = []
    for path in sorted((places.home / "store").glob("*.git")):
        store = Store(places.home, Repository(root=path, git_dir=path, head_dir=path, bare=True, id=path.stem))
        held = frozenset(run for run in store.runs() if not journal.is_held(run))  # first: it may be made just now
        known = {row.run for row in journal.runs() if row.run in keep or not 0 < row.ended < before}
        for run in sorted(held - known):
            store.forget(run)
            gone.append(f"candidates of {run}")
        if held - known:
            store.compact()
        store.close()
    return tuple(gone)
