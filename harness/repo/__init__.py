"""Git: the base a run starts from, the private clone sandboxes get, candidates, safe diffs, and the one branch.

Nothing of a repository executes on this machine, and nothing in the user's repository changes but for the one
branch that `publish` creates. See `git.py` for how git is run.
"""

from harness.repo.branch import check_branch, free_branch, publish
from harness.repo.errors import (
    BaseMissing,
    BaseRefused,
    BranchExists,
    BranchRefused,
    ExportFailed,
    GitFailed,
    GitMissing,
    NotARepository,
    PathMissing,
    PlaceTaken,
    PublishFailed,
    Rejected,
    RepoError,
    RepositoryRefused,
    TooLarge,
)
from harness.repo.intake import Received
from harness.repo.packfile import Intake
from harness.repo.scripts import export_script, fresh_script, import_script, script_failed, split_export
from harness.repo.source import Base, Notice, Repository, discover, resolve
from harness.repo.store import Store
from harness.repo.trees import Change, Stat

__all__ = [
    "Base",
    "BaseMissing",
    "BaseRefused",
    "BranchExists",
    "BranchRefused",
    "Change",
    "ExportFailed",
    "GitFailed",
    "GitMissing",
    "Intake",
    "NotARepository",
    "Notice",
    "PathMissing",
    "PlaceTaken",
    "PublishFailed",
    "Received",
    "Rejected",
    "RepoError",
    "Repository",
    "RepositoryRefused",
    "Stat",
    "Store",
    "TooLarge",
    "check_branch",
    "discover",
    "export_script",
    "fresh_script",
    "free_branch",
    "import_script",
    "publish",
    "resolve",
    "script_failed",
    "split_export",
]
