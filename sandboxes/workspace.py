"""The writable tree of a sandbox: an overlay over the seed where the engine can, something slower where not.

Without an overlay, a tree that has to outlive its container is a volume that is filled from the seed; one that is
thrown away lies in memory if it is small, else in a layer of an image.

Each workspace has a directory `<home>/work/<run>/<name>` with its owner's marks, and a volume of the engine. The
seed is the lower layer: it is read, never written, and never removed while a volume stands on it.
"""

import json
import os
import stat
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import docker
import docker.errors
import msgspec

from sandboxes import rubbish
from sandboxes.base import SandboxUnavailable, Spec
from sandboxes.owner import home_id

Mode = Literal["overlay", "volume", "tmpfs", "layer"]
SHARE = 8
"""A seed of up to an eighth of a sandbox's memory may lie in it: it counts, and so does what grows there."""
TMPFS_MB = 64
"""The largest seed that is sent into memory; more takes longer than a layer."""
OVERLAY_OPTIONS = "index=off,redirect_dir=on,nosuid,nodev"
"""`redirect_dir` lets directories of the seed be renamed; `index=off` lets an upper outlive a remade seed."""
MARKS = "owner.json"
"""Whose a workspace is now. A volume's labels tell only who made it, perhaps long ago."""
VOLUME, SEED = "volume", "seed"
"""What the marks of a workspace hold besides its owner."""


class OverlayRefused(Exception):
    """The engine cannot make an overlay of our directories; the text says why."""


class Workspace(msgspec.Struct, frozen=True):
    """Where one sandbox's tree lives."""

    volume: str
    directory: Path
    named: bool
    mode: Mode
    fresh: bool
    """Nothing has been done in it yet."""

    def whole(self) -> bool:
        """Whether a workspace that was found again has its content; a crash or a user may have taken it."""
        return (self.directory / "upper").is_dir() if self.mode == "overlay" else self.filled.exists()

    @property
    def filled(self) -> Path:
        """Exists once a volume of the mode `volume` has all of its seed."""
        return self.directory / "filled"


def agent_uid() -> int:
    """The user commands run as, and who has to own a seed: this process's user, 1000 where that is root."""
    return os.getuid() or 1000


def second_best(spec: Spec, size: int) -> Mode:
    """How the tree of `spec` is made where overlays cannot be; `size` is the seed's, in bytes on the disk."""
    if spec.workspace:
        return "volume"
    room = min(spec.resources.memory_mb // SHARE, TMPFS_MB) << 20
    return "layer" if spec.read_only or size > room else "tmpfs"


def overlay_obstacle(home: Path, seed: Path) -> str:
    """Why the seed cannot be the lower layer of an overlay here; empty when nothing is known against it."""
    for path in (home, seed):
        if set(str(path)) & set(",:\\\"'\n"):
            return f"{path} has a character that mount options cannot carry"
    if seed.is_dir() and seed.stat().st_uid != agent_uid():
        return f"{seed} does not belong to user {agent_uid()}"
    return ""


def prepare(client: docker.APIClient, home: Path, spec: Spec, mode: Mode, marks: Mapping[str, str]) -> Workspace:
    """Make the workspace of `spec`, or find the named one again. Nothing is copied in the mode `overlay`."""
    seed = spec.seed.resolve()
    name = spec.workspace or f"{spec.purpose}-{uuid.uuid4().hex[:12]}"
    directory = home.resolve() / "work" / spec.run / name
    volume = f"loopwright-{home_id(home)}-{spec.run}-{name}"
    with rubbish.locked(home, shared=True):
        if not seed.is_dir():
            raise SandboxUnavailable("the seed is missing", f"{seed} is no directory", "make the seed again")
        if spec.workspace:
            check_seed(directory, seed)
        if mode in ("tmpfs", "layer"):
            return Workspace("", directory, False, mode, True)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / MARKS).write_text(json.dumps({**marks, VOLUME: volume, SEED: str(seed)}))
        found = inspect(client, volume) if spec.workspace else None
        if found is not None:
            space = Workspace(volume, directory, True, "overlay" if found.get("Options") else "volume", False)
            if space.whole():
                return space
            rubbish.remove_volume(client, volume)
        options = overlay(directory, seed) if mode == "overlay" else {}
        fresh = mode == "volume" or not any((directory / "upper").iterdir())
        client.create_volume(volume, driver="local", driver_opts=options, labels=dict(marks))
    return Workspace(volume, directory, spec.workspace is not None, mode, fresh)


def overlay(directory: Path, seed: Path) -> dict[str, str]:
    """The driver options of an overlay; its upper directory has to be like the root of the seed."""
    upper, work = directory / "upper", directory / "work"
    for path in (upper, work):
        path.mkdir(exist_ok=True)
    info = seed.stat()
    if upper.stat().st_uid != info.st_uid:
        os.chown(upper, info.st_uid, info.st_gid)
    upper.chmod(stat.S_IMODE(info.st_mode))
    return {
        "type": "overlay",
        "device": "overlay",
        "o": f"lowerdir={seed},upperdir={upper},workdir={work},{OVERLAY_OPTIONS}",
    }


def check_seed(directory: Path, seed: Path) -> None:
    """A named workspace is changes to one seed, and means nothing on another."""
    before = marks_of(directory).get(SEED, str(seed))
    if before != str(seed):
        raise SandboxUnavailable(
            f"the workspace {directory.name!r} stands on another seed",
            f"it was made from {before}",
            "discard the run, or open it with the seed it was made from",
        )


def marks_of(directory: Path) -> Mapping[str, str]:
    """Whose a workspace directory is; nothing for one that a crash has left unfinished."""
    try:
        found = json.loads((directory / MARKS).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def inspect(client: docker.APIClient, volume: str) -> Mapping[str, object] | None:
    try:
        found: Mapping[str, object] = client.inspect_volume(volume)
    except docker.errors.NotFound:
        return None
    return found


def refusal(space: Workspace, error: docker.errors.APIError) -> "OverlayRefused | None":
    """What a failed start means: that the engine cannot make overlays here, or something else (None)."""
    text = str(error.explanation or error)
    if space.mode == "overlay" and space.fresh and "mount" in text and "volume" in text:
        return OverlayRefused(text.strip()[-300:])
    return None
