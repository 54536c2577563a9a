"""What the operations do: each takes the world, the path's parameters, the query and the body."""

from collections.abc import Callable
from typing import Any

import msgspec

from tests.github_stand_in import render
from tests.github_stand_in.contract import example
from tests.github_stand_in.world import World


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: str, errors: list[dict[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.errors = status, message, errors


class Ask(msgspec.Struct):
    """A request that was understood. `login` is whose token it carries."""

    world: World
    given: dict[str, str]
    query: dict[str, str]
    body: Any
    login: str
    accept: str = ""
    bearer: str = ""

    def number(self, name: str) -> int:
        return int(self.given[name])


Handler = Callable[[Ask], tuple[int, Any]]
HANDLERS: dict[str, tuple[str, str, Handler]] = {}
"""Operation -> the permission it needs (`issues`), the access (`read`, `write`), and what it does."""


def does(operation: str, permission: str = "metadata", access: str = "read") -> Callable[[Handler], Handler]:
    def keep(handler: Handler) -> Handler:
        HANDLERS[operation] = (permission, access, handler)
        return handler

    return keep


@does("repos/get")
def _(ask: Ask) -> tuple[int, Any]:
    return 200, render.whole_repository(ask.world)


@does("users/get-by-username")
def _(ask: Ask) -> tuple[int, Any]:
    known = ask.world.accounts.get(ask.given["username"])
    if known is None:
        raise Refusal(404, "Not Found")
    return 200, example("users/get-by-username") | known


@does("repos/get-collaborator-permission-level")
def _(ask: Ask) -> tuple[int, Any]:
    login = ask.given["username"]
    if login not in ask.world.accounts:
        raise Refusal(404, "Not Found")
    role = ask.world.permissions.get(login, "none")
    plain = {"maintain": "write", "triage": "read"}.get(role, role)
    made = example("repos/get-collaborator-permission-level")
    made["user"] |= ask.world.accounts[login] | {"role_name": role}
    return 200, made | {"permission": plain, "role_name": role}


def _issue(ask: Ask) -> dict[str, Any]:
    number = ask.number("issue_number")
    state = ask.world.issues.get(number) or ask.world.pulls.get(number)
    if state is None:
        raise Refusal(404, "Not Found")
    return state


@does("apps/get-repo-installation")
def _(ask: Ask) -> tuple[int, Any]:
    made = example("apps/get-repo-installation")
    return 200, made | {"id": 31, "app_id": int(ask.world.app["id"]), "permissions": ask.world.app["permissions"]}


@does("apps/create-installation-access-token")
def _(ask: Ask) -> tuple[int, Any]:
    world = ask.world
    if ask.number("installation_id") != 31 or ask.body["repositories"] != [world.name]:
        raise Refusal(422, "There is at least one repository that does not exist or is not accessible")
    has, order = world.app["permissions"], ("none", "read", "write")
    if any(order.index(has.get(name, "none")) < order.index(want) for name, want in ask.body["permissions"].items()):
        raise Refusal(422, "The permissions requested are not granted to this installation.")
    token = world.token(f"ghs_minted{next(world.ids)}abcdefghij", world.app["bot"], **ask.body["permissions"])
    return 201, {"token": token, "expires_at": world.now(), "permissions": ask.body["permissions"]}


@does("apps/revoke-installation-access-token")
def _(ask: Ask) -> tuple[int, Any]:
    del ask.world.tokens[ask.bearer]
    return 204, None


@does("issues/get", "issues")
def _(ask: Ask) -> tuple[int, Any]:
    _issue(ask)
    return 200, render.issue(ask.world, ask.number("issue_number"), html="full" in ask.accept)


@does("issues/list-comments", "issues")
def _(ask: Ask) -> tuple[int, Any]:
    _issue(ask)
    number = ask.number("issue_number")
    return 200, [render.comment(ask.world, each) for each in ask.world.comments if each["issue"] == number]


@does("issues/create-comment", "issues", "write")
def _(ask: Ask) -> tuple[int, Any]:
    if _issue(ask).get("locked"):
        raise Refusal(403, "Unable to create comment because issue is locked.")
    if len(ask.body["body"]) > 65_536:
        raise Refusal(422, "Validation Failed", [{"field": "body", "message": "body is too long"}])
    return 201, render.comment(ask.world, ask.world.say(ask.number("issue_number"), ask.body["body"], ask.login))


@does("issues/update-comment", "issues", "write")
def _(ask: Ask) -> tuple[int, Any]:
    for each in ask.world.comments:
        if each["id"] == ask.number("comment_id"):
            each |= {"body": ask.body["body"], "updated_at": ask.world.now()}
            return 200, render.comment(ask.world, each)
    raise Refusal(404, "Not Found")


@does("issues/list-events", "issues")
def _(ask: Ask) -> tuple[int, Any]:
    number = ask.number("issue_number")
    return 200, [render.event(ask.world, each) for each in ask.world.events if each["issue"] == number]


@does("issues/add-labels", "issues", "write")
def _(ask: Ask) -> tuple[int, Any]:
    state = _issue(ask)
    state["labels"] += [each for each in ask.body["labels"] if each not in state["labels"]]
    return 200, [render.label(each) for each in state["labels"]]


def _react(kind: str, name: str) -> Handler:
    def handle(ask: Ask) -> tuple[int, Any]:
        ask.world.reactions.append((kind, ask.number(name), ask.body["content"]))
        return 201, example("reactions/create-for-issue", "201") | {"content": ask.body["content"]}

    return handle


does("reactions/create-for-issue", "issues", "write")(_react("issue", "issue_number"))
does("reactions/create-for-issue-comment", "issues", "write")(_react("issue_comment", "comment_id"))
does("reactions/create-for-pull-request-review-comment", "pull_requests", "write")(
    _react("review_comment", "comment_id")
)


@does("pulls/list", "pull_requests")
def _(ask: Ask) -> tuple[int, Any]:
    head, state = ask.query.get("head", "").partition(":")[2], ask.query.get("state", "open")
    found = [
        number
        for number, pull in ask.world.pulls.items()
        if pull["state"] == state and (not head or (pull["branch"] == head and not pull.get("fork")))
    ]
    return 200, [render.pull(ask.world, number, whole=False) for number in found]


def _pull(ask: Ask) -> dict[str, Any]:
    if ask.number("pull_number") not in ask.world.pulls:
        raise Refusal(404, "Not Found")
    return ask.world.pulls[ask.number("pull_number")]


@does("pulls/get", "pull_requests")
def _(ask: Ask) -> tuple[int, Any]:
    _pull(ask)
    return 200, render.pull(ask.world, ask.number("pull_number"))


@does("pulls/create", "pull_requests", "write")
def _(ask: Ask) -> tuple[int, Any]:
    world, body = ask.world, ask.body
    if not world.tip(body["head"]):
        raise Refusal(422, "Validation Failed", [{"resource": "PullRequest", "field": "head", "code": "invalid"}])
    if any(each["branch"] == body["head"] and each["state"] == "open" for each in world.pulls.values()):
        message = f"A pull request already exists for {world.owner}:{body['head']}."
        raise Refusal(422, "Validation Failed", [{"code": "custom", "message": message}])
    if len(body.get("body", "")) > 65_536:
        raise Refusal(422, "Validation Failed", [{"field": "body", "message": "body is too long"}])
    number, at = next(world.numbers), world.now()
    world.pulls[number] = {
        "title": body["title"], "body": body.get("body", ""), "branch": body["head"], "target": body["base"],
        "draft": body.get("draft", False), "state": "open", "user": ask.login, "created_at": at, "updated_at": at,
        "labels": [], "reviewers": [], "locked": False,
    }  # fmt: skip
    return 201, render.pull(world, number)


@does("pulls/update", "pull_requests", "write")
def _(ask: Ask) -> tuple[int, Any]:
    _pull(ask).update({key: ask.body[key] for key in ("title", "body", "state") if key in ask.body})
    return 200, render.pull(ask.world, ask.number("pull_number"))


@does("pulls/request-reviewers", "pull_requests", "write")
def _(ask: Ask) -> tuple[int, Any]:
    _pull(ask)["reviewers"] += ask.body.get("reviewers", [])
    return 201, render.pull(ask.world, ask.number("pull_number"), whole=False)


@does("pulls/list-review-comments", "pull_requests")
def _(ask: Ask) -> tuple[int, Any]:
    number = ask.number("pull_number")
    found = [each for each in ask.world.review_comments if each["issue"] == number]
    return 200, [render.review_comment(ask.world, each) for each in found]


@does("pulls/create-reply-for-review-comment", "pull_requests", "write")
def _(ask: Ask) -> tuple[int, Any]:
    world, at = ask.world, ask.world.now()
    above = next((c for c in world.review_comments if c["id"] == ask.number("comment_id")), None)
    if above is None:
        raise Refusal(404, "Not Found")
    made = above | {
        "id": next(world.ids), "body": ask.body["body"], "user": ask.login, "created_at": at, "updated_at": at,
        "reply_to": above["id"],
    }  # fmt: skip
    world.review_comments.append(made)
    return 201, render.review_comment(world, made)


@does("pulls/list-reviews", "pull_requests")
def _(ask: Ask) -> tuple[int, Any]:
    number = ask.number("pull_number")
    return 200, [render.review(ask.world, each) for each in ask.world.reviews if each["issue"] == number]


@does("repos/create-commit-status", "statuses", "write")
def _(ask: Ask) -> tuple[int, Any]:
    ask.world.statuses.setdefault(ask.given["sha"], []).append(dict(ask.body))
    made = example("repos/create-commit-status") | {"description": ""}
    return 201, made | ask.body


@does("repos/get-combined-status-for-ref", "statuses")
def _(ask: Ask) -> tuple[int, Any]:
    made = example("repos/get-combined-status-for-ref")
    commit = ask.world.tip(ask.given["ref"]) or ask.given["ref"]
    pattern = made["statuses"][0]
    made["statuses"] = [pattern | each for each in ask.world.statuses.get(commit, [])]
    return 200, made | {"sha": commit, "total_count": len(made["statuses"])}


@does("checks/list-for-ref", "checks")
def _(ask: Ask) -> tuple[int, Any]:
    commit = ask.world.tip(ask.given["ref"]) or ask.given["ref"]
    found = [render.check_run(ask.world, each, commit) for each in ask.world.check_runs.get(commit, [])]
    return 200, {"total_count": len(found), "check_runs": found}


@does("actions/list-workflow-runs-for-repo", "actions")
def _(ask: Ask) -> tuple[int, Any]:
    wanted = {key: ask.query[key] for key in ("head_sha",) if key in ask.query}
    found = [w for w in ask.world.workflow_runs if all(w[key] == value for key, value in wanted.items())]
    if ask.query.get("status"):
        found = [each for each in found if ask.query["status"] in (each["status"], each["conclusion"])]
    runs = [render.workflow_run(ask.world, each) for each in reversed(found)]
    return 200, {"total_count": len(runs), "workflow_runs": runs}


@does("actions/list-jobs-for-workflow-run", "actions")
def _(ask: Ask) -> tuple[int, Any]:
    found = [render.job(each) for each in ask.world.jobs.get(ask.number("run_id"), [])]
    return 200, {"total_count": len(found), "jobs": found}


@does("actions/download-job-logs-for-workflow-run", "actions")
def _(ask: Ask) -> tuple[int, Any]:
    ask.world.files[f"/logs/{ask.given['job_id']}"] = ask.world.logs[ask.number("job_id")].encode()
    return 302, f"/logs/{ask.given['job_id']}"


@does("actions/cancel-workflow-run", "actions", "write")
def _(ask: Ask) -> tuple[int, Any]:
    ask.world.cancelled.append(ask.number("run_id"))
    return 202, {}
