"""The API v1 of Gitea and Forgejo, as far as a run from a terminal needs it: no GraphQL, no types of accounts."""

from typing import Any
from urllib.parse import quote

import msgspec

from harness.forge.base import LADDER, Account, Comment, Issue, Permission, Pull, remote_of
from harness.forge.errors import ForgeMissing, ForgeRejected
from harness.forge.shapes import account_of, comment_of, issue_of, pull_of
from harness.forge.wire import Wire

_DRAFT = "WIP: "
"""A title that begins so is a draft, in either."""


class Gitea:
    """One repository, `owner/name`, at a Gitea or Forgejo server."""

    kind = "gitea"

    def __init__(self, repository: str, token: str, server: str) -> None:
        self.repository, self._token, self.server = repository, token, server.rstrip("/")
        self.wire = Wire(f"{self.server}/api/v1", {"Authorization": f"token {token}"} if token else {})
        owner, _, name = repository.partition("/")
        self._root = f"/repos/{quote(owner)}/{quote(name)}"

    @property
    def remote(self) -> tuple[str, str]:
        return remote_of(self.server, self.repository, "loopwright", self._token)

    def me(self) -> Account:
        return account_of(self.wire.get("/user"))

    def default_branch(self) -> str:
        return str(self.wire.get(self._root)["default_branch"])

    def issue(self, number: int) -> Issue:
        return issue_of(self.wire.get(f"{self._root}/issues/{number}"))

    def comments(self, number: int) -> list[Comment]:
        # not paged: the server gives all comments of one issue at once
        return [comment_of(each) for each in self.wire.get(f"{self._root}/issues/{number}/comments") or ()]

    def comment(self, number: int, body: str) -> Comment:
        return comment_of(self.wire.post(f"{self._root}/issues/{number}/comments", {"body": body}))

    def edit_comment(self, number: int, comment: int, body: str) -> Comment:
        return comment_of(self.wire.patch(f"{self._root}/issues/comments/{comment}", {"body": body}))

    def permission(self, login: str) -> Permission:
        try:
            found = self.wire.get(f"{self._root}/collaborators/{quote(login, safe='')}/permission")
        except ForgeMissing:
            return "none"
        role = str(found.get("permission") or "none")
        return next((each for each in LADDER if each == role), "admin" if role == "owner" else "none")

    def pull_of(self, branch: str) -> Pull | None:
        for found in self.wire.pages(f"{self._root}/pulls", size="limit", state="open"):
            pull = _pull(found, self.repository)
            if pull.branch == branch and not pull.fork:
                return pull
        return None

    def pull(self, number: int) -> Pull:
        return _pull(self.wire.get(f"{self._root}/pulls/{number}"), self.repository)

    def open_pull(self, branch: str, target: str, title: str, body: str, draft: bool) -> Pull:
        wanted = {"head": branch, "base": target, "title": (_DRAFT if draft else "") + title, "body": body}
        try:
            return _pull(self.wire.post(f"{self._root}/pulls", wanted), self.repository)
        except ForgeRejected as error:
            if error.status == 409:  # its word for it
                raise ForgeRejected(error.what, f"already exists: {error.why}", error.fix, status=409) from None
            raise

    def edit_pull(self, pull: Pull, title: str, body: str) -> Pull:
        name = (_DRAFT if pull.draft else "") + title
        changed = self.wire.patch(f"{self._root}/pulls/{pull.number}", {"title": name, "body": body})
        return _pull(changed, self.repository)

    def make_ready(self, pull: Pull) -> Pull:
        changed = self.wire.patch(f"{self._root}/pulls/{pull.number}", {"title": pull.title})
        return _pull(changed, self.repository)

    def label(self, number: int, labels: tuple[str, ...]) -> None:
        self.wire.post(f"{self._root}/issues/{number}/labels", {"labels": list(labels)})

    def ask_review(self, number: int, logins: tuple[str, ...]) -> None:
        self.wire.post(f"{self._root}/pulls/{number}/requested_reviewers", {"reviewers": list(logins)})

    def status(self, commit: str, good: bool, text: str, url: str) -> None:
        body = {"state": "success" if good else "failure", "context": "loopwright", "description": text[:250]}
        self.wire.post(f"{self._root}/statuses/{commit}", body | ({"target_url": url} if url else {}))


def _pull(found: dict[str, Any], repository: str) -> Pull:
    """A pull request: the beginning of its title says that it is a draft."""
    pull = pull_of(found, repository)
    draft = pull.draft or pull.title.startswith(_DRAFT)
    return msgspec.structs.replace(pull, title=pull.title.removeprefix(_DRAFT), draft=draft)
