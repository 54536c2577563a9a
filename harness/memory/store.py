"""A repository's notes: a file each, versioned on a ref of their own in the harness's store, not in the user's tree.

`refs/loopwright/memory` of the bare repository that the harness keeps for each of the user's. Every change is a commit,
so nothing that was known is ever gone; two histories merge by union (see `union.py`).
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import msgspec

from harness.clean import Cleaner
from harness.goal import MICRO
from harness.memory.keeping import bounded, fresh, merged, message
from harness.memory.note import (
    FILE_BYTES,
    PATHS,
    TEXT_CHARS,
    Kind,
    MemoryFailed,
    Note,
    Status,
    decode,
    encode,
    lasting,
    make,
)
from harness.memory.union import union
from harness.repo import RepoError, files, share
from harness.repo.git import Place
from harness.repo.lock import locked
from harness.repo.source import Repository
from harness.repo.store import make_bare

REF, THEIRS = "refs/loopwright/memory", "refs/loopwright/memory-remote"
ROUNDS = 5
"""How often `sync` tries when others push at the same time."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class Broken(msgspec.Struct, frozen=True):
    """A file that is no note, and why."""

    path: Path
    why: str


class Synced(msgspec.Struct, frozen=True):
    """What `sync` did: notes that came, and notes that the remote has of ours now."""

    url: str
    came: int
    went: int


class Shelf:
    """The notes of one repository. Everything that comes in, by a call or by a file, is cleaned and redacted.

    Notes are read anew each time: other runs write them, and `sync` brings some. A file that cannot be read is named
    by `broken` and never touched. All methods raise `MemoryFailed`.
    """

    def __init__(self, home: Path, repo_id: str, clean: Callable[[str], str] | None = None) -> None:
        if not _NAME.fullmatch(repo_id):
            raise MemoryFailed("the repository's notes cannot be found", f"its id is no file name: {repo_id!r}")
        self.path = home.absolute() / "store" / f"{repo_id}.git"
        self._place = Place(git_dir=self.path)
        self._old = home / "memory" / repo_id
        self._clean = clean or Cleaner()

    def load(self) -> tuple[Note, ...]:
        """Every readable note, by id."""
        return self._scan()[0]

    def broken(self) -> tuple[Broken, ...]:
        """The files that are no notes, with the reason."""
        return self._scan()[1]

    def get(self, id: str) -> Note:
        """One note. Raises `MemoryFailed` when it is missing, or says what is wrong with its file."""
        try:
            return self._cleaned(decode(self._file(id), id))
        except ValueError as error:
            raise MemoryFailed(
                f"{id}.md is no note", str(error), f"write it anew: loopwright memory edit {id}"
            ) from None

    def show(self, id: str) -> str:
        """A note's file as it stands, cleaned; also of a broken one, so that it can be seen what is wrong."""
        return self._clean(self._file(id).decode("utf-8", "replace"))

    def history(self, limit: int = 50) -> tuple[tuple[int, str], ...]:
        """What was done to the notes, newest first: seconds since 1970, and what."""
        with _explained():
            return files.history(self._place, REF, limit) if self._made() else ()

    def add(self, kind: str, text: str, paths: Iterable[str] = (), by: str = "", command: str = "") -> Note:
        """Add a person's note, or confirm the one that says the same. Raises `MemoryFailed` for a bad one."""
        if kind not in get_args(Kind):
            raise MemoryFailed(f"no kind of note {kind!r}", "", f"use one of: {', '.join(get_args(Kind))}")
        now = _now()
        known: Kind = next(name for name in get_args(Kind) if name == kind)
        by = self._clean(by).strip() or "a person"
        note = make(known, self._text(text), paths=tuple(paths), by=by, created=now, verified=now, command=command)
        return self.keep((note,))[0]

    def keep(self, notes: Iterable[Note]) -> tuple[Note, ...]:
        """Store notes and return them as stored. One that is there already (same kind, same fingerprint) is
        confirmed: it takes the new text and evidence, and keeps its id, its age and its counts.
        """
        stored: dict[str, Note] = {}
        with self._change() as (there, taken, change):
            known = {(note.kind, note.fingerprint): note for note in there.values()}
            for new in map(self._cleaned, notes):
                old = known.get((new.kind, new.fingerprint))
                note = lasting(merged(old, new) if old else fresh(new, taken))
                taken.add(note.id)
                known[note.kind, note.fingerprint] = stored[note.id] = change[note.id] = note
            bounded(there, change)
        return tuple(stored.values())

    def edit(self, id: str, text: str, by: str = "") -> Note:
        """Replace a note's text; from here on it is a person's, whose words no run replaces."""
        by = self._clean(by).strip() or self.get(id).by or "a person"
        return self._replace(id, text=self._text(text), by=by, verified=_now(), expires=0, status="active", why="")

    def retire(self, id: str, why: str = "a person retired it") -> Note:
        """Keep a note, and tell it to no run any more."""
        return self._replace(id, status="retired", why=why)

    def drop(self, ids: Iterable[str], status: Status, why: str) -> None:
        """Tell these notes to no run any more: `retired`, or `invalid` when the facts contradict them."""
        with self._change() as (there, _, change):
            for note in (there[id] for id in ids if id in there):
                if note.status == "active":
                    change[note.id] = msgspec.structs.replace(note, status=status, why=self._clean(why)[:300])

    def credit(self, ids: Iterable[str], *, helped: Iterable[str] | bool) -> None:
        """Count that a run was told these notes, and which of them helped it. Notes gone meanwhile are let go."""
        ids = tuple(ids)
        good = frozenset((ids if helped else ()) if isinstance(helped, bool) else helped)
        with self._change() as (there, _, change):
            for note in (there[id] for id in ids if id in there):
                change[note.id] = msgspec.structs.replace(
                    note, used=note.used + 1, helped=note.helped + (note.id in good)
                )

    def sync(self, repository: Repository, where: str, *, send: bool = True) -> Synced:
        """Exchange notes with a remote's `refs/loopwright/memory`: fetch, merge by union, push. Never a force."""
        with _explained():
            url = share.address(repository, where)
            came = went = 0
            for _ in range(ROUNDS):
                came += self._take(share.fetch(self._store(), url, REF, THEIRS))
                if not send or not files.tip(self._place, REF):
                    return Synced(url, came, 0)
                went = len(self.load())
                if share.push(self._place, url, REF):
                    return Synced(url, came, went)
        raise MemoryFailed("the notes could not be sent", "others keep sending theirs", "try again later")

    def _take(self, theirs: str) -> int:
        """Merge the notes of the commit `theirs` into ours; how many of them are new or changed."""
        if not theirs:
            return 0
        with locked(self._lock):
            ours = files.tip(self._place, REF)
            base = files.ancestor(self._place, ours, theirs) if ours else ""
            if base == theirs:
                return 0
            mine, before, other = (self._notes(commit) if commit else {} for commit in (ours, base, theirs))
            all_ = union(mine, other, before)
            change = {f"{id}.md": encode(note).encode() for id, note in all_.items() if mine.get(id) != note}
            files.write(self._place, REF, change, f"Take {len(change)} notes from elsewhere", _now() // MICRO, theirs)
            return len(change)

    def _replace(self, id: str, **fields: object) -> Note:
        with self._change() as (there, _, change):
            old = there.get(id) or self.get(id)
            change[id] = note = msgspec.structs.replace(old, **fields)
            return note

    @contextmanager
    def _change(self) -> Iterator[tuple[dict[str, Note], set[str], dict[str, Note | None]]]:
        """Change notes as one commit: what is there by id, the names that are taken, and what is to be written."""
        with _explained():
            place = self._store()
            with locked(self._lock):
                commit = files.tip(place, REF)
                found = files.read(place, commit) if commit else {}
                there = self._decoded(found)
                change: dict[str, Note | None] = {}
                yield there, {name.removesuffix(".md") for name in found}, change
                new = {id: note for id, note in change.items() if note is None or note != there.get(id)}
                if new:
                    data = {f"{id}.md": encode(note).encode() if note else None for id, note in new.items()}
                    files.write(place, REF, data, message(there, new), _now() // MICRO)

    def _text(self, text: str) -> str:
        text = self._clean(text).strip()
        if not text:
            raise MemoryFailed("the note is empty", "", "say one fact about the repository")
        if len(text) > TEXT_CHARS:
            raise MemoryFailed("the note is too long", f"{len(text)} of {TEXT_CHARS} characters", "say one fact only")
        return text

    def _cleaned(self, note: Note) -> Note:
        texts = {
            name: self._clean(getattr(note, name)) for name in ("run", "sha", "by", "supersedes", "command", "why")
        }
        lists = {name: tuple(map(self._clean, getattr(note, name)[:PATHS])) for name in ("paths", "failures")}
        return msgspec.structs.replace(note, text=self._clean(note.text).strip()[:TEXT_CHARS].strip(), **texts, **lists)

    def _file(self, id: str) -> bytes:
        found = self._files()
        if f"{id}.md" not in found:
            known = ", ".join(note.id for note in self.load()[:8])
            raise MemoryFailed(f"no note {id!r}", f"there are: {known}" if known else "there are none yet",
                               "list them with: loopwright memory ls")  # fmt: skip
        return found[f"{id}.md"]

    def _files(self) -> dict[str, bytes]:
        with _explained():
            commit = files.tip(self._place, REF) if self._made() else ""
            return files.read(self._place, commit) if commit else {}

    def _scan(self) -> tuple[tuple[Note, ...], tuple[Broken, ...]]:
        notes, broken = [], []
        for name, data in sorted(self._files().items()):
            try:
                notes.append(self._note(name, data))
            except ValueError as error:
                broken.append(Broken(Path(self._clean(name)), str(error)))
        return tuple(notes), tuple(broken)

    def _notes(self, commit: str) -> dict[str, Note]:
        return self._decoded(files.read(self._place, commit))

    def _decoded(self, found: Mapping[str, bytes]) -> dict[str, Note]:
        notes = {}
        for name, data in found.items():
            try:
                note = self._note(name, data)
            except ValueError:
                continue
            notes[note.id] = note
        return notes

    def _note(self, name: str, data: bytes) -> Note:
        id = name.removesuffix(".md")
        if not name.endswith(".md") or not _NAME.fullmatch(id):
            raise ValueError("its name is none of a note's: ID.md")
        if len(data) > FILE_BYTES:
            raise ValueError(f"it is larger than {FILE_BYTES} bytes")
        return self._cleaned(decode(data, id))

    @property
    def _lock(self) -> Path:
        """The store's own: whoever holds it may remove locks that a killed git left behind."""
        return self.path.with_suffix(".lock")

    def _made(self) -> bool:
        """Whether there is a store; notes of the time when they were files are taken in first."""
        if self._old.is_dir():
            self._store()
        return (self.path / "HEAD").is_file()

    def _store(self) -> Place:
        with locked(self.path.with_suffix(".lock")):
            make_bare(self.path)
            old = {path.name: path.read_bytes() for path in self._old.glob("[!.]*.md") if path.is_file()}
            if old and not files.tip(self._place, REF):
                files.write(self._place, REF, old, "Take in the notes that were files", _now() // MICRO)
            if self._old.is_dir():
                self._old.rename(self._old.with_name(f"{self._old.name}.taken-in"))
        return self._place


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except RepoError as error:
        raise MemoryFailed(f"the notes cannot be used: {error.what}", error.why, error.fix) from error
    except OSError as error:
        why = error.strerror or str(error)
        raise MemoryFailed("the notes cannot be used", why, "check permissions and the disk") from error


def _now() -> int:
    """Microseconds since 1970, to the second: what the files hold."""
    return int(time.time()) * MICRO
