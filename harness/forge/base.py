"""What a forge is: where issues, comments and requests to merge live. Data, and the protocol every forge keeps."""

import base64
from typing import Literal, Protocol

import msgspec

Permission = Literal["none", "read", "triage", "write", "maintain", "admin"]
LADDER: tuple[Permission, ...] = ("none", "read", "triage", "write", "maintain", "admin")
"""What an account may do, from nothing to everything."""


def at_least(permission: Permission, least: Permission) -> bool:
    """Whether `permission` includes `least`."""
    return LADDER.index(permission) >= LADDER.index(least)


def remote_of(server: str, repository: str, user: str, token: str) -> tuple[str, str]:
    """The URL that git talks to, and the `Authorization` header's value; `` without a token."""
    basic = base64.b64encode(f"{user}:{token}".encode()).decode()
    return f"{server}/{repository}.git", f"Basic {basic}" if token else ""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Who does something, as the API says: never decided by the form of the name."""

    login: str
    id: int = 0
    type: Literal["User", "Bot", "Organization", "Unknown"] = "Unknown"


class Issue(msgspec.Struct, frozen=True, kw_only=True):
    """An issue, or the issue side of a request to merge. Times are ISO 8601 in UTC, as the forge writes them."""

    number: int
    title: str
    body: str
    author: Account
    url: str = ""
    open: bool = True
    locked: bool = False
    labels: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    created: str = ""
    updated: str = ""


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    """A comment; `path` and `line` where it is one on code, `review` where it is a review's own text."""

    id: int
    author: Account
    body: str
    created: str = ""
    updated: str = ""
    url: str = ""
    path: str = ""
    line: int = 0
    reply_to: int = 0
    review: bool = False
    html: str = ""


class Pull(msgspec.Struct, frozen=True, kw_only=True):
    """A request to merge `branch` into `target`."""

    number: int
    url: str
    title: str
    body: str
    branch: str
    target: str
    head: str
    """The commit at the branch's end."""
    draft: bool
    open: bool = True
    fork: bool = False
    """Whether the branch lies in another repository."""
    author: Account = Account(login="")
    node: str = ""


class Forge(Protocol):
    """One repository on a forge. Every method may raise the errors of `harness.forge.errors`."""

    kind: str
    repository: str

    @property
    def remote(self) -> tuple[str, str]:
        """The URL that git pushes to, and the `Authorization` header's value that lets it."""
        ...

    def me(self) -> Account:
        """Whom the token speaks for, by its numeric id; 0 where the forge does not say."""
        ...

    def default_branch(self) -> str: ...

    def issue(self, number: int) -> Issue: ...

    def comments(self, number: int) -> list[Comment]:
        """The comments of an issue or a request to merge, oldest first."""
        ...

    def comment(self, number: int, body: str) -> Comment: ...

    def edit_comment(self, number: int, comment: int, body: str) -> Comment: ...

    def permission(self, login: str) -> Permission: ...

    def pull_of(self, branch: str) -> Pull | None:
        """The open request to merge this branch of this repository."""
        ...

    def pull(self, number: int) -> Pull: ...

    def open_pull(self, branch: str, target: str, title: str, body: str, draft: bool) -> Pull: ...

    def edit_pull(self, pull: Pull, title: str, body: str) -> Pull: ...

    def make_ready(self, pull: Pull) -> Pull:
        """Take the mark of a draft away."""
        ...

    def label(self, number: int, labels: tuple[str, ...]) -> None: ...

    def ask_review(self, number: int, logins: tuple[str, ...]) -> None: ...

    def status(self, commit: str, good: bool, text: str, url: str) -> None:
        """Say of a commit, under our own name, whether its gates are green."""
        ...
