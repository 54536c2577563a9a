"""GraphQL, by GitHub's own schema: documents are validated against it, and answered from the world."""

import base64
from functools import cache
from typing import Any

from graphql import GraphQLSchema, build_schema, graphql_sync

from tests.github_stand_in.contract import DATA
from tests.github_stand_in.objects import make_commit, make_tree
from tests.github_stand_in.world import World


@cache
def schema() -> GraphQLSchema:
    built = build_schema((DATA / "github_schema.graphql").read_text())
    built.type_map["IssueOrPullRequest"].resolve_type = lambda value, *_: value["kind"]  # type: ignore[attr-defined]
    return built


def execute(world: World, document: str, variables: dict[str, Any], token: dict[str, Any]) -> dict[str, Any]:
    root = _Root(world, token)
    done = graphql_sync(schema(), document, root_value=root, variable_values=variables)
    if done.errors and any("Cannot query" in e.message or "Unknown" in e.message for e in done.errors):
        world.violations += [f"graphql: {error.message}" for error in done.errors]
    errors = {"errors": [{"message": error.message} for error in done.errors]} if done.errors else {}
    return {"data": done.data, **errors}


class _Root:
    """The resolvers of what our documents ask for."""

    def __init__(self, world: World, token: dict[str, Any]) -> None:
        self.world, self.token = world, token

    def repository(self, info: Any, owner: str, name: str, followRenames: bool = True) -> dict[str, Any]:  # noqa: N803
        return {"issueOrPullRequest": lambda info, number: self._subject(number)}

    def viewer(self, info: Any) -> dict[str, Any]:
        known = self.world.accounts[self.token["login"]]
        return {"login": known["login"], "databaseId": known["id"]}

    def _subject(self, number: int) -> dict[str, Any]:
        nodes = [
            {
                "databaseId": each["id"],
                "lastEditedAt": each.get("edited_at"),
                "isMinimized": each.get("minimized", False),
            }
            for each in self.world.comments
            if each["issue"] == number
        ]
        kind = "PullRequest" if number in self.world.pulls else "Issue"
        return {"kind": kind, "comments": lambda info, **_: {"nodes": nodes}}

    def markPullRequestReadyForReview(self, info: Any, input: dict[str, Any]) -> dict[str, Any]:  # noqa: N802, A002
        if self.token["scopes"].get("pull_requests") != "write":
            raise PermissionError("Resource not accessible by integration")
        pull = self.world.pulls[int(input["pullRequestId"].removeprefix("PR_"))]
        pull["draft"] = False
        return {"pullRequest": {"isDraft": False}}

    def createCommitOnBranch(self, info: Any, input: dict[str, Any]) -> dict[str, Any]:  # noqa: N802, A002
        world, branch, changes = self.world, input["branch"]["branchName"], input["fileChanges"]
        if world.tip(branch) != input["expectedHeadOid"]:
            raise ValueError("Expected branch to point to another commit")
        entries: list[tuple[str, str, str | None]] = [(each["path"], "0", None) for each in changes["deletions"]]
        for each in changes["additions"]:
            path = world.root / "blob"
            path.write_bytes(base64.b64decode(each["contents"]))
            entries.append((each["path"], "100644", world.git("hash-object", "-w", str(path))))
        tree = make_tree(world, world.git("rev-parse", f"{branch}^{{tree}}"), entries)
        message = f"{input['message']['headline']}\n\n{input['message'].get('body', '')}"
        commit = make_commit(world, tree, input["expectedHeadOid"], message, self.token["login"])
        world.git("update-ref", f"refs/heads/{branch}", commit)
        return {"commit": {"oid": commit}}
