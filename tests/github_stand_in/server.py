"""The stand-in: GitHub's API, GraphQL and git over smart HTTP on one port, each message held against the contract."""

import base64
import hashlib
import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.github_stand_in import contract, queries
from tests.github_stand_in.handlers import HANDLERS, Ask, Refusal
from tests.github_stand_in.world import World

API, GRAPHQL = "/api/v3", "/api/graphql"
PAGE = 100


class StandIn:
    """The server of one world. Leaving it says nothing of violations: tests look at `world.violations`."""

    def __init__(self, world: World) -> None:
        self.world = world
        handler = type("Bound", (_Handler,), {"world": world, "lock": threading.RLock()})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        handler.url = self.url  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def api(self) -> str:
        return self.url + API

    @property
    def environ(self) -> dict[str, str]:
        """What the runner of this server would tell a job."""
        return {
            "GITHUB_API_URL": self.api, "GITHUB_GRAPHQL_URL": self.url + GRAPHQL, "GITHUB_SERVER_URL": self.url,
            "GITHUB_REPOSITORY": self.world.repository,
        }  # fmt: skip

    def __enter__(self) -> "StandIn":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    world: World
    lock: threading.RLock
    url: str
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        return

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = self._chunks()
        if f"/{self.world.repository}.git/" in parts.path:
            self._git(parts.path, parts.query, body)
            return
        with self.lock:
            if parts.path in self.world.files:
                self._send(200, self.world.files[parts.path], {})
            elif parts.path == GRAPHQL:
                self._graphql(body)
            else:
                self._api(parts.path.removeprefix(API), dict(parse_qsl(parts.query)), body)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815

    def _api(self, path: str, query: dict[str, str], raw: bytes) -> None:
        world, method = self.world, self.command
        fault = next((f for f in world.faults if f.times > 0 and f.method == method and f.part in path), None)
        world.requests.append((method, path, fault.status if fault else 0))
        if fault:
            fault.times -= 1
            if fault.done:
                self._do(path, query, raw)
            self._json(fault.status, {"message": "Server Error"}, fault.headers)
            return
        status, found, headers = self._do(path, query, raw)
        if status == 302:
            self._send(302, b"", {"Location": self.url + str(found)})
            return
        world.limit -= 1
        headers |= {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": str(world.limit), "X-RateLimit-Reset": "0"}
        content = json.dumps(found).encode()
        tag = '"' + hashlib.sha256(content).hexdigest()[:32] + '"'
        if method == "GET" and status == 200:
            if self.headers.get("If-None-Match") == tag:
                world.requests[-1] = (method, path, 304)
                world.limit += 1
                self._send(304, b"", headers)
                return
            headers["ETag"] = tag
        self._send(status, content, headers)

    def _do(self, path: str, query: dict[str, str], raw: bytes) -> tuple[int, Any, dict[str, str]]:
        """Carry a request out: judged, allowed, done, judged again."""
        world = self.world
        operation = contract.find(self.command, path)
        if operation is None:
            world.violations.append(f"no operation {self.command} {path}")
            return 404, {"message": "Not Found"}, {}
        body = json.loads(raw) if raw else None
        wrong = contract.request_faults(operation, query, body)
        world.violations += wrong
        if "repos" in path and not path.startswith(f"/repos/{world.repository}"):
            return 404, {"message": "Not Found"}, {}
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        token = world.tokens.get(bearer)
        if operation.id in ("apps/get-repo-installation", "apps/create-installation-access-token"):
            token = {"login": "", "scopes": {}} if world.speaks(bearer) else None
        if token is None:
            return 401, {"message": "Bad credentials"}, {}
        permission, access, handler = HANDLERS[operation.id]
        has = token["scopes"].get(permission, "read" if permission == "metadata" else "none")
        if has == "none" or (access == "write" and has != "write"):
            return 403, {"message": "Resource not accessible by integration"}, {}
        headers: dict[str, str] = {}
        try:
            accept = self.headers.get("Accept", "")
            status, found = handler(Ask(world, operation.given, query, body, token["login"], accept, bearer))
        except Refusal as refusal:
            errors = {"errors": refusal.errors} if refusal.errors else {}
            return refusal.status, {"message": refusal.message, **errors}, {}
        if isinstance(found, list) and "per_page" in {p["name"] for p in operation.spec["parameters"]}:
            size, page = int(query.get("per_page", 30)), int(query.get("page", 1))
            if len(found) > page * size:
                headers["Link"] = f'<{self.url}{API}{path}?per_page={size}&page={page + 1}>; rel="next"'
            found = found[(page - 1) * size : page * size]
        world.violations += contract.answer_faults(operation, status, found)
        return status, found, headers

    def _graphql(self, raw: bytes) -> None:
        token = self.world.tokens.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
        if token is None:
            self._json(401, {"message": "Bad credentials"}, {})
            return
        asked = json.loads(raw)
        self.world.requests.append(("POST", GRAPHQL, 0))
        self._json(200, queries.execute(self.world, asked["query"], asked["variables"], token), {})

    def _git(self, path: str, query: str, body: bytes) -> None:
        """Smart HTTP by git's own server, with the token's access to contents."""
        given = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        token = self.world.tokens.get(given.partition(":")[2])
        writes = "git-receive-pack" in path or "git-receive-pack" in query
        has = token["scopes"].get("contents", "none") if token else "none"
        if token is None:
            self._send(401, b"", {"WWW-Authenticate": "Basic"})
            return
        if has == "none" or (writes and has != "write"):
            self._send(403, b"Write access to repository not granted.", {})
            return
        env = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self.world.root), "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command, "REMOTE_USER": token["login"],
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
            "STAND_IN_WORKFLOWS": token["scopes"].get("workflows", "none"),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }  # fmt: skip
        done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        status = int(headers.pop("Status", "200").split()[0])
        self._send(status, content, headers)

    def _chunks(self) -> bytes:
        found = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def _json(self, status: int, found: Any, headers: dict[str, str]) -> None:
        self._send(status, json.dumps(found).encode(), {"Content-Type": "application/json", **headers})

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() != "content-length":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if status not in (204, 304):
            self.wfile.write(content)
