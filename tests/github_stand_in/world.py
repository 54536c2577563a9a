"""What the stand-in knows: accounts, one repository, its issues, pull requests, checks, tokens, and what goes wrong."""

import base64
import itertools
import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

BOT = {"login": "github-actions[bot]", "id": 41898282, "type": "Bot"}


class Fault(msgspec.Struct):
    """Something that goes wrong with the next requests that match: before they are carried out, or after."""

    method: str
    part: str
    """A part of the path."""
    status: int
    times: int = 1
    done: bool = False
    """Whether the request is carried out before the answer fails."""
    headers: dict[str, str] = {}


class World:
    """The state. Times count up from a fixed day, a second a change, unless a test sets them."""

    def __init__(self, root: Path, repository: str = "octo/httprange", private: bool = False) -> None:
        self.repository, self.private = repository, private
        self.owner, _, self.name = repository.partition("/")
        self.root = root
        self.git_dir = root / f"{repository}.git"
        self.numbers, self.ids = itertools.count(1), itertools.count(1001)
        self.clock = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)
        self.accounts: dict[str, dict[str, Any]] = {BOT["login"]: BOT}
        self.permissions: dict[str, str] = {}
        self.tokens: dict[str, dict[str, Any]] = {}
        self.issues: dict[int, dict[str, Any]] = {}
        self.comments: list[dict[str, Any]] = []
        self.review_comments: list[dict[str, Any]] = []
        self.reviews: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.pulls: dict[int, dict[str, Any]] = {}
        self.reactions: list[tuple[str, int, str]] = []
        self.statuses: dict[str, list[dict[str, Any]]] = {}
        self.check_runs: dict[str, list[dict[str, Any]]] = {}
        self.workflow_runs: list[dict[str, Any]] = []
        self.jobs: dict[int, list[dict[str, Any]]] = {}
        self.logs: dict[int, str] = {}
        self.files: dict[str, bytes] = {}
        self.rules: list[dict[str, Any]] = []
        self.cancelled: list[int] = []
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str, int]] = []
        self.violations: list[str] = []
        self.limit = 5000
        self.app: dict[str, Any] = {}
        """An app that is installed here: its `id`, `bot`, the `permissions` it has, and the file of its public key."""
        self._bare()
        self.person("alice", 101, "write")
        self.person("mallory", 666, "read")

    def now(self) -> str:
        """The next second."""
        self.clock += timedelta(seconds=1)
        return self.clock.strftime("%Y-%m-%dT%H:%M:%SZ")

    def person(self, login: str, number: int, permission: str, kind: str = "User") -> None:
        self.accounts[login] = {"login": login, "id": number, "type": kind}
        self.permissions[login] = permission

    def token(self, value: str, login: str = BOT["login"], **scopes: str) -> str:
        """A token of an account with scopes such as `contents="write"`."""
        self.tokens[value] = {"login": login, "scopes": scopes}
        return value

    def install(self, app: str, bot: str, public: Path, **permissions: str) -> None:
        """Install an app on the repository."""
        self.person(bot, 7_000, "none", "Bot")
        del self.permissions[bot]
        self.app = {"id": app, "bot": bot, "public": public, "permissions": permissions}

    def speaks(self, word: str) -> bool:
        """Whether a JSON web token is the app's own word, and now."""
        head, _, signature = word.rpartition(".")
        if not self.app or head.count(".") != 1:
            return False
        said = json.loads(_decoded(head.partition(".")[2]))
        file = self.root / "signature"
        file.write_bytes(_decoded(signature))
        command = ["openssl", "dgst", "-sha256", "-verify", str(self.app["public"]), "-signature", str(file)]
        good = subprocess.run(command, input=head.encode(), capture_output=True, check=False).returncode == 0
        now = datetime.now(UTC).timestamp()
        return good and said["iss"] == self.app["id"] and said["iat"] <= now < said["exp"] <= now + 600

    def issue(self, title: str, body: str, author: str = "alice", **more: Any) -> int:
        number = next(self.numbers)
        at = self.now()
        self.issues[number] = {
            "number": number, "title": title, "body": body, "user": author, "state": "open", "locked": False,
            "labels": [], "assignees": [], "created_at": at, "updated_at": at, **more,
        }  # fmt: skip
        return number

    def label(self, number: int, name: str, actor: str = "alice") -> str:
        """Put a label on an issue; when it happened."""
        at = self.now()
        self.issues[number]["labels"].append(name)
        self.issues[number]["updated_at"] = at
        self.events.append({"issue": number, "event": "labeled", "label": name, "actor": actor, "created_at": at})
        return at

    def say(self, number: int, body: str, author: str = "alice", **more: Any) -> dict[str, Any]:
        at = self.now()
        made = {"id": next(self.ids), "issue": number, "body": body, "user": author, "created_at": at, "updated_at": at}
        self.comments.append(made | more)
        return self.comments[-1]

    def fail(self, method: str, part: str, status: int, **more: Any) -> None:
        self.faults.append(Fault(method, part, status, **more))

    def git(self, *args: str) -> str:
        done = subprocess.run(["git", "-C", str(self.git_dir), *args], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    def tip(self, branch: str) -> str:
        return self.git("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}")

    def pull_bodies(self) -> list[str]:
        return [str(each["body"]) for each in self.pulls.values()]

    def written(self) -> str:
        """Everything that was written to the forge by API: for the hunt after leaks."""
        texts = [each["body"] for each in (*self.comments, *self.review_comments) if each["user"] == BOT["login"]]
        texts += [f"{each['title']}\n{each['body']}" for each in self.pulls.values()]
        texts += [str(each) for found in self.statuses.values() for each in found]
        return "\n".join(texts)

    def _bare(self) -> None:
        self.git_dir.mkdir(parents=True)
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(self.git_dir)], check=True)
        for key, value in (
            ("uploadpack.allowAnySHA1InWant", "true"), ("http.receivepack", "true"), ("receive.denyDeletes", "true"),
        ):  # fmt: skip
            subprocess.run(["git", "-C", str(self.git_dir), "config", key, value], check=True)
        hook = self.git_dir / "hooks" / "pre-receive"
        hook.write_text(_HOOK)
        hook.chmod(0o755)  # noqa: S103


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


_HOOK = """#!/bin/sh
# GitHub's own refusals: workflow files without the permission, protected branches.
while read old new ref; do
  case "$ref" in
    refs/heads/protected-*) echo "error: GH006: Protected branch update failed for $ref." >&2; exit 1;;
  esac
  [ "$STAND_IN_WORKFLOWS" = write ] && continue
  range="$new --not --all"
  if git log --format= --name-only $range 2>/dev/null | grep -q '^\\.github/workflows/'; then
    echo "refusing to allow a GitHub App to create or update workflow without \\`workflows\\` permission" >&2
    exit 1
  fi
done
"""


def eventually_old(at: str, seconds: int) -> str:
    """A time `seconds` after `at`."""
    moment = datetime.strptime(at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
