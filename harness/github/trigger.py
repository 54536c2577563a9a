"""From a webhook's payload to what it asks for. The only place that reads payloads; it is tolerant of all but types
that make no sense, because the forge adds fields and leaves others out."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from harness.forge import Account, Issue
from harness.forge.shapes import account_of, issue_of
from harness.github.commands import Command, parse

Kind = Literal["issue", "pull", "checks", "goal"]
"""On what it works: an issue, one of our pull requests, the failed checks of one, or a goal given in words."""
Place = Literal["", "issue_comment", "review_comment", "review"]


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """What happened, as the payload of that moment says. Titles, bodies and commands are these, never later ones."""

    kind: Kind
    event: str
    action: str = ""
    repository: str = ""
    private: bool = False
    actor: Account = Account(login="ghost")
    upstream: tuple[Account, ...] = ()
    """Who stands behind a workflow run: its actor and who started it again."""
    number: int = 0
    issue: Issue | None = None
    command: Command | None = None
    comment: int = 0
    place: Place = ""
    thread: str = ""
    """The path and line that a comment on code is about."""
    text: str = ""
    """What the comment or the dispatch says."""
    label: str = ""
    assignee: str = ""
    at: str = ""
    """When it happened; `` where the payload has no time (labels, assignments) and the forge has to be asked."""
    head: str = ""
    branch: str = ""
    fork: bool = False
    run: int = 0
    conclusion: str = ""


def read(event: str, payload: Mapping[str, Any], command: str = "/loopwright") -> Trigger | None:
    """The trigger in a payload; None for what can start nothing."""
    action = _text(payload.get("action"))
    repository = _dict(payload.get("repository"))
    common: dict[str, Any] = {
        "event": event,
        "action": action,
        "repository": _text(repository.get("full_name")),
        "private": bool(repository.get("private")),
        "actor": account_of(payload.get("sender")),
    }
    match event, action:
        case "issues", "labeled" | "assigned":
            return _issue(payload, common)
        case "issue_comment", "created":
            return _comment(payload, common, command)
        case "pull_request_review_comment", "created":
            return _review(payload, common, command, _dict(payload.get("comment")), "review_comment")
        case "pull_request_review", "submitted":
            return _review(payload, common, command, _dict(payload.get("review")), "review")
        case "workflow_run", "completed":
            return _checks(payload, common)
        case ("workflow_dispatch", _) | ("repository_dispatch", _):
            return _dispatch(payload, common)
        case "schedule", _:
            return Trigger(kind="goal", **common)
        case _:
            return None


def _issue(payload: Mapping[str, Any], common: dict[str, Any]) -> Trigger | None:
    found = _dict(payload.get("issue"))
    if "number" not in found or "pull_request" in found:
        return None
    return Trigger(
        kind="issue",
        number=int(found["number"]),
        issue=issue_of(found),
        label=_text(_dict(payload.get("label")).get("name")),
        assignee=_text(_dict(payload.get("assignee")).get("login")),
        **common,
    )


def _comment(payload: Mapping[str, Any], common: dict[str, Any], command: str) -> Trigger | None:
    issue, comment = _dict(payload.get("issue")), _dict(payload.get("comment"))
    if "number" not in issue or "id" not in comment:
        return None
    body = _text(comment.get("body"))
    return Trigger(
        kind="pull" if issue.get("pull_request") else "issue",
        number=int(issue["number"]),
        issue=issue_of(issue),
        command=parse(body, command),
        comment=int(comment["id"]),
        place="issue_comment",
        text=body,
        at=_text(comment.get("created_at")),
        **common,
    )


def _review(
    payload: Mapping[str, Any], common: dict[str, Any], command: str, said: dict[str, Any], place: Place
) -> Trigger | None:
    pull = _dict(payload.get("pull_request"))
    if "number" not in pull or "id" not in said:
        return None
    body = _text(said.get("body"))
    head = _dict(pull.get("head"))
    line = said.get("line") or said.get("original_line") or 0
    return Trigger(
        kind="pull",
        number=int(pull["number"]),
        issue=issue_of(pull),
        command=parse(body, command),
        comment=int(said["id"]),
        place=place,
        thread=f"{_text(said.get('path'))}:{line}" if said.get("path") else "",
        text=body,
        at=_text(said.get("created_at") or said.get("submitted_at")),
        head=_text(head.get("sha")),
        branch=_text(head.get("ref")),
        fork=_text(_dict(head.get("repo")).get("full_name")) != common["repository"],
        conclusion=_text(said.get("state")).lower(),
        **common,
    )


def _checks(payload: Mapping[str, Any], common: dict[str, Any]) -> Trigger | None:
    run = _dict(payload.get("workflow_run"))
    if "id" not in run:
        return None
    pulls = run.get("pull_requests")
    first = _dict(pulls[0]) if isinstance(pulls, list) and pulls else {}
    home = _text(_dict(run.get("head_repository")).get("full_name"))
    return Trigger(
        kind="checks",
        number=int(first.get("number") or 0),
        at=_text(run.get("updated_at")),
        head=_text(run.get("head_sha")),
        branch=_text(run.get("head_branch")),
        fork=home != common["repository"],
        run=int(run["id"]),
        conclusion=_text(run.get("conclusion")),
        upstream=(account_of(run.get("actor")), account_of(run.get("triggering_actor") or run.get("actor"))),
        **common,
    )


def _dispatch(payload: Mapping[str, Any], common: dict[str, Any]) -> Trigger:
    given = _dict(payload.get("inputs") or payload.get("client_payload"))
    number = _text(given.get("issue"))
    digits = int(number) if number.isdecimal() and len(number) < 10 else 0
    return Trigger(kind="issue" if digits else "goal", number=digits, text=_text(given.get("goal")), **common)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
