"""From a verified tree to a branch and a pull request on the forge: each step looks first, so that doing it again
is doing it once, and nothing is ever forced."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from harness.events import Event, PullRequestIntended, PullRequestMade
from harness.forge import Account, Forge, ForgeRejected, Pull, Uncertain
from harness.forge.commits import File, commit, read_back, wants_signature
from harness.forge.github import GitHub
from harness.github.verify import Verified
from harness.repo import Change, Store, check_branch
from harness.repo.remote import Remote, blob, push, signed_commit, tip

Signing = Literal["auto", "api", "ssh", "none"]
ACTIONS = Account(login="github-actions[bot]", id=41898282, type="Bot")
"""The account of the workflow's own token on github.com."""


class Pushed(msgspec.Struct, frozen=True, kw_only=True):
    """What stands on the forge: the branch, its commit, and what the forge says of the signature."""

    branch: str
    head: str
    signature: str


class Moved(ForgeRejected):
    """The branch is at a commit that this run did not start from."""


def free(remote: Remote, wanted: str, tree: str, tree_of: Callable[[str], str], ours: Callable[[str], bool]) -> str:
    """The branch to publish on: `wanted` or the first of `wanted-2`, ... that is free, is already at this very
    tree, or has an open pull request of ours."""
    check_branch(wanted)
    for number in range(1, 50):
        name = wanted if number == 1 else f"{wanted}-{number}"
        at = tip(remote, name)
        if not at or ours(name) or tree_of(at) == tree:
            return name
    raise ForgeRejected("no branch is free", f"{wanted} and 48 more are taken", "delete old branches")


def send(
    forge: Forge, verified: Verified, branch: str, message: str, signing: Signing, key: Path | None, at: str
) -> Pushed:
    """Put one commit with the verified tree on top of the base and bring `branch` there. `at` is where the branch
    is now, `` for nowhere. Raises `Moved`, `RemoteFailed`, `ForgeError`."""
    store, base = verified.store, verified.base
    if at and at != base.commit:
        raise Moved(f"{branch} has moved on", f"it is at {at[:12]}, and the run started from {base.commit[:12]}")
    remote = Remote(url=forge.remote[0], auth=forge.remote[1])
    by_api = signing == "api" or (signing == "auto" and isinstance(forge, GitHub) and wants_signature(forge, branch))
    if by_api:
        if not isinstance(forge, GitHub):
            raise ForgeRejected(
                "this forge makes no commits for us", "commit-signing: api is GitHub's", "use ssh or none"
            )
        files = tuple(_file(store, verified.tree, each) for each in verified.changes)
        head = commit(forge, branch, base.commit, base.tree, message, files)
    else:
        head = store.commit(verified.tree, base.commit, message, author=author(forge), date=int(time.time()))
        if signing == "ssh":
            if key is None:
                raise ForgeRejected("there is no key to sign with", "commit-signing is ssh", "give ssh-signing-key")
            head = signed_commit(store.place, head, key)
        push(store.place, remote, head, branch)
    return Pushed(branch=branch, head=head, signature=signature(forge, head, verified.tree))


def author(forge: Forge) -> tuple[str, str]:
    """Name and address of a commit of ours: those of the account that the token speaks for."""
    account = forge.me()
    return address(forge, account if account.id else ACTIONS)


def address(forge: Forge, account: Account) -> tuple[str, str]:
    """Name and address of an account that no mail reaches, as GitHub attributes them."""
    host = (urlsplit(forge.server).hostname if isinstance(forge, GitHub) else "") or "github.com"
    return account.login, f"{account.id}+{account.login}@users.noreply.{host}"


def signature(forge: Forge, head: str, tree: str) -> str:
    """What the forge has, read back: the tree has to be ours, and the signature is reported as it is."""
    if not isinstance(forge, GitHub):
        return ""
    found = read_back(forge, head)
    if found.tree != tree:
        raise ForgeRejected("the forge has another tree", f"{found.tree[:12]}, and {tree[:12]} was verified")
    return "verified" if found.verified else f"not verified ({found.reason or 'unsigned'})"


def propose(
    forge: Forge,
    pushed: Pushed,
    target: str,
    title: str,
    body: str,
    draft: bool,
    record: Callable[[Event], None] = lambda event: None,
) -> tuple[Pull, bool]:
    """Open the pull request of a branch, or update the one there is; and whether it was opened."""
    repository = forge.repository
    record(
        PullRequestIntended(
            forge=forge.kind, repository=repository, branch=pushed.branch, commit=pushed.head, target=target
        )
    )
    pull, created = _propose(forge, pushed.branch, target, title, body, draft)
    record(
        PullRequestMade(
            forge=forge.kind, repository=repository, number=pull.number, url=pull.url, draft=pull.draft, created=created
        )
    )
    return pull, created


def _propose(forge: Forge, branch: str, target: str, title: str, body: str, draft: bool) -> tuple[Pull, bool]:
    """A request that was cut is looked after before it is made again."""
    for attempt in (1, 2, 3):
        if there := forge.pull_of(branch):
            return forge.edit_pull(there, title, body), False
        try:
            return forge.open_pull(branch, target, title, body, draft), True
        except Uncertain:
            if attempt == 3:
                raise
        except ForgeRejected as error:
            if draft and "draft" in error.why.lower():
                draft = False  # a plan without drafts: the body says what is missing
            elif attempt == 3 or "already exists" not in error.why:
                raise
    raise AssertionError("unreachable")


def undo(forge: Forge, store: Store, head: str, before: str, branch: str, message: str) -> str:
    """Take the last commit of a branch back with a new one that has the tree before it; its id."""
    made = store.commit(store.tree(before), head, message, author=author(forge), date=int(time.time()))
    push(store.place, Remote(url=forge.remote[0], auth=forge.remote[1]), made, branch)
    return made


def _file(store: Store, tree: str, change: Change) -> File:
    content = None if change.status == "deleted" else blob(store.place, tree, change.path)
    return File(path=change.path, mode=change.new_mode, old_mode=change.old_mode, content=content)
