"""GitLab's REST API v4, as far as a run from a terminal needs it: issues, notes, branches, merge requests, statuses."""

from typing import Any, Literal
from urllib.parse import quote

from harness.forge.base import Account, Comment, Issue, Permission, Pull, remote_of
from harness.forge.errors import ForgeMissing, ForgeRejected
from harness.forge.wire import Wire

_DRAFT = "Draft: "
_LEVELS: tuple[tuple[int, Permission], ...] = (
    (50, "admin"),
    (40, "maintain"),
    (30, "write"),
    (20, "triage"),
    (10, "read"),
)


class GitLab:
    """One project, `group/name`, at gitlab.com or a server of one's own."""

    kind = "gitlab"

    def __init__(self, repository: str, token: str, server: str) -> None:
        self.repository, self._token, self.server = repository, token, server.rstrip("/")
        self.wire = Wire(f"{self.server}/api/v4", {"PRIVATE-TOKEN": token} if token else {})
        self._root = f"/projects/{quote(repository, safe='')}"

    @property
    def remote(self) -> tuple[str, str]:
        return remote_of(self.server, self.repository, "oauth2", self._token)

    def me(self) -> Account:
        return _account(self.wire.get("/user"))

    def default_branch(self) -> str:
        return str(self.wire.get(self._root)["default_branch"])

    def issue(self, number: int) -> Issue:
        found = self.wire.get(f"{self._root}/issues/{number}")
        return Issue(
            number=int(found["iid"]),
            title=str(found.get("title") or ""),
            body=str(found.get("description") or ""),
            author=_account(found.get("author")),
            url=str(found.get("web_url") or ""),
            open=found.get("state") == "opened",
            locked=bool(found.get("discussion_locked")),
            labels=tuple(str(each) for each in found.get("labels") or ()),
            assignees=tuple(str(each.get("username")) for each in found.get("assignees") or ()),
            created=str(found.get("created_at") or ""),
            updated=str(found.get("updated_at") or ""),
        )

    def comments(self, number: int) -> list[Comment]:
        found = self.wire.pages(f"{self._root}/issues/{number}/notes", sort="asc", order_by="created_at")
        return [_comment(each) for each in found if not each.get("system")]

    def comment(self, number: int, body: str) -> Comment:
        return _comment(self.wire.post(f"{self._root}/issues/{number}/notes", {"body": body}))

    def edit_comment(self, number: int, comment: int, body: str) -> Comment:
        return _comment(self.wire.put(f"{self._root}/issues/{number}/notes/{comment}", {"body": body}))

    def permission(self, login: str) -> Permission:
        known = self.wire.get("/users", username=login)
        if not known:
            return "none"
        try:
            level = int(self.wire.get(f"{self._root}/members/all/{int(known[0]['id'])}").get("access_level") or 0)
        except ForgeMissing:
            return "none"
        return next((name for least, name in _LEVELS if level >= least), "none")

    def pull_of(self, branch: str) -> Pull | None:
        found = self.wire.get(f"{self._root}/merge_requests", source_branch=branch, state="opened")
        return _pull(found[0]) if found else None

    def pull(self, number: int) -> Pull:
        return _pull(self.wire.get(f"{self._root}/merge_requests/{number}"))

    def open_pull(self, branch: str, target: str, title: str, body: str, draft: bool) -> Pull:
        wanted = {
            "source_branch": branch,
            "target_branch": target,
            "title": (_DRAFT if draft else "") + title,
            "description": body,
        }
        try:
            return _pull(self.wire.post(f"{self._root}/merge_requests", wanted))
        except ForgeRejected as error:
            if error.status == 409:  # GitLab's word for it
                raise ForgeRejected(error.what, f"already exists: {error.why}", error.fix, status=409) from None
            raise

    def edit_pull(self, pull: Pull, title: str, body: str) -> Pull:
        name = (_DRAFT if pull.draft else "") + title
        return _pull(self.wire.put(f"{self._root}/merge_requests/{pull.number}", {"title": name, "description": body}))

    def make_ready(self, pull: Pull) -> Pull:
        return _pull(self.wire.put(f"{self._root}/merge_requests/{pull.number}", {"title": pull.title}))

    def label(self, number: int, labels: tuple[str, ...]) -> None:
        self.wire.put(f"{self._root}/merge_requests/{number}", {"add_labels": ",".join(labels)})

    def ask_review(self, number: int, logins: tuple[str, ...]) -> None:
        known = [self.wire.get("/users", username=login) for login in logins]
        ids = [int(each[0]["id"]) for each in known if each]
        self.wire.put(f"{self._root}/merge_requests/{number}", {"reviewer_ids": ids})

    def status(self, commit: str, good: bool, text: str, url: str) -> None:
        body = {"state": "success" if good else "failed", "name": "loopwright", "description": text[:250]}
        self.wire.post(f"{self._root}/statuses/{commit}", body | ({"target_url": url} if url else {}))


def _account(found: Any) -> Account:
    if not isinstance(found, dict) or not found.get("username"):
        return Account(login="ghost")
    kind: Literal["Bot", "Unknown"] = "Bot" if found.get("bot") else "Unknown"
    return Account(login=str(found["username"]), id=int(found.get("id") or 0), type=kind)


def _comment(found: dict[str, Any]) -> Comment:
    return Comment(
        id=int(found["id"]),
        author=_account(found.get("author")),
        body=str(found.get("body") or ""),
        created=str(found.get("created_at") or ""),
        updated=str(found.get("updated_at") or ""),
    )


def _pull(found: dict[str, Any]) -> Pull:
    draft = bool(found.get("draft"))
    title = str(found.get("title") or "")
    return Pull(
        number=int(found["iid"]),
        url=str(found.get("web_url") or ""),
        title=title.removeprefix(_DRAFT),
        body=str(found.get("description") or ""),
        branch=str(found.get("source_branch") or ""),
        target=str(found.get("target_branch") or ""),
        head=str(found.get("sha") or ""),
        draft=draft,
        open=found.get("state") == "opened",
        fork=found.get("source_project_id") != found.get("target_project_id"),
        author=_account(found.get("author")),
    )
