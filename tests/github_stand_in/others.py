"""GitLab's and Gitea's APIs as far as we use them, after their documentation; git over smart HTTP as for GitHub.

Their OpenAPI files are in no package of a registry, so nothing here is held against them.
"""

import itertools
import json
import threading
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from tests.github_stand_in.server import StandIn, _Handler
from tests.github_stand_in.world import World

LEVELS = {"admin": 50, "maintain": 40, "write": 30, "triage": 20, "read": 10}


class Other(StandIn):
    """A stand-in for one of the other forges; `kind` is `gitlab` or `gitea`."""

    def __init__(self, world: World, kind: str) -> None:
        self.world = world
        base = _GitLab if kind == "gitlab" else _Gitea
        handler = type("Bound", (base,), {"world": world, "lock": threading.RLock(), "merges": itertools.count(1)})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)


class _Rest(_Handler):
    """What both have in common: a token, JSON in and out, faults."""

    merges: Any
    prefix = ""

    def _api(self, path: str, query: dict[str, str], raw: bytes) -> None:
        world = self.world
        path = path.removeprefix(self.prefix)
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
            status, found = self.answer(path, query, json.loads(raw) if raw else {})
        if fault:
            fault.times -= 1
            status, found = fault.status, {"message": "failed"}
        self._json(status, found, {})

    def answer(self, path: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        raise NotImplementedError

    def _open(self, branch: str, target: str, title: str, body: str) -> tuple[int, Any]:
        world = self.world
        if any(p["branch"] == branch and p["state"] == "open" for p in world.pulls.values()):
            return 409, {"message": ["Another open merge request already exists for this source branch"]}
        number, at = next(self.merges), world.now()
        world.pulls[number] = {"title": title, "body": body, "branch": branch, "target": target, "state": "open",
                               "user": "bot", "created_at": at, "labels": [], "reviewers": []}  # fmt: skip
        return 201, self.pull(number)

    def pull(self, number: int) -> dict[str, Any]:
        raise NotImplementedError


class _GitLab(_Rest):
    prefix = "/api/v4"

    def answer(self, path: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        world, method = self.world, self.command
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
                return self._open(*given)
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


class _Gitea(_Rest):
    prefix = "/api/v1"

    def answer(self, path: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        world, method = self.world, self.command
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
                return self._open(body["head"], body["base"], body["title"], body["body"])
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
