"""The user's repository, read only: where it is, and the commit a run starts from."""

import difflib
import hashlib
import re
from pathlib import Path

import msgspec

from harness.repo.dirty import uncommitted
from harness.repo.errors import BaseMissing, GitFailed, NotARepository, RepositoryRefused
from harness.repo.git import ID, MEBI, Place, name, raw, run, text


class Repository(msgspec.Struct, frozen=True, kw_only=True):
    """A git repository of the user's; nothing in this room writes to it but `publish`."""

    root: Path
    """The top of the work tree; of a bare repository the repository itself."""
    git_dir: Path
    """What all its work trees share: objects, refs, configuration."""
    head_dir: Path
    """HEAD and index of this work tree; differs from `git_dir` in a linked work tree only."""
    bare: bool
    id: str
    """Names the repository on this machine: 16 hex digits, from the real path of `git_dir`."""

    @property
    def place(self) -> Place:
        return Place(git_dir=self.head_dir)


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something about the base that the user should know and that ends nothing."""

    what: str
    why: str = ""
    fix: str = ""


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """The commit a run starts from."""

    commit: str
    tree: str
    ref: str
    """How it was named: the ref asked for, the branch checked out, or `HEAD` when that is detached."""
    notices: tuple[Notice, ...] = ()


def discover(path: Path) -> Repository:
    """The repository that `path`, a directory, lies in; bare ones and linked work trees are fine.

    Raises `NotARepository`, or `RepositoryRefused` for one that git cannot open, whose objects are not named by
    SHA-1, or when `path` is inside a `.git` directory.
    """
    try:
        start = path.resolve(strict=True)
        if not start.is_dir():
            raise NotADirectoryError(20, "not a directory")
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise NotARepository(f"{path} is not a git repository", why, "name the directory of a repository") from None

    def ask(question: str) -> str:
        return text(run(None, "rev-parse", question, cwd=start, seconds=30))

    try:
        head_dir = Path(ask("--absolute-git-dir")).resolve()
        git_dir = (start / ask("--git-common-dir")).resolve()
        bare = ask("--is-bare-repository") == "true"
        if not bare and ask("--is-inside-git-dir") == "true":
            raise RepositoryRefused(f"{path} is inside a .git directory", "", "name the checkout itself")
        root = head_dir if bare else Path(ask("--show-toplevel")).resolve()
        form = ask("--show-object-format")
    except GitFailed as error:
        if "not a git repository" in error.stderr:
            why = "neither it nor a directory above it has a .git"
            fix = "run `git init` and commit, or name another directory with --repo"
            raise NotARepository(f"{path} is not a git repository", why, fix) from None
        raise RepositoryRefused(f"git cannot open {path}", error.why, "see what `git status` says there") from None
    if form != "sha1":
        fix = "use a repository with git's default object format"
        raise RepositoryRefused(f"{path} names its objects by {form}", "only SHA-1 is supported", fix)
    digest = hashlib.sha256(raw(str(git_dir))).hexdigest()[:16]
    return Repository(root=root, git_dir=git_dir, head_dir=head_dir, bare=bare, id=digest)


def resolve(repo: Repository, ref: str | None = None) -> Base:
    """The commit that `ref` (anything git can name; None for HEAD) stands for, and what is odd about it.

    Raises `BaseMissing` when there is no such commit. Executes nothing of the repository, whatever its
    configuration and attributes say.
    """
    named = "HEAD" if ref is None else ref
    branch = _checked_out(repo)
    try:
        # In two steps, as `:/text^{commit}` would look for the text "text^{commit}".
        commit = _one(repo, f"{_one(repo, named)}^{{commit}}")
        content = run(repo.place, "cat-file", "commit", commit)
    except (GitFailed, UnicodeEncodeError) as error:
        raise _missing(repo, ref, branch, str(getattr(error, "stderr", "")).strip()) from None
    notices = (
        *_about_refs(repo, ref, branch),
        *_about_checkout(repo),
        *_about_tree(repo, commit),
    )
    tree = text(content[5:45])
    return Base(commit=commit, tree=tree, ref=ref or branch or "HEAD", notices=notices)


def _one(repo: Repository, named: str) -> str:
    """The one object that `named` means; `GitFailed` for none, or for what means a range or an option."""
    if "\0" in named:
        raise GitFailed("rev-parse", 1, "")
    found = text(run(repo.place, "rev-parse", "--verify", "--quiet", "--end-of-options", raw(named)))
    if not ID.fullmatch(found):
        raise GitFailed("rev-parse", 1, "")
    return found


def _checked_out(repo: Repository) -> str | None:
    try:
        return text(run(repo.place, "symbolic-ref", "--quiet", "--short", "HEAD"))
    except GitFailed:
        return None


def _missing(repo: Repository, ref: str | None, branch: str | None, why: str) -> BaseMissing:
    refs = run(repo.place, "for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/remotes", "refs/tags")
    names = [name(line) for line in refs.splitlines()]
    if ref is not None:
        near = tuple(difflib.get_close_matches(ref, names, 3, 0.5))
        fix = f"did you mean {' or '.join(near)}?" if near else "see `git branch -a` and `git log`"
        return BaseMissing(f"there is no commit {ref!r}", why or "no ref or object has this name", fix, near)
    here = f"the branch {branch} has no commit" if branch else "HEAD names no commit"
    if names:
        fix = f"name a base, for example --base {names[0]}"
        return BaseMissing("there is nothing to start from", why or here, fix, tuple(names[:3]))
    return BaseMissing("there is nothing to start from", why or f"{here} yet", "commit something first")


def _about_checkout(repo: Repository) -> tuple[Notice, ...]:
    """What lies in the checkout and in no commit."""
    if repo.bare:
        return ()
    found = uncommitted(Place(git_dir=repo.head_dir, work_tree=repo.root))
    counted = [(found.changed, "changed"), (found.untracked, "untracked")]
    parts = [f"{count} {kind} file{'' if count == 1 else 's'}" for count, kind in counted if count]
    if not parts:
        return ()
    what = f"the checkout has {' and '.join(parts)}"
    why = "a run starts from a commit, so they are not part of it"
    return (Notice(what=what, why=why, fix="commit them first if they belong to it"),)


def _about_refs(repo: Repository, ref: str | None, branch: str | None) -> tuple[Notice, ...]:
    if ref is None:
        if branch is None:
            return (Notice(what="HEAD is detached", why="the run starts from the commit itself, on no branch"),)
        return ()
    both = {raw(f"refs/{kind}/{ref}") for kind in ("heads", "tags")}
    if not both <= set(run(repo.place, "for-each-ref", "--format=%(refname)", *both).splitlines()):
        return ()
    fix = f"say refs/heads/{ref} for the branch"
    return (Notice(what=f"{ref} names a tag and a branch", why="git takes the tag", fix=fix),)


def _about_tree(repo: Repository, commit: str) -> tuple[Notice, ...]:
    notices: list[Notice] = []
    shallow = repo.git_dir / "shallow"
    if shallow.is_file() and shallow.stat().st_size:
        fix = "`git fetch --unshallow` brings the rest"
        notices.append(Notice(what="the clone is shallow", why="older history is not in the sandbox", fix=fix))
    try:
        listing = run(repo.place, "ls-tree", "-r", "-z", "--full-tree", commit, cap=64 * MEBI, seconds=20)
    except GitFailed:
        return tuple(notices)  # objects are missing: `adopt` says so, with all that is known
    entries = [entry.split(b"\t", 1) for entry in listing.split(b"\0")[:-1]]
    modules = [name(path) for meta, path in entries if meta.startswith(b"160000 ")]
    if modules:
        why = f"their files are not in the sandbox: {_some(modules)}"
        what = f"the repository has {len(modules)} submodule{'' if len(modules) == 1 else 's'}"
        notices.append(Notice(what=what, why=why, fix="tests that need them have to be left out or set up"))
    attributes = [meta.split()[2] for meta, path in entries if path.rpartition(b"/")[2] == b".gitattributes"]
    if any(_names_lfs(repo, blob) for blob in attributes[:50]):
        why = "in the sandbox they are pointer files; no filter runs on this machine"
        notices.append(Notice(what="the repository keeps files in Git LFS", why=why))
    return tuple(notices)


def _names_lfs(repo: Repository, blob: bytes) -> bool:
    try:
        content = run(repo.place, "cat-file", "blob", blob, cap=MEBI)
    except GitFailed:
        return False
    return re.search(rb"^[^#\n]*\sfilter=lfs(\s|$)", content, re.MULTILINE) is not None


def _some(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
