"""A repository's notes on disk: one file each, outside the user's tree, written atomically."""

import fcntl
import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import get_args

import msgspec

from harness.clean import Cleaner
from harness.goal import MICRO
from harness.memory.note import FILE_BYTES, PATHS, TEXT_CHARS, Kind, MemoryFailed, Note, decode, encode, make

NOTES = 500
"""Active notes of one repository beyond which nothing more is learned: somebody has to look at them first."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class Broken(msgspec.Struct, frozen=True):
    """A file in the shelf that is no note, and why."""

    path: Path
    why: str


class Shelf:
    """The notes of one repository. Everything that comes in, by a call or by a file, is cleaned and redacted.

    Files are read anew each time: people edit them, and other runs write them. A file that cannot be read is
    named by `broken` and never touched. All methods raise `MemoryFailed`.
    """

    def __init__(self, home: Path, repo_id: str, clean: Callable[[str], str] | None = None) -> None:
        if not _NAME.fullmatch(repo_id):
            raise MemoryFailed("the repository's notes cannot be found", f"its id is no file name: {repo_id!r}")
        self.directory = home / "memory" / repo_id
        self._clean = clean or Cleaner()

    def load(self) -> tuple[Note, ...]:
        """Every readable note, by id."""
        return self._scan()[0]

    def broken(self) -> tuple[Broken, ...]:
        """The files that are no notes, with the reason."""
        return self._scan()[1]

    def path(self, id: str) -> Path:
        """The file of an existing note. Raises `MemoryFailed` when there is none."""
        path = self.directory / f"{id}.md"
        if not _NAME.fullmatch(id) or not path.is_file():
            known = ", ".join(note.id for note in self.load()[:8])
            raise MemoryFailed(f"no note {id!r}", f"there are: {known}" if known else "there are none yet",
                               "list them with: loopwright memory ls")  # fmt: skip
        return path

    def get(self, id: str) -> Note:
        """One note. Raises `MemoryFailed` when it is missing, or names its file when that is broken."""
        path = self.path(id)
        try:
            return self._cleaned(decode(_read(path), id))
        except (OSError, ValueError) as error:
            raise MemoryFailed(f"{path} is no note", str(error), "correct it with an editor, or delete it") from None

    def show(self, id: str) -> str:
        """A note's file as it stands, cleaned; also of a broken one, so that it can be seen what is wrong."""
        path = self.path(id)
        try:
            return self._clean(_read(path).decode("utf-8", "replace"))
        except (OSError, ValueError) as error:
            raise MemoryFailed(f"{path} cannot be shown", str(error), "look at the file itself") from None

    def add(self, kind: str, text: str, paths: Iterable[str] = (), by: str = "") -> Note:
        """Add a person's note, or confirm the one that says the same. Raises `MemoryFailed` for a bad one."""
        if kind not in get_args(Kind):
            raise MemoryFailed(f"no kind of note {kind!r}", "", f"use one of: {', '.join(get_args(Kind))}")
        now = _now()
        clean: Kind = next(known for known in get_args(Kind) if known == kind)
        note = make(clean, self._text(text), paths=tuple(paths), by=by, created=now, verified=now)
        return self.keep((note,))[0]

    def keep(self, notes: Iterable[Note]) -> tuple[Note, ...]:
        """Store notes and return them as stored. One that is there already (same kind, same fingerprint) is
        confirmed: it takes the new text and evidence, and keeps its id, its age and its counts.
        """
        stored = []
        with self._locked():
            there = {(note.kind, note.fingerprint): note for note in self.load()}
            active = sum(note.status == "active" for note in there.values())
            for new in map(self._cleaned, notes):
                old = there.get((new.kind, new.fingerprint))
                if old is None and active >= NOTES:
                    continue
                active += old is None
                note = _merged(old, new) if old else self._fresh(new)
                self._write(note)
                there[note.kind, note.fingerprint] = note
                stored.append(note)
        return tuple(stored)

    def edit(self, id: str, text: str, by: str = "") -> Note:
        """Replace a note's text; from here on it is a person's, whose words no run replaces."""
        return self._change(id, text=self._text(text), by=self._clean(by) or self.get(id).by or "a person")

    def retire(self, id: str) -> Note:
        """Keep a note, and tell it to no run any more."""
        return self._change(id, status="retired")

    def credit(self, ids: Iterable[str], *, helped: bool) -> None:
        """Count that a run was told these notes, and whether it succeeded. Notes gone meanwhile are let go."""
        with self._locked():
            there = {note.id: note for note in self.load()}
            for note in (there[id] for id in ids if id in there):
                self._write(msgspec.structs.replace(note, used=note.used + 1, helped=note.helped + helped))

    def _change(self, id: str, **fields: object) -> Note:
        with self._locked():
            note = msgspec.structs.replace(self.get(id), **fields)
            self._write(note)
            return note

    def _text(self, text: str) -> str:
        text = self._clean(text).strip()
        if not text:
            raise MemoryFailed("the note is empty", "", "say one fact about the repository")
        if len(text) > TEXT_CHARS:
            raise MemoryFailed("the note is too long", f"{len(text)} of {TEXT_CHARS} characters", "say one fact only")
        return text

    def _cleaned(self, note: Note) -> Note:
        texts = {name: self._clean(getattr(note, name)) for name in ("run", "sha", "by", "supersedes")}
        paths = tuple(self._clean(path) for path in note.paths[:PATHS])
        return msgspec.structs.replace(
            note, text=self._clean(note.text).strip()[:TEXT_CHARS].strip(), paths=paths, **texts
        )

    def _fresh(self, note: Note) -> Note:
        """The note under an id whose file is free: a broken file that has the id keeps it."""
        id, n = note.id, 2
        while os.path.lexists(self.directory / f"{id}.md"):
            id, n = f"{note.id}-{n}", n + 1
        return msgspec.structs.replace(note, id=id)

    def _scan(self) -> tuple[tuple[Note, ...], tuple[Broken, ...]]:
        notes, broken = [], []
        try:
            paths = sorted(self.directory.iterdir())
        except FileNotFoundError:
            return (), ()
        except OSError as error:
            raise _refused(self.directory, error) from error
        for path in paths:
            if path.suffix != ".md" or path.name.startswith("."):
                continue
            try:
                notes.append(self._cleaned(decode(_read(path), path.stem)))
            except (OSError, ValueError) as error:
                broken.append(Broken(path, str(error)))
        return tuple(notes), tuple(broken)

    def _write(self, note: Note) -> None:
        path = self.directory / f"{note.id}.md"
        try:
            with NamedTemporaryFile("w", dir=self.directory, prefix=".", encoding="utf-8", delete=False) as file:
                try:
                    file.write(encode(note))
                    file.flush()
                    os.fsync(file.fileno())
                    Path(file.name).replace(path)
                except BaseException:
                    Path(file.name).unlink()
                    raise
        except OSError as error:
            raise _refused(path, error) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time, so that no count is lost between two runs."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            fd = os.open(self.directory / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _refused(self.directory, error) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)


def _merged(old: Note, new: Note) -> Note:
    """The old note, confirmed by the new. What a person wrote keeps its words; what one retired stays retired."""
    words = {} if old.by and not new.by else {"text": new.text, "paths": new.paths, "by": new.by}
    status = "retired" if old.status == "retired" and not new.by else "active"
    return msgspec.structs.replace(old, run=new.run, sha=new.sha, verified=new.verified, status=status, **words)


def _read(path: Path) -> bytes:
    """A note's bytes. A file that is no regular file is never opened: it could block or lead elsewhere."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(fd, "rb") as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is no regular file")
        if status.st_size > FILE_BYTES:
            raise ValueError(f"it is larger than {FILE_BYTES} bytes")
        return file.read(FILE_BYTES)


def _refused(path: Path, error: OSError) -> MemoryFailed:
    return MemoryFailed(f"{path} cannot be used", error.strerror or str(error), "check its permissions and the disk")


def _now() -> int:
    """Microseconds since 1970, to the second: what the files hold."""
    return int(time.time()) * MICRO
