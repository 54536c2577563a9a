"""The ways out of this room: one exception type each, with what happened, why, and what to do about it."""


class RepoError(Exception):
    """Something git or a repository did not allow; the subclasses say which."""

    def __init__(self, what: str, why: str = "", fix: str = "") -> None:
        super().__init__(f"{what}: {why}" if why else what)
        self.what, self.why, self.fix = what, why, fix


class GitMissing(RepoError):
    """There is no git on this machine's PATH."""


class GitFailed(RepoError):
    """A git process failed, took too long, or wrote more than it may.

    `code` is its exit status (negative for a signal), `stderr` the end of what it said; both empty-handed
    (`code` 0) when it was stopped by us.
    """

    def __init__(self, command: str, code: int, stderr: str, why: str = "") -> None:
        ended = f"it was stopped by signal {-code}" if code < 0 else f"exit status {code}"
        super().__init__(f"git {command} failed", why or stderr.strip() or ended)
        self.command, self.code, self.stderr = command, code, stderr


class NotARepository(RepoError):
    """No git repository at this path."""


class RepositoryRefused(RepoError):
    """A git repository, but not one that can be worked with."""


class BaseMissing(RepoError):
    """There is no commit to start from; `near` lists the refs whose names resemble the one asked for."""

    def __init__(self, what: str, why: str, fix: str, near: tuple[str, ...] = ()) -> None:
        super().__init__(what, why, fix)
        self.near = near


class BaseRefused(RepoError):
    """The base commit cannot be copied or laid out: objects are missing, or git refuses a path of its tree."""


class Rejected(RepoError):
    """What came out of a sandbox breaks a rule: nothing of it was kept.

    `rule` names the rule (`tip`, `pack`, `size`, `history`, `fsck.hasDotgit`, `mode`, `submodule`, `symlink`,
    `path`, ...), `path` the file it is about, if any. `why` and `fix` are fit to be shown to a model.
    """

    def __init__(self, rule: str, path: str, why: str, fix: str = "") -> None:
        place = f" ({path})" if path else ""
        super().__init__(f"the candidate was rejected by the rule {rule!r}{place}", why, fix)
        self.rule, self.path = rule, path


class ExportFailed(RepoError):
    """The script that takes the work tree out of, or puts one into, a sandbox failed there; `code` says where."""

    def __init__(self, code: int, why: str, fix: str, stderr: str = "") -> None:
        super().__init__("the work tree could not be moved in or out of the sandbox", why, fix)
        self.code, self.stderr = code, stderr


class PlaceTaken(RepoError):
    """Something exists where a clone was to be laid out."""


class PathMissing(RepoError):
    """A path was to be taken from a tree that does not have it."""


class TooLarge(RepoError):
    """A file, listing or diff is larger than the caller is ready to take."""


class BranchRefused(RepoError):
    """Not a name a branch can have."""


class BranchExists(RepoError):
    """The branch is there already, at another commit; `suggestion` is a name that is free.

    `at` is that commit, or `` when the name only collides: with a directory of branches, a branch whose name
    differs in case, or the unborn branch of a checkout.
    """

    def __init__(self, branch: str, at: str, suggestion: str) -> None:
        super().__init__(
            f"the branch {branch} exists already",
            f"it points at {at[:12]}, and no branch is ever moved" if at else "another branch stands in its way",
            f"choose another name, for example {suggestion}",
        )
        self.branch, self.at, self.suggestion = branch, at, suggestion


class PublishFailed(RepoError):
    """The branch could not be created; the user's repository has gained unreferenced objects at most."""
