"""Where a run is read from: this machine's journal, or an archive that `export` wrote, on any machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from harness.clean import clean
from harness.config import places
from harness.events import RunCreated
from harness.journal import ArchiveRefused, Journal, Record, State, fold
from harness.journal.codec import scrub

if TYPE_CHECKING:
    from harness.loop.scene import Scene


class Source:
    """A run in a journal; `pack` holds the objects of its commits when they came in an archive."""

    def __init__(self, journal: Journal, run: str, home: Path, pack: bytes | None = None) -> None:
        self.journal, self.run, self.home, self._pack = journal, run, home, pack

    def records(self) -> Iterator[Record]:
        """The run's events. Those of an archive are cleaned: whoever wrote it may have done without."""
        for record in self.journal.read(self.run):
            yield record if self._pack is None else msgspec.structs.replace(record, event=scrub(record.event, clean))

    def state(self) -> State:
        """Their fold."""
        return self.journal.state(self.run) if self._pack is None else fold(self.records())

    def pack(self) -> bytes:
        """Base and candidates as git objects."""
        from harness.loop.scene import candidates, store_of
        from harness.repo.snapshot import snapshot

        if self._pack is not None:
            return self._pack
        records = tuple(self.journal.read(self.run))
        created = records[0].event
        if not isinstance(created, RunCreated):
            raise AssertionError(f"run {self.run} has no first event")
        return snapshot(store_of(self.home, created), created.base, candidates(records))

    def scene(self) -> "Scene":
        """What a replay stands on."""
        from harness.loop.scene import Scene

        return Scene(tuple(self.journal.read(self.run)), self.pack)


@contextmanager
def source(run: str) -> Iterator[Source]:
    """The run that RUN names: an id, the start of one, `last`, or the path of an archive."""
    path = Path(run)
    if path.suffix != ".lwa" and not (run.count("/") and path.is_file()):
        home = places().home
        journal = Journal(home / "journal.db")
        yield Source(journal, journal.resolve(run), home)
        return
    if not path.exists():
        raise ArchiveRefused(f"there is no archive {path}", "no file has this name", "make one with: loopwright export")
    import tempfile

    from harness.journal.archive import opened
    from harness.journal.transfer import load

    with tempfile.TemporaryDirectory(prefix="loopwright-archive-") as directory, opened(path) as archive:
        home = Path(directory)
        with Journal(home / "journal.db") as journal:
            yield Source(journal, load(journal, archive), home, archive.pack())
