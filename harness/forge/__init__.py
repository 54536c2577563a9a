"""Forges: GitHub, GitLab, Forgejo and Gitea, behind one protocol. Knows nothing of runs."""

from harness.forge.base import LADDER, Account, Comment, Forge, Issue, Permission, Pull, at_least
from harness.forge.errors import (
    ForgeDenied,
    ForgeError,
    ForgeMissing,
    ForgeRejected,
    ForgeUnavailable,
    RateLimited,
    Uncertain,
)

__all__ = [
    "LADDER",
    "Account",
    "Comment",
    "Forge",
    "ForgeDenied",
    "ForgeError",
    "ForgeMissing",
    "ForgeRejected",
    "ForgeUnavailable",
    "Issue",
    "Permission",
    "Pull",
    "RateLimited",
    "Uncertain",
    "at_least",
]
