"""What a checkout holds that no commit does, found out without executing anything.

`git status` and `git diff` ask the clean filters of the repository's own configuration, which are programs. So
git only tells here what its index says, and the comparison with the files is made by us: by size and time, and
by content where the time alone cannot tell.
"""

import hashlib
import os
import re
import stat
from pathlib import Path

import msgspec

from harness.repo.errors import GitFailed
from harness.repo.git import MEBI, Place, run

_ENTRY = re.compile(
    rb"(?P<mode>\d{6}) (?P<id>[0-9a-f]{40}) (?P<stage>\d)\t(?P<path>[^\0]+)\0"
    rb"  ctime: \d+:\d+\n  mtime: (?P<sec>\d+):(?P<nsec>\d+)\n"
    rb"  dev: \d+\tino: \d+\n  uid: \d+\tgid: \d+\n  size: (?P<size>\d+)\tflags: (?P<flags>[0-9a-f]+)\n"
)
_UNCHECKED = 0x8000 | 0x40000000
"""CE_VALID (assume unchanged) and CE_SKIP_WORKTREE (sparse checkout) of git's index: nothing to compare."""
_HASHED = 8 * MEBI
"""Larger files whose time differs count as changed unread."""


class Uncommitted(msgspec.Struct, frozen=True):
    """How many files of a checkout are not as HEAD has them, and how many git does not know."""

    changed: int = 0
    untracked: int = 0


def uncommitted(place: Place) -> Uncommitted:
    """Counts for the checkout at `place` (its own HEAD and index). An unreadable index counts as nothing."""
    try:
        staged = run(place, "diff-index", "--cached", "--raw", "-z", "--no-renames", "--ignore-submodules", "HEAD")
        index = run(place, "ls-files", "--stage", "--debug", "-z")
        bits = run(place, "config", "--type=bool", "--default=true", "core.fileMode") == b"true\n"
        others = run(place, "ls-files", "--others", "--exclude-standard", "--directory", "--no-empty-directory", "-z")
    except GitFailed:
        return Uncommitted()
    root = os.fsencode(place.work_tree or place.git_dir)
    written = _mtime(place.git_dir / "index")
    changed = set(staged.split(b"\0")[1::2])
    changed.update(entry["path"] for entry in _ENTRY.finditer(index) if _differs(root, entry, written, bits))
    return Uncommitted(changed=len(changed), untracked=others.count(b"\0"))


def _differs(root: bytes, entry: re.Match[bytes], written: int, bits: bool) -> bool:
    mode = entry["mode"]
    if entry["stage"] != b"0":
        return True
    if mode == b"160000" or int(entry["flags"], 16) & _UNCHECKED:
        return False
    path = os.path.join(root, entry["path"])  # noqa: PTH118 - bytes: pathlib takes none
    try:
        found = os.lstat(path)
    except OSError:
        return True
    if not (stat.S_ISLNK if mode == b"120000" else stat.S_ISREG)(found.st_mode):
        return True
    if bits and mode != b"120000" and bool(found.st_mode & 0o100) != (mode == b"100755"):
        return True
    recorded = (int(entry["sec"]), int(entry["nsec"]))
    same_time = recorded in {divmod(found.st_mtime_ns, 10**9), (found.st_mtime_ns // 10**9, 0)}
    # A file written at the moment the index was may have changed since at the same size and time.
    if same_time and found.st_size & 0xFFFFFFFF == int(entry["size"]) and found.st_mtime_ns < written:
        return False
    return entry["id"] not in _content_ids(path, found)


def _content_ids(path: bytes, found: os.stat_result) -> set[bytes]:
    """The ids the content may have: as it lies there, and with the line ends git may have converted."""
    if found.st_size > _HASHED:
        return set()
    try:
        if stat.S_ISLNK(found.st_mode):
            return {_blob_id(os.readlink(path))}  # noqa: PTH115
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            content = file.read(_HASHED)
    except OSError:
        return set()
    return {_blob_id(content), _blob_id(content.replace(b"\r\n", b"\n"))}


def _blob_id(content: bytes) -> bytes:
    header = b"blob %d\0" % len(content)
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest().encode()


def _mtime(index: Path) -> int:
    try:
        return index.stat().st_mtime_ns
    except OSError:
        return 0
