"""Accounts, issues, comments and pull requests as GitHub writes them; Gitea and Forgejo write them so, too."""

from typing import Any

from harness.forge.base import Account, Comment, Issue, Pull


def account_of(found: Any) -> Account:
    """An account from any object of GitHub's; a deleted one has none."""
    if not isinstance(found, dict) or not found.get("login"):
        return Account(login="ghost")
    kind = found.get("type")
    known: Any = kind if kind in ("User", "Bot", "Organization") else "Unknown"
    return Account(login=str(found["login"]), id=int(found.get("id") or 0), type=known)


def issue_of(found: dict[str, Any]) -> Issue:
    """An issue from a payload or an answer."""
    return Issue(
        number=int(found["number"]),
        title=str(found.get("title") or ""),
        body=str(found.get("body") or ""),
        author=account_of(found.get("user")),
        url=str(found.get("html_url") or ""),
        open=found.get("state", "open") == "open",
        locked=bool(found.get("locked") or found.get("is_locked")),
        labels=tuple(str(each.get("name")) for each in found.get("labels") or () if isinstance(each, dict)),
        assignees=tuple(str(each.get("login")) for each in found.get("assignees") or () if isinstance(each, dict)),
        created=str(found.get("created_at") or ""),
        updated=str(found.get("updated_at") or ""),
    )


def comment_of(found: dict[str, Any], review: bool = False) -> Comment:
    """A comment from a payload or an answer."""
    return Comment(
        id=int(found["id"]),
        author=account_of(found.get("user")),
        body=str(found.get("body") or ""),
        created=str(found.get("created_at") or ""),
        updated=str(found.get("updated_at") or found.get("created_at") or ""),
        url=str(found.get("html_url") or ""),
        path=str(found.get("path") or ""),
        line=int(found.get("line") or found.get("original_line") or 0),
        reply_to=int(found.get("in_reply_to_id") or 0),
        review=review,
        html=str(found.get("body_html") or ""),
    )


def pull_of(found: dict[str, Any], repository: str) -> Pull:
    """A pull request from a payload or an answer."""
    head = found.get("head") or {}
    home = (head.get("repo") or {}).get("full_name")
    return Pull(
        number=int(found["number"]),
        url=str(found.get("html_url") or ""),
        title=str(found.get("title") or ""),
        body=str(found.get("body") or ""),
        branch=str(head.get("ref") or ""),
        target=str((found.get("base") or {}).get("ref") or ""),
        head=str(head.get("sha") or ""),
        draft=bool(found.get("draft")),
        open=found.get("state", "open") == "open",
        fork=home != repository,
        author=account_of(found.get("user")),
        node=str(found.get("node_id") or ""),
    )
