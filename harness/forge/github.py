"""GitHub's REST and GraphQL APIs, as far as they are used here; GitHub Enterprise by its own API URL."""

from functools import cached_property
from typing import Any
from urllib.parse import quote

from harness.forge.base import LADDER, Account, Comment, Issue, Permission, Pull, remote_of
from harness.forge.errors import ForgeError, ForgeMissing, ForgeRejected
from harness.forge.shapes import account_of, comment_of, issue_of, pull_of
from harness.forge.wire import Rate, Wire

API, SERVER = "https://api.github.com", "https://github.com"
STATUS = "loopwright"
"""The context of our commit status."""


class GitHub:
    """One repository, `owner/name`, at GitHub or a GitHub Enterprise server."""

    kind = "github"

    def __init__(self, repository: str, token: str, api: str = API, server: str = SERVER, graphql: str = "") -> None:
        self.repository, self._token, self.server = repository, token, server.rstrip("/")
        auth = headers(token)
        self.wire = Wire(api, auth)
        self._graphql = Wire(graphql or _graphql_of(api), auth)
        owner, _, name = repository.partition("/")
        self._root = f"/repos/{quote(owner)}/{quote(name)}"

    def close(self) -> None:
        """Close the connections."""
        self.wire.close()
        self._graphql.close()

    @property
    def rate(self) -> Rate:
        """The limit of requests, as the last answer told it."""
        return self.wire.rate

    @property
    def remote(self) -> tuple[str, str]:
        return remote_of(self.server, self.repository, "x-access-token", self._token)

    @cached_property
    def _me(self) -> Account:
        try:
            found = self.graphql(VIEWER, {})["viewer"]
        except ForgeError:
            return Account(login="")
        return Account(login=str(found["login"]), id=int(found.get("databaseId") or 0))

    def me(self) -> Account:
        # `GET /user` is closed to the tokens of apps, the workflow's own among them
        return self._me

    def default_branch(self) -> str:
        return str(self.wire.get(self._root)["default_branch"])

    def account(self, login: str) -> Account:
        """Who `login` is. Raises `ForgeMissing` for a deleted account."""
        return account_of(self.wire.get(f"/users/{quote(login, safe='')}"))

    def permission(self, login: str) -> Permission:
        try:
            found = self.wire.get(f"{self._root}/collaborators/{quote(login, safe='')}/permission")
        except ForgeMissing:
            return "none"
        role = str(found.get("role_name") or found.get("permission") or "none")
        return next((each for each in LADDER if each == role), _legacy(str(found.get("permission"))))

    def issue(self, number: int) -> Issue:
        return issue_of(self.wire.get(f"{self._root}/issues/{number}"))

    def issue_events(self, number: int) -> list[dict[str, Any]]:
        """What happened to an issue: `event`, `created_at`, `actor`, `label`, `assignee`."""
        return list(self.wire.pages(f"{self._root}/issues/{number}/events"))

    def comments(self, number: int) -> list[Comment]:
        return [comment_of(each) for each in self.wire.pages(f"{self._root}/issues/{number}/comments")]

    def review_comments(self, number: int) -> list[Comment]:
        """The comments on lines of code."""
        return [comment_of(each) for each in self.wire.pages(f"{self._root}/pulls/{number}/comments")]

    def reviews(self, number: int) -> list[Comment]:
        """The reviews that say something of their own."""
        found = self.wire.pages(f"{self._root}/pulls/{number}/reviews")
        return [comment_of(each | {"created_at": each.get("submitted_at")}, True) for each in found if each.get("body")]

    def comment(self, number: int, body: str) -> Comment:
        return comment_of(self.wire.post(f"{self._root}/issues/{number}/comments", {"body": body}))

    def edit_comment(self, number: int, comment: int, body: str) -> Comment:
        return comment_of(self.wire.patch(f"{self._root}/issues/comments/{comment}", {"body": body}))

    def reply(self, number: int, comment: int, body: str) -> Comment:
        """An answer in the thread of a comment on code."""
        return comment_of(self.wire.post(f"{self._root}/pulls/{number}/comments/{comment}/replies", {"body": body}))

    def react(self, kind: str, number: int, comment: int, content: str) -> None:
        """Add a reaction; `kind` is `issue`, `issue_comment` or `review_comment`. Giving it twice is giving it once."""
        place = {
            "issue": f"/issues/{number}",
            "issue_comment": f"/issues/comments/{comment}",
            "review_comment": f"/pulls/comments/{comment}",
        }[kind]
        self.wire.post(f"{self._root}{place}/reactions", {"content": content})

    def pull_of(self, branch: str) -> Pull | None:
        owner = self.repository.partition("/")[0]
        found = self.wire.get(f"{self._root}/pulls", head=f"{owner}:{branch}", state="open")
        return pull_of(found[0], self.repository) if found else None

    def pull(self, number: int) -> Pull:
        return pull_of(self.wire.get(f"{self._root}/pulls/{number}"), self.repository)

    def open_pull(self, branch: str, target: str, title: str, body: str, draft: bool) -> Pull:
        wanted = {"title": title, "head": branch, "base": target, "body": body, "draft": draft}
        return pull_of(self.wire.post(f"{self._root}/pulls", wanted), self.repository)

    def edit_pull(self, pull: Pull, title: str, body: str) -> Pull:
        changed = self.wire.patch(f"{self._root}/pulls/{pull.number}", {"title": title, "body": body})
        return pull_of(changed, self.repository)

    def make_ready(self, pull: Pull) -> Pull:
        self.graphql(READY, {"pull": pull.node})
        return self.pull(pull.number)

    def label(self, number: int, labels: tuple[str, ...]) -> None:
        self.wire.post(f"{self._root}/issues/{number}/labels", {"labels": list(labels)})

    def ask_review(self, number: int, logins: tuple[str, ...]) -> None:
        people = [each for each in logins if "/" not in each]
        teams = [each.rpartition("/")[2] for each in logins if "/" in each]
        self.wire.post(
            f"{self._root}/pulls/{number}/requested_reviewers", {"reviewers": people, "team_reviewers": teams}
        )

    def status(self, commit: str, good: bool, text: str, url: str) -> None:
        body = {"state": "success" if good else "failure", "context": STATUS, "description": text[:140]}
        self.wire.post(f"{self._root}/statuses/{commit}", body | ({"target_url": url} if url else {}))

    def api(self, path: str) -> str:
        """The path of something in this repository."""
        return f"{self._root}{path}"

    def graphql(self, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Ask by GraphQL. Raises `ForgeRejected` with what it complains of."""
        found = self._graphql.post("", {"query": document, "variables": variables})
        if errors := found.get("errors"):
            raise ForgeRejected("GraphQL refuses", "; ".join(str(each.get("message")) for each in errors)[:500])
        data: dict[str, Any] = found["data"]
        return data

    def edits(self, number: int) -> dict[int, tuple[str, bool]]:
        """Of each comment: when it was last edited (`` for never) and whether it was hidden by a maintainer."""
        owner, _, name = self.repository.partition("/")
        data = self.graphql(EDITS, {"owner": owner, "name": name, "number": number})
        nodes = data["repository"]["issueOrPullRequest"]["comments"]["nodes"]
        return {int(each["databaseId"]): (each["lastEditedAt"] or "", bool(each["isMinimized"])) for each in nodes}


VIEWER = "query { viewer { login databaseId } }"
READY = """mutation($pull: ID!) { markPullRequestReadyForReview(input: {pullRequestId: $pull}) {
  pullRequest { isDraft } } }"""
EDITS = """query($owner: String!, $name: String!, $number: Int!) { repository(owner: $owner, name: $name) {
  issueOrPullRequest(number: $number) {
    ... on Issue { comments(last: 100) { nodes { databaseId lastEditedAt isMinimized } } }
    ... on PullRequest { comments(last: 100) { nodes { databaseId lastEditedAt isMinimized } } } } } }"""


def headers(token: str) -> dict[str, str]:
    """What every request says."""
    said = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
    return said | ({"Authorization": f"Bearer {token}"} if token else {})


def _legacy(permission: str) -> Permission:
    return next((each for each in LADDER if each == permission), "none")


def _graphql_of(api: str) -> str:
    """GitHub Enterprise has `/api/v3` and `/api/graphql`; github.com `/graphql` beside the rest."""
    api = api.rstrip("/")
    return api.removesuffix("/v3") + "/graphql" if api.endswith("/api/v3") else f"{api}/graphql"
