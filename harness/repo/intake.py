"""The only way out of a sandbox: a pack of objects, through quarantine, into the harness's store.

No file the agent wrote is ever touched by git on this machine. Objects are looked at in a directory of their own,
by processes with hard limits; what the new tree needs and nothing else is then copied into the store.
"""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from harness.repo import policy
from harness.repo.errors import GitFailed, Rejected, RepoError, TooLarge
from harness.repo.git import AS_IT_IS, ID, MEBI, Bounds, Place, run, text
from harness.repo.lock import locked
from harness.repo.packfile import Intake, survey
from harness.repo.trees import RawChange, raw_changes

_FSCK = ("badFilemode", "zeroPaddedFilemode", "nullSha1", "fullPathname", "emptyName")
"""What `--strict` would only warn of."""

_CONFIG = (
    # Large objects are streamed rather than held, and the store's packs are mapped in small pieces, so that a
    # tight limit of address space can be set.
    "core.bigFileThreshold=4m",
    "core.packedGitWindowSize=16m",
    "core.packedGitLimit=128m",
    "core.deltaBaseCacheLimit=32m",
)


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """What was kept of a candidate: its tree. The commit it came in, with all it claims, was dropped."""

    tree: str
    paths: int
    """Changed paths, compared with the base."""


def receive(store: Place, pack: bytes | Iterable[bytes], tip: str, base: str, intake: Intake) -> Received:
    """Take the commit `tip`, a child of `base`, out of `pack` and keep its tree. Raises `Rejected`."""
    if not ID.fullmatch(tip):
        raise Rejected("tip", "", f"{tip[:80]!r} is not an object id")
    with _quarantine(store) as quarantine, tempfile.TemporaryFile(dir=quarantine) as spool:
        _spool(pack, spool, intake)
        survey(spool, intake)
        spool.seek(0)
        place = msgspec.structs.replace(store, objects=quarantine, borrowed=(store.git_dir / "objects",))
        bounds = Bounds(cpu_seconds=intake.seconds, memory=512 * MEBI + _index_sizes(store), file=8 * intake.pack)
        _unpack(place, spool, intake, bounds)
        with ThreadPoolExecutor(1, thread_name_prefix="intake") as aside:
            listed = aside.submit(_changes, place, base, tip, intake, bounds)
            tree = _tree_of(place, tip, base)
            changes = listed.result()
            packed = aside.submit(_pack, place, quarantine / "kept", tree, base, bounds)
            _check_sizes(place, changes, intake)
            policy.check(changes, lambda oid: run(place, "cat-file", "blob", oid, cap=MEBI))
            packed.result()
        _keep(store, quarantine / "kept")
        return Received(tree=tree, paths=len(changes))


@contextmanager
def _quarantine(store: Place) -> Iterator[Path]:
    """An object directory beside the store's, gone when the block ends; those of dead processes go too."""
    rooms = store.git_dir / "quarantine"
    with locked(store.git_dir / "quarantine.flock"):
        rooms.mkdir(exist_ok=True)
        for left in rooms.iterdir():
            _remove_if_dead(left)
        room = Path(tempfile.mkdtemp(dir=rooms))
        held = os.open(room, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(held, fcntl.LOCK_EX)
    try:
        (room / "pack").mkdir()
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)
        os.close(held)


def _remove_if_dead(room: Path) -> None:
    try:
        held = os.open(room, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(room, ignore_errors=True)
    except BlockingIOError:
        pass
    finally:
        os.close(held)


def _spool(pack: bytes | Iterable[bytes], spool: IO[bytes], intake: Intake) -> None:
    size = 0
    for chunk in (pack,) if isinstance(pack, bytes) else pack:
        size += len(chunk)
        if size > intake.pack:
            why = f"the pack is larger than the {intake.pack} bytes allowed"
            raise Rejected("pack-size", "", why, "do not add large files")
        spool.write(chunk)
    spool.seek(0)


def _index_sizes(store: Place) -> int:
    """Bytes of the store's pack indexes, which git maps whole."""
    return sum(index.stat().st_size for index in (store.git_dir / "objects" / "pack").glob("*.idx"))


def _unpack(place: Place, spool: IO[bytes], intake: Intake, bounds: Bounds) -> None:
    strict = "--strict=" + ",".join(f"{each}=error" for each in _FSCK)
    flags = ("--stdin", "--fix-thin", strict, "--fsck-objects", "--threads=1", f"--max-input-size={intake.pack}")
    try:
        run(place, "index-pack", *flags, stdin=spool, config=_CONFIG, bounds=bounds, seconds=6 * intake.seconds)
    except GitFailed as error:
        _blame_the_disk(error)
        found = re.search(r"object [0-9a-f]{40}: (\w+): ([^\n]*)", error.stderr)
        if found:
            fix = "remove what git's own checks object to"
            raise Rejected(f"fsck.{found[1]}", "", f"git refuses an object: {found[2]}", fix) from None
        raise Rejected("pack", "", f"git refuses the pack: {error.why.splitlines()[-1]}") from None


def _blame_the_disk(error: GitFailed) -> None:
    """A full disk of ours is no fault of the candidate's."""
    if "No space left on device" in error.stderr:
        raise RepoError("the candidate cannot be taken in", "the disk is full", "free some space, then resume")


def _tree_of(place: Place, tip: str, base: str) -> str:
    try:
        commit = run(place, "cat-file", "commit", tip, cap=MEBI)
    except GitFailed as error:
        raise Rejected("tip", "", f"{tip} is not a commit of the pack: {error.why}") from None
    header = commit.partition(b"\n\n")[0].split(b"\n")
    parents = [line[7:] for line in header if line.startswith(b"parent ")]
    if parents != [base.encode()] or not header[0].startswith(b"tree "):
        raise Rejected("history", "", f"the commit is not a child of {base}")
    return text(header[0][5:])


def _changes(place: Place, base: str, tip: str, intake: Intake, bounds: Bounds) -> tuple[RawChange, ...]:
    too_many = Rejected("paths", "", f"more than {intake.paths} paths changed", "change fewer files")
    try:
        # The longest line of a path git and the policy allow is far below 2 KiB.
        changes = raw_changes(place, f"{base}^{{tree}}", f"{tip}^{{tree}}", cap=2048 * intake.paths, bounds=bounds)
    except TooLarge:
        raise too_many from None
    except GitFailed as error:
        if error.code < 0 or "memory" in error.stderr:  # a dozen objects can name a billion paths
            raise too_many from None
        raise Rejected("tree", "", f"the tree cannot be read: {error.why}") from None
    if len(changes) > intake.paths:
        raise too_many
    return changes


def _check_sizes(place: Place, changes: tuple[RawChange, ...], intake: Intake) -> None:
    """One small object can stand at many paths, so the checkout is what has to be counted."""
    blobs = [each.new for each in changes if each.change.new_mode.startswith("1") and each.change.new_mode != "160000"]
    wanted = "\n".join([*dict.fromkeys(blobs), ""]).encode()
    told = run(place, "cat-file", "--batch-check", stdin=wanted).decode().splitlines()
    sizes: dict[str, int] = {}
    for line in told:
        oid, kind, *rest = line.split(" ")
        if kind != "blob":
            raise Rejected("tree", "", f"the object {oid} is {kind}, not a file")
        sizes[oid] = int(rest[0])
    if sum(sizes[oid] for oid in blobs) > intake.total:
        why = f"the changed files are larger than {intake.total} bytes together"
        raise Rejected("total", "", why, "do not add large files")


def _pack(place: Place, into: Path, tree: str, base: str, bounds: Bounds) -> None:
    """Pack what `tree` needs and `base` lacks; whatever else came with it stays behind."""
    wanted = f"{tree}\n^{base}\n^{base}^{{tree}}\n".encode()
    into.mkdir()
    flags = ("--revs", "--non-empty", "-q", "--threads=1", *AS_IT_IS)
    try:
        run(place, "pack-objects", *flags, str(into / "pack"), stdin=wanted, config=_CONFIG, bounds=bounds)
    except GitFailed as error:
        _blame_the_disk(error)
        raise Rejected("pack", "", f"the pack lacks objects its commit needs: {error.why}") from None


def _keep(store: Place, kept: Path) -> None:
    """Move the pack into the store; git sees it once its index is there."""
    for suffix in (".pack", ".rev", ".idx"):
        for file in kept.glob(f"*{suffix}"):
            file.rename(store.git_dir / "objects" / "pack" / file.name)
