"""Projects of one repository, and which paths can change what a gate finds.

A gate runs again only when something it looks at has changed; what stands at base stands for the candidate too.
"""

import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from gates.base import Gate, GateResult, Room
from gates.globs import matches

NATURE: Mapping[str, tuple[str, ...]] = {"ruff": (".py", ".pyi", ".ipynb", ".toml")}
"""Kinds that look at files of certain suffixes alone: the sources, and what configures the tool."""

OWN = ("ruff", "security", "command", "pytest")
"""Kinds that compare with their own result at base and with no other gate's."""

STANDS = "nothing that it looks at has changed: base's result stands"


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """One directory with gates of its own, and the projects that it needs."""

    path: str
    needs: tuple[str, ...] = ()


def problem(projects: Sequence[Project]) -> str:
    """What is wrong with a list of projects, in a line; nothing when they can be used."""
    paths = [project.path for project in projects]
    for path in paths:
        parts = path.split("/")
        if not path or path.startswith("/") or {"", ".", ".."} & set(parts):
            return f"{path!r} is no directory of the repository, written like services/api"
        if paths.count(path) > 1:
            return f"{path} is there twice"
    for project in projects:
        for need in project.needs:
            if need not in paths:
                return f"{project.path} needs {need}, which is no project"
    return ""


def apart(path: str, projects: Sequence[Project]) -> tuple[str, ...]:
    """The directories whose contents cannot change what the project at `path` is: projects that it does not need,
    itself or through others. A file outside all projects belongs to every one."""
    needs = {project.path: project.needs for project in projects}
    known, left = {path}, [path]
    while left:
        for need in needs.get(left.pop(), ()):
            if need not in known:
                known.add(need)
                left.append(need)
    return tuple(sorted(other for other in needs if other not in known))


def standing(gate: Gate, room: Room) -> GateResult | None:
    """Base's result, when nothing has changed that could make another; None when the gate has to run.

    What is required now and was red at base has to be judged, whatever changed.
    """
    base = room.baseline.get(gate.name)
    if base is None or not _narrow(gate) or base.status in ("error", "timeout") or room.rules.must_pass:
        return None
    if base.status == "fail" and gate.kind == "command" and not gate.format:
        return None
    if any(looks_at(gate, change.path) for change in room.diff.changes):
        return None
    return msgspec.structs.replace(base, notes=(*base.notes, STANDS))


def looks_at(gate: Gate, path: str) -> bool:
    """Whether a change of this path can change what the gate finds."""
    if gate.apart and within(path, gate.apart):
        return False
    if gate.inputs and not matches(path, gate.inputs):
        return False
    nature = NATURE.get(gate.kind)
    return nature is None or path.endswith(nature)


def inputs(gate: Gate, room: Room, tree: str) -> str:
    """Names what of a tree the gate looks at: the tree itself, or a digest of those of its entries."""
    if room.entries is None or not _narrow(gate):
        return tree
    digest = hashlib.sha256()
    for path, entry in room.entries(tree).items():
        if looks_at(gate, path):
            digest.update(f"{path}\0{entry}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def within(path: str, directories: Sequence[str]) -> bool:
    """Whether a path lies in one of the directories."""
    return any(path == directory or path.startswith(f"{directory}/") for directory in directories)


def _narrow(gate: Gate) -> bool:
    return bool(gate.apart or gate.inputs or gate.kind in NATURE)
