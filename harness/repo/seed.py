"""A seed: the private clone every sandbox of a base starts from. Made once, then only ever read.

It holds the work tree at base and a `.git` of its own with one branch and nothing but the ancestry of base:
no remote, no hook, no alternate, no other ref, and no object that base does not reach.
"""

import hashlib
import os
import re
import shutil
import struct
import tempfile
import time
from pathlib import Path

from harness.repo.errors import BaseRefused, GitFailed, PlaceTaken
from harness.repo.git import AS_IT_IS, Place, run
from harness.repo.lock import locked

BRANCH = "main"
"""The one branch of every private clone."""

PRISTINE = ".git/loopwright/index"
"""A second copy of the seed's index, which nobody's `git add` changes: see `scripts`."""

IGNORED = (
    "__pycache__/", "*.py[co]", ".pytest_cache/", ".mypy_cache/", ".ruff_cache/", ".hypothesis/", ".coverage",
    ".coverage.*", ".tox/", ".nox/", "*.egg-info/", ".venv/", "node_modules/", ".DS_Store",
)  # fmt: skip
"""What tools leave behind wherever they run. Never part of a candidate, whether or not the repository ignores
it; files that base tracks are not concerned."""

_FORM = "1"
"""Part of every key: raise it when a seed is built differently."""

_AGENT = """\
[user]
\tname = Loopwright agent
\temail = agent@loopwright.invalid
[commit]
\tgpgsign = false
"""
_CONFIG = f"""\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = false
\tlogallrefupdates = true
\tautocrlf = false
\tsymlinks = true
\tignorecase = false
\ttrustctime = false
\tcheckStat = minimal
{_AGENT}[gc]
\tauto = 0
[maintenance]
\tauto = false
"""
# trustctime and checkStat: the clone is seen through overlays and copies, where inode and ctime differ; with
# them the first `git status` need not read every file again.

_OLDEST = 315_619_200
"""1980-01-02: zip files, and so wheels, cannot hold earlier times."""


def key(commit: str, uid: int) -> str:
    """The name of the seed for `commit` owned by `uid`."""
    return hashlib.sha256(f"{_FORM} {commit} {uid} {IGNORED} {_CONFIG}".encode()).hexdigest()[:32]


def build(store: Place, seeds: Path, commit: str, uid: int) -> Path:
    """The directory `<seeds>/<key>` with the private clone of `commit`, built if it is not there yet.

    Owned by `uid` when this process may give files away (root); by the user of this process otherwise. Builders
    of the same seed wait for each other; one that dies leaves nothing that the next does not replace. Raises
    `BaseRefused` for a tree that git does not lay out.
    """
    seed = seeds / key(commit, uid)
    lock = seeds / f".{seed.name}.lock"
    with locked(lock):
        if seed.is_dir():
            times = seed.stat()
            os.utime(seed, ns=(times.st_atime_ns, times.st_mtime_ns))  # its ctime: when it was last asked for
            return seed
        half = seeds / f".{seed.name}.building"
        if half.exists():
            shutil.rmtree(half)
        try:
            _clone(store, half, commit)
            _settle(half, _commit_time(store, commit), uid if os.geteuid() == 0 else None)
            half.rename(seed)
        except BaseException:
            shutil.rmtree(half, ignore_errors=True)
            raise
    return seed


def lay_out(store: Place, where: Path, commit: str, branch: str) -> None:
    """A clone of `commit` at `where`, which must not exist, on its one branch `branch`; it comes whole or not at all.

    No hook, remote, alternate or configuration but ours is in it, and no filter ran: what lies there are the blobs.
    Raises `PlaceTaken`, and `BaseRefused` for a tree that git does not lay out.
    """
    if where.exists() or where.is_symlink():
        raise PlaceTaken(f"{where} is there already", "nothing that exists is overwritten", "name another place")
    where.parent.mkdir(parents=True, exist_ok=True)
    half = Path(tempfile.mkdtemp(prefix=f".{where.name}.", dir=where.parent))
    try:
        _clone(store, half, commit, branch)
        (half / ".git" / "config").write_text(_CONFIG.replace(_AGENT, ""))
        _settle(half, int(time.time()) - 60, None)
        half.rename(where)
    except BaseException:
        shutil.rmtree(half, ignore_errors=True)
        raise


def _clone(store: Place, half: Path, commit: str, branch: str = BRANCH) -> None:
    git_dir = half / ".git"
    for directory in ("objects/pack", "refs/heads", "refs/tags", "info", "loopwright"):
        (git_dir / directory).mkdir(parents=True)
    half.chmod(0o755)
    (git_dir / "HEAD").write_text(f"ref: refs/heads/{branch}\n")
    (git_dir / "config").write_text(_CONFIG)
    (git_dir / "info" / "exclude").write_text("\n".join((*IGNORED, "")))
    pack = git_dir / "objects" / "pack" / "pack"
    wanted = f"{commit}\n".encode()
    run(store, "pack-objects", "--revs", "-q", *AS_IT_IS, str(pack), stdin=wanted, seconds=1800)
    there = Place(git_dir=git_dir, work_tree=half)
    boundary = _shallow(store, there)
    if boundary:
        (git_dir / "shallow").write_bytes(boundary)
    tip = git_dir / "refs" / "heads" / branch
    tip.parent.mkdir(parents=True, exist_ok=True)
    tip.write_text(f"{commit}\n")
    try:
        # Straight into an empty index: attributes (line ends, encodings) apply, drivers do not exist here.
        run(there, "read-tree", "--reset", "-u", commit, seconds=600)
    except GitFailed as error:
        path = re.search(r"invalid path '(.*)'", error.stderr)
        why = f"git refuses the path {path[1]!r}" if path else error.why
        fix = "remove it from the base commit, or start from another one"
        raise BaseRefused(f"the tree of {commit[:12]} cannot be laid out", why, fix) from None


def _shallow(store: Place, there: Place) -> bytes:
    """The lines of the store's `shallow` file that concern this clone."""
    try:
        lines = (store.git_dir / "shallow").read_bytes()
    except FileNotFoundError:
        return b""
    known = run(there, "cat-file", "--batch-check=%(objectname)", stdin=lines)
    return b"".join(line + b"\n" for line in known.splitlines() if not line.endswith(b" missing"))


def _commit_time(store: Place, commit: str) -> int:
    content = run(store, "cat-file", "commit", commit)
    found = re.search(rb"^committer .*> (\d{1,15})", content, re.MULTILINE)
    now = int(time.time()) - 60
    return max(_OLDEST, min(int(found[1]) if found else 0, now))


def _settle(half: Path, when: int, owner: int | None) -> None:
    """Give every file its owner and the time of the commit, and tell the index what they look like now.

    The times keep an edit of the same size from ever going unseen, whatever the resolution of the clock. The
    index is told rather than refreshed: a refresh reads every file, and takes files whose line ends were never
    normalised for changed ones.
    """
    if owner is not None:
        _give(half, owner)
    index, pristine = half / ".git" / "index", half / PRISTINE
    content = bytearray(index.read_bytes())
    for offset, path in _entries(content):
        file = os.path.join(os.fsencode(half), path)  # noqa: PTH118 - bytes: pathlib takes none
        os.utime(file, (when, when), follow_symlinks=False)
        struct.pack_into(">10I", content, offset, *_stat_words(os.lstat(file)))
    content[-20:] = hashlib.sha1(content[:-20], usedforsecurity=False).digest()
    index.write_bytes(content)
    pristine.write_bytes(content)
    if owner is not None:
        os.chown(pristine, owner, owner)


def _entries(index: bytearray) -> list[tuple[int, bytes]]:
    """Offset and path of each file in a version 2 index (gitformat-index(5)); submodules are left out."""
    _, version, count = struct.unpack_from(">4sII", index)
    if version != 2:
        raise BaseRefused("the private clone could not be made", f"git wrote an index of version {version}")
    found = []
    offset = 12
    for _ in range(count):
        end = index.index(0, offset + 62)
        (mode,) = struct.unpack_from(">I", index, offset + 24)
        if mode >> 12 != 0o16:
            found.append((offset, bytes(index[offset + 62 : end])))
        offset += (end - offset + 8) & ~7
    return found


def _stat_words(found: os.stat_result) -> list[int]:
    ctime, mtime = divmod(found.st_ctime_ns, 10**9), divmod(found.st_mtime_ns, 10**9)
    mode = 0o120000 if found.st_mode >> 12 == 0o12 else 0o100755 if found.st_mode & 0o100 else 0o100644
    words = (*ctime, *mtime, found.st_dev, found.st_ino, mode, found.st_uid, found.st_gid, found.st_size)
    return [word & 0xFFFFFFFF for word in words]


def _give(half: Path, owner: int) -> None:
    os.chown(half, owner, owner)
    for _, directories, files, here in os.fwalk(half):
        for each in directories + files:
            os.chown(each, owner, owner, dir_fd=here, follow_symlinks=False)
