"""Code that a candidate brings and nobody can read as such: links to texts, compiled libraries, archives of modules."""

import io
import posixpath
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath

from gates.base import Change, Room, Violation
from gates.contents import Oversized, content
from gates.pins import named_by_goal
from gates.protection import LINK

COMPILED = frozenset(
    (".so", ".pyd", ".dll", ".dylib", ".node", ".jar", ".class", ".egg", ".whl", ".pyz", ".pyzw", ".phar")
)
ARCHIVES = frozenset((".zip", ".tar", ".gz", ".bin", ".dat", ""))
RUN = (".py", ".pyc", ".so")
FIX = "write it as source that can be read, or have the goal's scope name the file"


def opaque(change: Change, room: Room) -> Iterator[Violation]:
    """Whether a changed file runs as code that the rules and the checker cannot read."""
    if named_by_goal(change.path, room.rules.scope):
        return
    suffix = PurePosixPath(change.path).suffix.lower()
    if change.new_mode == LINK:
        target = room.link(room.head, change.path) if room.link else None
        if suffix == ".py" and not _is_source(change.path, target, room):
            yield _hidden(change.path, "a module that is a link to something else than a module of this tree")
    elif suffix in COMPILED:
        yield _hidden(change.path, "compiled code, or an archive of it")
    elif suffix in ARCHIVES and _holds_modules(change, room):
        yield _hidden(change.path, "an archive with Python in it, which can be imported from")


def _is_source(path: str, target: str | None, room: Room) -> bool:
    """Whether the link leads to a Python file of the tree, by however many links."""
    for _ in range(8):
        if target is None:
            return False
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        target = room.link(room.head, path) if room.link else None
        if target is None:
            return path.endswith(".py") and path in room.paths(room.head)
    return False


def _holds_modules(change: Change, room: Room) -> bool:
    try:
        data = content(room, room.head, change.path) or b""
    except Oversized:
        return False
    if b"PK\x05\x06" not in data[-70_000:]:
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return any(name.endswith(RUN) for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError):
        return True  # an archive that only some can read


def _hidden(path: str, message: str) -> Violation:
    return Violation(rule="hidden-code", path=path, message=message, fix=FIX)
