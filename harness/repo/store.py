"""The harness's own bare repository of one user repository: bases, candidates, and every question about them.

Self-contained: it borrows no objects, so the user may gc, rewrite or delete the repository during a run. Refs:
`refs/bases/<commit>`, `refs/loopwright/<run>/<n>` and `refs/checkpoints/<run>/<commit>`.
"""

import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.repo import intake, seed, trees
from harness.repo.errors import BaseRefused, GitFailed, RepoError, TooLarge
from harness.repo.git import AS_IT_IS, ID, MEBI, Place, name, run, text
from harness.repo.lock import locked
from harness.repo.objects import Objects
from harness.repo.packfile import Intake
from harness.repo.source import Base, Repository

_RUN = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_MANY_PACKS = 50
"""git's own gc.autoPackLimit: more packs than this make every look-up slow."""

_FRESH = "2.hours.ago"
"""Objects younger than this may belong to a candidate that has no ref yet."""

_CONFIG = """\
[core]
\trepositoryformatversion = 0
\tbare = true
[gc]
\tauto = 0
"""


class Store:
    """The store of `repository` under `home`, made on demand. Several processes may use it at once.

    Methods that read raise `RepoError` for trees and objects it does not have. `close` ends the reader process.
    """

    def __init__(self, home: Path, repository: Repository) -> None:
        self.home = home.absolute()
        self.repository = repository
        self.path = self.home / "store" / f"{repository.id}.git"
        self.place = Place(git_dir=self.path)
        self._lock = self.path.with_suffix(".lock")
        self._objects = Objects(self.place)
        with locked(self._lock):
            make_bare(self.path)

    def close(self) -> None:
        """End the reader process; the store stays usable."""
        self._objects.close()

    def adopt(self, base: Base) -> None:
        """Copy every object `base` reaches that is not here yet. Idempotent.

        Raises `BaseRefused` when the user's repository lacks or has broken objects (a partial clone, damage), or
        when the tree names more paths than anyone wrote.
        """
        ref = f"refs/bases/{base.commit}"
        if _exists(self.place, ref):
            return
        with locked(self._lock):
            _drop_locks(self.path)
            if len(list(self.path.glob("objects/pack/*.pack"))) > _MANY_PACKS:
                run(self.place, "repack", "-a", "-d", "-k", "-q", seconds=1800)
            try:
                _copy(self.repository.git_dir, self.place, base.commit)
                _settle_shallow(self.repository.git_dir, self.place)
                self._check(base)
                self._objects.listing(base.tree)
            except TooLarge as error:
                raise BaseRefused(f"the base {base.commit[:12]} is too large", error.what, error.fix) from None
            except GitFailed as error:
                fix = "run `git fsck`; in a partial clone, `git fetch --refetch --no-filter` brings what is missing"
                what = f"the base {base.commit[:12]} cannot be copied"
                raise BaseRefused(what, f"objects are missing or broken: {error.why}", fix) from None
            run(self.place, "update-ref", ref, base.commit)

    def _check(self, base: Base) -> None:
        known = run(self.place, "for-each-ref", "--format=^%(objectname)", "refs/bases")
        wanted = f"{base.commit}\n".encode() + known
        run(self.place, "rev-list", "--objects", "--quiet", "--stdin", stdin=wanted, seconds=600)
        if text(run(self.place, "rev-parse", "--verify", f"{base.commit}^{{tree}}")) != base.tree:
            raise GitFailed("rev-parse", 0, "", "the commit has another tree than the repository said")

    def seed(self, base: Base, uid: int) -> Path:
        """The private clone every sandbox of `base` starts from; see `seed.build`. Adopt the base first."""
        return seed.build(self.place, self.home / "seeds", base.commit, uid)

    def receive(
        self, pack: bytes | Iterable[bytes], tip: str, base: str, limits: Intake | None = None
    ) -> intake.Received:
        """Take what came out of a sandbox; see `intake.receive`. Raises `Rejected`; then nothing was kept."""
        return intake.receive(self.place, pack, tip, base, limits or Intake())

    def commit(
        self,
        tree: str,
        parent: str,
        message: str,
        *,
        author: tuple[str, str] = ("Loopwright", "loopwright@localhost"),
        date: int = 0,
        trailers: Iterable[tuple[str, str]] = (),
    ) -> str:
        """A commit made here: `author` is name and address, `date` seconds since 1970 (UTC). The same arguments
        give the same commit, so making it twice is making it once."""
        lines = [f"{key}: {_one_line(value)}" for key, value in trailers]
        body = message.replace("\0", "").replace("\r\n", "\n").strip() or "(no message)"
        whole = "\n\n".join([body, "\n".join(lines)]) if lines else body
        person, address = (re.sub(r"[<>\0-\x1f]", "", part).strip() or "unknown" for part in author)
        who = {
            f"GIT_{role}_{field}": value
            for role in ("AUTHOR", "COMMITTER")
            for field, value in (("NAME", person), ("EMAIL", address), ("DATE", f"@{date} +0000"))
        }
        stdin = f"{whole}\n".encode("utf-8", "replace")
        return text(run(self.place, "commit-tree", _id(tree), "-p", _id(parent), stdin=stdin, env=who))

    def keep(self, run_id: str, n: int, commit: str) -> None:
        """Hold the candidate `n` of a run under its private ref; the same `n` again replaces it."""
        with locked(self._lock):
            _drop_locks(self.path)
            run(self.place, "update-ref", f"{_refs(run_id)}/{n:d}", _id(commit))

    def candidates(self, run_id: str) -> dict[int, str]:
        """The candidates of a run: number -> commit, in order."""
        output = run(self.place, "for-each-ref", "--format=%(refname:lstrip=3) %(objectname)", _refs(run_id))
        pairs = (line.decode().split(" ") for line in output.splitlines())
        return dict(sorted((int(n), commit) for n, commit in pairs))

    def checkpoint(self, run_id: str, tree: str, parent: str) -> str:
        """Hold `tree` for a run, as a commit on `parent` whose id is the checkpoint's. Idempotent."""
        commit = self.commit(tree, parent, f"Checkpoint of run {run_id}")
        with locked(self._lock):
            _drop_locks(self.path)
            run(self.place, "update-ref", f"{_refs(run_id, 'checkpoints')}/{commit}", commit)
        return commit

    def runs(self) -> frozenset[str]:
        """The runs that this store holds candidates or checkpoints of."""
        output = run(self.place, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/loopwright", "refs/checkpoints")
        named = (line.decode().split("/") for line in output.splitlines())
        return frozenset(parts[0] for parts in named if len(parts) > 1)  # refs/loopwright/memory is no run's

    def forget(self, run_id: str) -> None:
        """Drop the refs of a run's candidates and checkpoints."""
        kinds = (_refs(run_id), _refs(run_id, "checkpoints"))
        with locked(self._lock):
            _drop_locks(self.path)
            held = run(self.place, "for-each-ref", "--format=delete %(refname)", *kinds)
            run(self.place, "update-ref", "--stdin", stdin=held)

    def compact(self) -> None:
        """Pack what is referred to, and drop what has not been for two hours: no intake takes that long."""
        with locked(self._lock):
            _drop_locks(self.path)
            run(self.place, "repack", "-A", "-d", "-q", f"--unpack-unreachable={_FRESH}", seconds=1800)
            run(self.place, "prune", f"--expire={_FRESH}", seconds=1800)

    def checkout(self, commit: str, where: Path, branch: str) -> None:
        """A clone of its own with `commit` checked out on `branch`, at `where`, for a person; see `seed.lay_out`."""
        seed.lay_out(self.place, where, _id(commit), branch)

    def tree(self, commit: str) -> str:
        """The id of a commit's tree."""
        return text(run(self.place, "rev-parse", "--verify", f"{_id(commit)}^{{tree}}"))

    def compose(self, onto: str, take: Mapping[str, str | None]) -> str:
        """The tree `onto` with paths taken from other trees, or removed; see `trees.compose`."""
        return trees.compose(self.place, self._objects.listing, _id(onto), take)

    def edit(self, onto: str, files: Mapping[str, bytes | None]) -> str:
        """The tree `onto` with files written or removed; see `trees.edit`."""
        return trees.edit(self.place, self._objects.listing, _id(onto), files)

    def file(self, tree: str, path: str, cap: int = 16 * MEBI) -> bytes | None:
        """The content of the regular file `path`; None when there is none, or it is a link or a submodule.
        Raises `TooLarge` over `cap` bytes."""
        entry = self._objects.listing(_id(tree)).get(path)
        if entry is None or not entry.mode.startswith("100"):
            return None
        return self._objects.blob(entry.id, cap)

    def link(self, tree: str, path: str) -> str | None:
        """What the symbolic link `path` says; None when there is none."""
        entry = self._objects.listing(_id(tree)).get(path)
        if entry is None or entry.mode != "120000":
            return None
        return self._objects.blob(entry.id, MEBI).decode(errors="surrogateescape")

    def paths(self, tree: str) -> tuple[str, ...]:
        """Every path of `tree`: files, links and submodules."""
        return tuple(self._objects.listing(_id(tree)))

    def entries(self, tree: str) -> dict[str, str]:
        """Mode and object id of every path of `tree`."""
        return {path: f"{entry.mode} {entry.id}" for path, entry in self._objects.listing(_id(tree)).items()}

    def changes(self, old: str, new: str) -> tuple[trees.Change, ...]:
        """The changed paths from tree `old` to tree `new`."""
        return tuple(each.change for each in trees.raw_changes(self.place, _id(old), _id(new)))

    def diff(self, old: str, new: str, context: int = 3, cap: int = 64 * MEBI) -> str:
        """The unified text of the change; see `trees.diff`."""
        return trees.diff(self.place, _id(old), _id(new), context, cap)

    def stat(self, old: str, new: str) -> trees.Stat:
        """How large the change is."""
        return trees.stat(self.place, _id(old), _id(new))

    def pack(self, tip: str, have: str) -> bytes:
        """A pack for `import_script`: what the commit or tree `tip` needs in a clone of the commit `have`."""
        wanted = f"{_id(tip)}\n^{_id(have)}\n^{have}^{{tree}}\n".encode()
        flags = ("--revs", "--thin", "--stdout", "-q", "--delta-base-offset")
        return run(self.place, "pack-objects", *flags, stdin=wanted)


def make_bare(path: Path) -> None:
    """Kill-proof: HEAD comes last, and git calls nothing a repository that has none."""
    if (path / "HEAD").is_file():
        return
    for directory in ("objects/pack", "objects/info", "refs"):
        (path / directory).mkdir(mode=0o700, parents=True, exist_ok=True)
    (path / "config").write_text(_CONFIG)
    half = path / "HEAD.new"
    half.write_text("ref: refs/heads/none\n")
    half.rename(path / "HEAD")


def _copy(source: Path, store: Place, commit: str) -> None:
    known = run(store, "for-each-ref", "--format=^%(objectname)", "refs/bases")
    wanted = f"{commit}\n".encode() + known
    borrowing = Place(git_dir=store.git_dir, borrowed=(source / "objects",))
    shallow = source / "shallow"
    # The user's configuration is not even read: the process works in the store and borrows the objects.
    here = ("--shallow-file", str(shallow)) if shallow.is_file() else ()
    with tempfile.TemporaryFile(dir=store.git_dir) as spool:
        flags = ("--revs", "--stdout", "-q", *AS_IT_IS)
        run(borrowing, *here, "pack-objects", *flags, stdin=wanted, out=spool, seconds=1800)
        spool.seek(0)
        run(store, "index-pack", "--stdin", stdin=spool, seconds=1800)


def _settle_shallow(source: Path, store: Place) -> None:
    """Mark the commits whose parents did not come along, as the user's own `shallow` file does."""
    theirs, ours = source / "shallow", store.git_dir / "shallow"
    lines = set(theirs.read_bytes().split()) if theirs.is_file() else set()
    lines |= set(ours.read_bytes().split()) if ours.is_file() else set()
    if not lines:
        return
    cut = [line for line in sorted(lines) if ID.fullmatch(name(line)) and _is_cut(store, name(line))]
    half = store.git_dir / "shallow.new"
    half.write_bytes(b"".join(line + b"\n" for line in cut))
    half.rename(ours)


def _is_cut(store: Place, commit: str) -> bool:
    try:
        header = run(store, "cat-file", "commit", commit).partition(b"\n\n")[0]
    except GitFailed:
        return False
    parents = b"".join(line[7:] + b"\n" for line in header.split(b"\n") if line.startswith(b"parent "))
    return b" missing" in run(store, "cat-file", "--batch-check", stdin=parents)


def _drop_locks(path: Path) -> None:
    """Remove what a killed git left behind; all refs are written under the store's own lock, which we hold."""
    for left in (*path.glob("refs/**/*.lock"), *path.glob("*.lock")):
        left.unlink(missing_ok=True)


def _exists(store: Place, ref: str) -> bool:
    try:
        run(store, "rev-parse", "--verify", "--quiet", ref)
    except GitFailed:
        return False
    return True


def _refs(run_id: str, kind: str = "loopwright") -> str:
    if not _RUN.fullmatch(run_id):
        raise RepoError(f"{run_id!r} is not the name of a run")
    return f"refs/{kind}/{run_id}"


def _id(oid: str) -> str:
    if not ID.fullmatch(oid):
        raise RepoError(f"{oid[:80]!r} is not an object id")
    return oid


def _one_line(value: str) -> str:
    return " ".join(value.split())
