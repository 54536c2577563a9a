"""GitHub's objects: the description's own examples, with our state put in. The answers are validated like all."""

from typing import Any

from tests.github_stand_in.contract import example
from tests.github_stand_in.world import World


def user(world: World, login: str) -> dict[str, Any]:
    made: dict[str, Any] = example("issues/list-comments")[0]["user"]
    return made | world.accounts.get(login, {"login": login, "id": 1, "type": "User"})


def repository(world: World) -> dict[str, Any]:
    made = example("pulls/create")["base"]["repo"]
    return made | {
        "name": world.name,
        "full_name": world.repository,
        "private": world.private,
        "default_branch": "main",
    }


def whole_repository(world: World) -> dict[str, Any]:
    made = example("repos/get")
    for part in ("parent", "source", "template_repository"):
        made.pop(part, None)
    own = {"name": world.name, "full_name": world.repository, "private": world.private, "default_branch": "main"}
    return made | own | {"language": "Python"}


def issue(world: World, number: int, html: bool = False) -> dict[str, Any]:
    state = world.issues.get(number) or world.pulls[number]
    made = example("issues/get") | {
        "number": number, "id": 10_000 + number, "title": state["title"], "body": state["body"],
        "user": user(world, state["user"]), "state": state["state"], "locked": state.get("locked", False),
        "labels": [label(name) for name in state["labels"]], "assignee": None,
        "assignees": [user(world, each) for each in state.get("assignees", [])], "closed_at": None,
        "created_at": state["created_at"], "updated_at": state["updated_at"],
        "html_url": address(world, "issues", number),
    }  # fmt: skip
    if number in world.pulls:
        made["pull_request"] = {"url": "https://x.invalid", "html_url": address(world, "pull", number),
                                "diff_url": "https://x.invalid", "patch_url": "https://x.invalid"}  # fmt: skip
    else:
        made.pop("pull_request", None)
    if html:
        made["body_html"] = state.get("body_html", f"<p>{state['body']}</p>")
    return made


def label(name: str) -> dict[str, Any]:
    made: dict[str, Any] = example("issues/add-labels")[0]
    return made | {"name": name}


def comment(world: World, state: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = example("issues/list-comments")[0]
    return made | {
        "id": state["id"], "body": state["body"], "user": user(world, state["user"]),
        "created_at": state["created_at"], "updated_at": state["updated_at"],
        "html_url": f"{address(world, 'issues', state['issue'])}#issuecomment-{state['id']}",
    }  # fmt: skip


def review_comment(world: World, state: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = example("pulls/list-review-comments")[0]
    made |= {
        "id": state["id"], "body": state["body"], "user": user(world, state["user"]), "path": state["path"],
        "line": state["line"], "created_at": state["created_at"], "updated_at": state["updated_at"],
    }  # fmt: skip
    made.pop("in_reply_to_id", None)
    return made | ({"in_reply_to_id": state["reply_to"]} if state.get("reply_to") else {})


def review(world: World, state: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = example("pulls/list-reviews")[0]
    own = {"id": state["id"], "body": state["body"], "user": user(world, state["user"]), "state": state["state"]}
    return made | own | {"submitted_at": state["created_at"]}


def event(world: World, state: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = example("issues/list-events")[0]
    made |= {"event": state["event"], "created_at": state["created_at"], "actor": user(world, state["actor"])}
    if "label" in state:
        made["label"] = {"name": state["label"], "color": "ededed"}
    return made


def pull(world: World, number: int, whole: bool = True) -> dict[str, Any]:
    state = world.pulls[number]
    made = example("pulls/get") if whole else example("pulls/list")[0]
    repo = repository(world)
    head = world.tip(state["branch"]) or "0" * 40
    made |= {
        "number": number, "title": state["title"], "body": state["body"], "user": user(world, state["user"]),
        "state": state["state"], "draft": state["draft"], "locked": False, "node_id": f"PR_{number}",
        "html_url": address(world, "pull", number), "created_at": state["created_at"],
        "updated_at": state["updated_at"], "labels": [label(name) for name in state["labels"]],
        "requested_reviewers": [user(world, each) for each in state["reviewers"]], "requested_teams": [],
    }  # fmt: skip
    other = repo | {"full_name": state.get("fork") or world.repository}
    made["head"] |= {"ref": state["branch"], "sha": head, "label": f"{world.owner}:{state['branch']}", "repo": other}
    made["base"] |= {"ref": state["target"], "sha": world.tip(state["target"]), "repo": repo}
    return made


def check_run(world: World, state: dict[str, Any], commit: str) -> dict[str, Any]:
    made: dict[str, Any] = example("checks/list-for-ref")["check_runs"][0]
    return made | {"head_sha": commit, **state}


def workflow_run(world: World, state: dict[str, Any]) -> dict[str, Any]:
    made = example("actions/get-workflow-run")
    made |= {key: state[key] for key in ("id", "head_sha", "head_branch", "conclusion", "status")}
    return made | {"actor": user(world, state["actor"]), "triggering_actor": user(world, state["actor"])}


def job(state: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = example("actions/list-jobs-for-workflow-run")["jobs"][0]
    return made | {"created_at": made["started_at"], **state}


def address(world: World, kind: str, number: int) -> str:
    return f"https://github.invalid/{world.repository}/{kind}/{number}"
