"""The API v1 of Gitea and Forgejo, as far as a run from a terminal needs it: no GraphQL, no types of accounts."""

from typing import Any
from urllib.parse import quote

from harness.forge.base import LADDER, Account, Comment, Issue, Permission, Pull, remote_of
from harness.forge.errors import ForgeMissing, ForgeRejected
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
        return _account(self.wire.get("/user"))

    def default_branch(self) -> str:
        return str(self.wire.get(self._root)["default_branch"])

    def issue(self, number: int) -> Issue:
        found = self.wire.get(f"{self._root}/issues/{number}")
        return Issue(
            number=int(found["number"]),
            title=str(found.get("title") or ""),
            body=str(found.get("body") or ""),
            author=_account(found.get("user")),
            url=str(found.get("html_url") or ""),
            open=found.get("state") == "open",
            locked=bool(found.get("is_locked")),
            labels=tuple(str(each.get("name")) for each in found.get("labels") or ()),
            assignees=tuple(str(each.get("login")) for each in found.get("assignees") or ()),
            created=str(found.get("created_at") or ""),
            updated=str(found.get("updated_at") or ""),
        )

    def comments(self, number: int) -> list[Comment]:
        # not paged: the server gives all comments of one issue at once
        return [_comment(each) for each in self.wire.get(f"{self._root}/issues/{number}/comments") or ()]

    def comment(self, number: int, body: str) -> Comment:
        return _comment(self.wire.post(f"{self._root}/issues/{number}/comments", {"body": body}))

    def edit_comment(self, number: int, comment: int, body: str) -> Comment:
        return _comment(self.wire.patch(f"{self._root}/issues/comments/{comment}", {"body": body}))

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


def _account(found: Any) -> Account:
    if not isinstance(found, dict) or not found.get("login"):
        return Account(login="ghost")
    return Account(login=str(found["login"]), id=int(found.get("id") or 0))


def _comment(found: dict[str, Any]) -> Comment:
    return Comment(
        id=int(found["id"]),
        author=_account(found.get("user")),
        body=str(found.get("body") or ""),
        created=str(found.get("created_at") or ""),
        updated=str(found.get("updated_at") or ""),
        url=str(found.get("html_url") or ""),
    )


def _pull(found: dict[str, Any], repository: str) -> Pull:
    head = found.get("head") or {}
    title = str(found.get("title") or "")
    return Pull(
        number=int(found["number"]),
        url=str(found.get("html_url") or ""),
        title=title.removeprefix(_DRAFT),
        body=str(found.get("body") or ""),
        branch=str(head.get("ref") or ""),
        target=str((found.get("base") or {}).get("ref") or ""),
        head=str(head.get("sha") or ""),
        draft=bool(found.get("draft")) or title.startswith(_DRAFT),
        open=found.get("state") == "open",
        fork=(head.get("repo") or {}).get("full_name") != repository,
        author=_account(found.get("user")),
    )
