"""GitLab's and Gitea's APIs as far as we use them; git over smart HTTP as for GitHub.

Gitea's and Forgejo's are held against what both say of themselves (see `typed`); GitLab's follows its documentation:
its OpenAPI description is in no package of a registry.
"""

import gzip
import itertools
import json
import re
import threading
from functools import cache
from http.server import ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import unquote

import jsonschema

from tests.github_stand_in.contract import DATA
from tests.github_stand_in.server import StandIn, _Handler
from tests.github_stand_in.world import World

LEVELS = {"admin": 50, "maintain": 40, "write": 30, "triage": 20, "read": 10}
Answer = tuple[int, Any]


class Routes(Protocol):
    """What one forge answers, and what it finds wrong with a request or its answer."""

    prefix: str

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> Answer: ...

    def faults(self, method: str, path: str, query: dict[str, str], body: Any, answer: Answer) -> list[str]: ...


class Other(StandIn):
    """A stand-in for one of the other forges; `kind` is `gitlab` or `gitea`."""

    def __init__(self, world: World, kind: str) -> None:
        self.world = world
        routes: Routes = GitLab(world) if kind == "gitlab" else Gitea(world)
        handler = type("Bound", (_Rest,), {"world": world, "lock": threading.RLock(), "routes": routes})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)


class _Rest(_Handler):
    """What both have in common: a token, JSON in and out, faults."""

    routes: Routes

    def _api(self, path: str, query: dict[str, str], raw: bytes) -> None:
        world = self.world
        path = path.removeprefix(self.routes.prefix)
        world.requests.append((self.command, path, 0))
        token = self.headers.get("PRIVATE-TOKEN") or self.headers.get("Authorization", "").removeprefix("token ")
        if token not in world.tokens:
            self._json(401, {"message": "401 Unauthorized"}, {})
            return
        if self.command != "GET" and world.tokens[token]["scopes"].get("contents") != "write":
            self._json(403, {"message": "403 Forbidden"}, {})
            return
        fault = next((f for f in world.faults if f.times and f.method == self.command and f.part in path), None)
        status, found = (200, None)
        if fault is None or fault.done:
            body = json.loads(raw) if raw else None
            status, found = self.routes.answer(self.command, path, query, body or {})
            world.violations += self.routes.faults(self.command, path, query, body, (status, found))
        if fault:
            fault.times -= 1
            status, found = fault.status, {"message": "failed"}
        self._json(status, found, {})


class Merges:
    """The requests to merge of a world, made once for a branch."""

    def __init__(self, world: World) -> None:
        self.world, self.numbers = world, itertools.count(1)

    def open(self, branch: str, target: str, title: str, body: str) -> int:
        """The new one's number; 0 when there is one already."""
        world = self.world
        if any(p["branch"] == branch and p["state"] == "open" for p in world.pulls.values()):
            return 0
        number, at = next(self.numbers), world.now()
        world.pulls[number] = {"title": title, "body": body, "branch": branch, "target": target, "state": "open",
                               "user": "bot", "created_at": at, "labels": [], "reviewers": []}  # fmt: skip
        return number


class GitLab:
    """GitLab's API v4."""

    prefix = "/api/v4"

    def __init__(self, world: World) -> None:
        self.world, self.merges = world, Merges(world)

    def faults(self, method: str, path: str, query: dict[str, str], body: Any, answer: Answer) -> list[str]:
        return []

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> Answer:
        world = self.world
        if path == "/user":
            return 200, {"id": 1, "username": "bot", "bot": True}
        if path == "/users":
            login = query["username"]
            return 200, [{"id": world.accounts[login]["id"], "username": login}] if login in world.accounts else []
        parts = path.removeprefix("/projects/").split("/")
        if unquote(parts[0]) != world.repository:
            return 404, {"message": "404 Project Not Found"}
        match [method, *parts[1:]]:
            case ["GET"]:
                return 200, {"default_branch": "main"}
            case ["GET", "members", "all", number]:
                login = next(name for name, each in world.accounts.items() if each["id"] == int(number))
                level = LEVELS.get(world.permissions.get(login, ""), 0)
                return (200, {"access_level": level}) if level else (404, {"message": "404 Not found"})
            case ["GET", "issues", number]:
                state = world.issues[int(number)]
                return 200, {"iid": int(number), "title": state["title"], "description": state["body"],
                             "author": {"id": 101, "username": state["user"]}, "state": "opened", "labels": ["bug"],
                             "web_url": "https://x.invalid", "created_at": state["created_at"]}  # fmt: skip
            case ["GET", "issues", number, "notes"]:
                return 200, [self.note(each) for each in world.comments if each["issue"] == int(number)]
            case ["POST", "issues", number, "notes"]:
                return 201, self.note(world.say(int(number), body["body"], "bot"))
            case ["PUT", "issues", _, "notes", note]:
                found = next(each for each in world.comments if each["id"] == int(note))
                found["body"] = body["body"]
                return 200, self.note(found)
            case ["GET", "merge_requests"]:
                found_ = [n for n, p in world.pulls.items() if p["branch"] == query["source_branch"]]
                return 200, [self.pull(number) for number in found_ if world.pulls[number]["state"] == "open"]
            case ["GET", "merge_requests", number]:
                return 200, self.pull(int(number))
            case ["POST", "merge_requests"]:
                given = (body["source_branch"], body["target_branch"], body["title"], body["description"])
                made = self.merges.open(*given)
                return (201, self.pull(made)) if made else (409, {"message": [EXISTS]})
            case ["PUT", "merge_requests", number]:
                state = world.pulls[int(number)]
                state |= {"title": body.get("title", state["title"]), "body": body.get("description", state["body"])}
                state["labels"] += [each for each in body.get("add_labels", "").split(",") if each]
                state["reviewers"] += body.get("reviewer_ids", [])
                return 200, self.pull(int(number))
            case ["POST", "statuses", commit]:
                world.statuses.setdefault(commit, []).append(body)
                return 201, {}
        return 404, {"message": f"404 {method} {path}"}

    def note(self, state: dict[str, Any]) -> dict[str, Any]:
        author = {"id": 1, "username": state["user"]}
        return {"id": state["id"], "body": state["body"], "author": author, "system": False,
                "created_at": state["created_at"], "updated_at": state["updated_at"]}  # fmt: skip

    def pull(self, number: int) -> dict[str, Any]:
        state = self.world.pulls[number]
        return {"iid": number, "title": state["title"], "description": state["body"], "source_branch": state["branch"],
                "target_branch": state["target"], "sha": self.world.tip(state["branch"]), "state": "opened",
                "draft": state["title"].startswith("Draft: "), "source_project_id": 1, "target_project_id": 1,
                "web_url": f"https://gitlab.invalid/-/merge_requests/{number}",
                "author": {"id": 1, "username": "bot", "bot": True}}  # fmt: skip


class Gitea:
    """The API v1 of Gitea and Forgejo, held against what each says of it."""

    prefix = "/api/v1"

    def __init__(self, world: World) -> None:
        self.world, self.merges = world, Merges(world)

    def faults(self, method: str, path: str, query: dict[str, str], body: Any, answer: Answer) -> list[str]:
        return [
            f"{kind}: {method} {path}: {each}"
            for kind, api in described().items()
            for each in _faults(api, method, path, query, body, answer)
        ]

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> Answer:
        world = self.world
        if path == "/user":
            return 200, {"id": 1, "login": "bot"}
        root = f"/repos/{world.repository}"
        if not path.startswith(root):
            return 404, {"message": "not found"}
        match [method, *path.removeprefix(root).strip("/").split("/")]:
            case ["GET", ""]:
                return 200, {"default_branch": "main"}
            case ["GET", "collaborators", login, "permission"]:
                role = world.permissions.get(login)
                return (200, {"permission": role}) if role else (404, {"message": "user does not exist"})
            case ["GET", "issues", number]:
                state = world.issues[int(number)]
                return 200, {"number": int(number), "title": state["title"], "body": state["body"], "state": "open",
                             "user": {"id": 101, "login": state["user"]}, "labels": [{"name": "bug"}],
                             "assignees": None, "html_url": "https://x.invalid"}  # fmt: skip
            case ["GET", "issues", number, "comments"]:
                return 200, [self.note(each) for each in world.comments if each["issue"] == int(number)]
            case ["POST", "issues", number, "comments"]:
                return 201, self.note(world.say(int(number), body["body"], "bot"))
            case ["PATCH", "issues", "comments", note]:
                found = next(each for each in world.comments if each["id"] == int(note))
                found["body"] = body["body"]
                return 200, self.note(found)
            case ["POST", "issues", number, "labels"]:
                world.pulls[int(number)]["labels"] += body["labels"]
                return 200, []
            case ["GET", "pulls"]:
                return 200, [self.pull(number) for number, p in world.pulls.items() if p["state"] == "open"]
            case ["GET", "pulls", number]:
                return 200, self.pull(int(number))
            case ["POST", "pulls"]:
                made = self.merges.open(body["head"], body["base"], body["title"], body["body"])
                return (201, self.pull(made)) if made else (409, {"message": EXISTS})
            case ["PATCH", "pulls", number]:
                world.pulls[int(number)] |= body
                return 201, self.pull(int(number))
            case ["POST", "pulls", number, "requested_reviewers"]:
                world.pulls[int(number)]["reviewers"] += body["reviewers"]
                return 201, []
            case ["POST", "statuses", commit]:
                world.statuses.setdefault(commit, []).append(body)
                return 201, {}
        return 404, {"message": f"{method} {path}"}

    def note(self, state: dict[str, Any]) -> dict[str, Any]:
        return {"id": state["id"], "body": state["body"], "user": {"id": 1, "login": state["user"]},
                "created_at": state["created_at"], "updated_at": state["updated_at"]}  # fmt: skip

    def pull(self, number: int) -> dict[str, Any]:
        state = self.world.pulls[number]
        repo = {"full_name": self.world.repository}
        return {"number": number, "title": state["title"], "body": state["body"], "state": state["state"],
                "head": {"ref": state["branch"], "sha": self.world.tip(state["branch"]), "repo": repo},
                "base": {"ref": state["target"]}, "user": {"id": 1, "login": "bot"},
                "html_url": f"https://gitea.invalid/pulls/{number}"}  # fmt: skip


EXISTS = "Another open merge request already exists for this source branch"


@cache
def described() -> dict[str, Any]:
    """The two servers' own descriptions; see `typed`."""
    with gzip.open(DATA / "gitea_api.json.gz") as file:
        found: dict[str, Any] = json.load(file)
    return found


def _faults(api: dict[str, Any], method: str, path: str, query: dict[str, str], body: Any, answer: Answer) -> list[str]:
    """What is wrong with a request and its answer by one description."""
    fits = [
        each
        for each in api["operations"].values()
        if each["method"] == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", each["path"]), path)
    ]
    if not fits:
        return ["no such operation"]
    operation = min(fits, key=lambda each: each["path"].count("{"))
    found = [f"unknown query parameter {name}" for name in query if name not in operation["query"]]
    if (body is not None) != (operation["body"] is not None):
        found.append("a body where none belongs, or none where one does")
    elif body is not None:
        found += _unlike(api, operation["body"], body)
    return found + (_unlike(api, operation["answer"], answer[1]) if answer[0] < 300 else [])


def _unlike(api: dict[str, Any], schema: dict[str, Any], value: Any) -> list[str]:
    """The innermost reasons why a value is none of a schema."""
    whole = {**schema, "definitions": api["definitions"]}
    found = []
    for error in jsonschema.Draft202012Validator(whole).iter_errors(value):
        while error.context:
            error = max(error.context, key=lambda each: len(each.path))
        found.append(f"{'/'.join(map(str, error.absolute_path))} {error.message[:200]}")
    return found
