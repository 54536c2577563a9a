"""What a replay stands on: a run's records, a repository of its base and candidates, and a clock that they tell."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import msgspec

from harness.events import (
    BranchIntended,
    CandidateMade,
    Event,
    NoteDropped,
    NotesInjected,
    RunClaimed,
    RunCreated,
)
from harness.goal import MICRO
from harness.journal import Journal, Record, State, Unreplayable
from harness.loop.endings import Ended
from harness.loop.run import Cancel, Run
from harness.memory import Note, Shelf
from harness.repo import Base, Repository, Store
from harness.repo.snapshot import plant, snapshot


class Scene:
    """A recorded run, and where the objects of its base and candidates are had from."""

    def __init__(self, records: Sequence[Record], pack: Callable[[], bytes]) -> None:
        created = records[0].event if records else None
        if not isinstance(created, RunCreated):
            raise Unreplayable("the run cannot be replayed", "it has no first event")
        self.run = records[0].run
        if not created.settings or not created.catalog:
            raise Unreplayable(
                f"run {self.run} cannot be replayed",
                "its first event was erased, or written by a version that did not record sandboxes",
                f"read it with: loopwright log {self.run}",
            )
        self.records, self.created, self._pack = tuple(records), created, pack
        self._repository: Repository | None = None

    @property
    def repository(self) -> Repository:
        """The repository that the replay takes for the user's."""
        if self._repository is None:
            raise AssertionError("the scene is not set")
        return self._repository

    def staged(self, directory: Path) -> "Scene":
        """The scene with a repository of its own under `directory`: the user's is not even looked at."""
        created = self.created
        base = Base(commit=created.base, tree=created.base_tree, ref=created.base_ref)
        repository = plant(directory / "repository", self._pack(), base)
        store = Store(directory, repository)
        store.adopt(base)
        for event in self._before():
            store.adopt(Base(commit=event.commit, tree=event.tree, ref=created.base_ref))
        moved = msgspec.structs.replace(created, repo=str(repository.root))
        first = msgspec.structs.replace(self.records[0], event=moved)
        scene = Scene((first, *self.records[1:]), self._pack)
        scene._repository = repository
        return scene

    def dress(self, run: Run, directory: Path) -> None:
        """Give a run of the replay what it would have from its surroundings."""
        run._seed = directory  # no container is ever mounted on it
        shelf = Remembered(record.event for record in self.records)
        run.shelf = cast(Shelf, shelf)
        run.notes = tuple(note for id in run.state.notes for note in shelf.load() if note.id == id)
        for record in self.records:
            if isinstance(record.event, BranchIntended):
                run.branch = record.event.branch

    def _before(self) -> Iterator[CandidateMade]:
        """Candidates that were there before any process took the run: those of a fork."""
        for record in self.records:
            match record.event:
                case CandidateMade() as made:
                    yield made
                case RunClaimed():
                    return


def recorded(journal: Journal, home: Path, run: str) -> Scene:
    """The scene of a run of this machine."""
    records = tuple(journal.read(run))
    created = records[0].event
    if not isinstance(created, RunCreated):
        raise Unreplayable("the run cannot be replayed", "it has no first event")
    store = store_of(home, created)
    return Scene(records, lambda: snapshot(store, created.base, candidates(records)))


def store_of(home: Path, created: RunCreated) -> Store:
    """The harness's own store of a run's repository; the repository itself may be gone."""
    root = Path(created.repo)
    return Store(home, Repository(root=root, git_dir=root, head_dir=root, bare=True, id=created.repo_id))


def candidates(records: Iterable[Record]) -> tuple[str, ...]:
    """The commits of a run's candidates."""
    return tuple(record.event.commit for record in records if isinstance(record.event, CandidateMade))


def set_clock(run: Run, state: State, wait: int) -> None:
    """Make it as late in the run as it was then; `wait` are microseconds since the last event."""
    run.started = time.monotonic() - (state.active + wait) / MICRO


@dataclass
class Unhurried(Cancel):
    """Wishes to stop that come when the journal says so; nobody sleeps."""

    inside: bool = False
    last: bool = False
    """No attempt followed the one that has just failed."""

    def plan(self, cause: Ended, *, within: bool) -> None:
        """The run is stopped after this event: between it and the next, or by what fails on the way there."""
        self.inside = within
        self.set(cause)

    def take(self, *, within: bool = False) -> Ended | None:
        return None if self.inside and not within else super().take(within=within)

    def wait(self, seconds: float) -> bool:
        return self.last or self.flag.is_set()


class Remembered:
    """A shelf with the notes that the run was told then; what it writes goes nowhere."""

    def __init__(self, events: Iterable[Event]) -> None:
        told = [event.told for event in events if isinstance(event, NotesInjected | NoteDropped) and event.told]
        notes = [note for text in told for note in _notes(text)]
        self._notes = tuple({note.id: note for note in notes}.values())

    def load(self) -> tuple[Note, ...]:
        return self._notes

    def keep(self, notes: Iterable[Note]) -> tuple[Note, ...]:
        return tuple(notes)

    def credit(self, ids: Iterable[str], *, helped: Iterable[str] | bool) -> None:
        """Counted then."""

    def drop(self, ids: Iterable[str], status: str, why: str) -> None:
        """Dropped then."""


def _notes(text: str) -> list[Note]:
    found = msgspec.json.decode(text)
    return [msgspec.convert(one, Note) for one in (found if isinstance(found, list) else [found])]
