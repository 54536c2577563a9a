"""Make the reduced contract data of `tests/data` from the npm packages that carry GitHub's own descriptions.

    npm pack @octokit/openapi@23.0.2 @octokit/webhooks-examples@7.6.1 @octokit/graphql-schema@15.26.1
    python -m tests.github_stand_in.reduce DIRECTORY_OF_THE_THREE_ARCHIVES

All three packages are MIT-licensed. What is kept: the operations named here with the schemas they reach (as JSON
Schema, `nullable` turned into a type), one example of each answer; the webhook payloads of the events that can start
a run; the part of the GraphQL schema that our documents reach.
"""

import dataclasses
import gzip
import io
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent.parent / "data"
OPERATIONS = (
    "actions/cancel-workflow-run", "actions/download-job-logs-for-workflow-run", "actions/get-workflow-run",
    "apps/create-installation-access-token", "apps/get-repo-installation", "apps/revoke-installation-access-token",
    "actions/list-jobs-for-workflow-run", "actions/list-workflow-runs-for-repo",
    "checks/list-for-ref", "git/create-blob", "git/create-commit",
    "git/create-ref", "git/create-tree", "git/get-ref", "git/update-ref", "issues/add-labels",
    "issues/create-comment", "issues/get", "issues/list-comments", "issues/list-events", "issues/update-comment",
    "pulls/create", "pulls/create-reply-for-review-comment", "pulls/get", "pulls/list", "pulls/list-review-comments",
    "pulls/list-reviews", "pulls/request-reviewers", "pulls/update", "reactions/create-for-issue",
    "reactions/create-for-issue-comment", "reactions/create-for-pull-request-review-comment",
    "repos/compare-commits-with-basehead",
    "repos/create-commit-status", "repos/get", "repos/get-branch-rules", "repos/get-collaborator-permission-level",
    "repos/get-combined-status-for-ref", "repos/get-commit", "users/get-by-username",
)  # fmt: skip
EVENTS = (
    "issues", "issue_comment", "pull_request", "pull_request_review", "pull_request_review_comment", "workflow_run",
    "workflow_dispatch", "repository_dispatch", "check_run", "check_suite", "pull_request_review_thread",
)  # fmt: skip
GRAPHQL_ROOTS = {
    "Query": ("repository", "viewer"),
    "Mutation": ("markPullRequestReadyForReview", "createCommitOnBranch"),
}
GRAPHQL_FIELDS = {
    "Repository": ("pullRequest", "issueOrPullRequest"),
    "PullRequest": ("id", "isDraft", "comments"),
    "Issue": ("id", "comments"),
    "IssueCommentConnection": ("nodes", "pageInfo"),
    "IssueComment": ("id", "databaseId", "isMinimized", "lastEditedAt"),
    "User": ("login", "databaseId"),
    "PageInfo": ("endCursor", "hasNextPage"),
    "MarkPullRequestReadyForReviewPayload": ("pullRequest", "clientMutationId"),
    "CreateCommitOnBranchPayload": ("commit", "clientMutationId"),
    "Commit": ("oid",),
}
"""The fields that are kept of the object types we reach; arguments and input types are kept whole."""


def main(directory: Path) -> None:
    write("github_openapi.json.gz", openapi(json.loads(member(directory, "octokit-openapi-", "api.github.com.json"))))
    write(
        "github_webhooks.json.gz",
        webhooks(json.loads(member(directory, "octokit-webhooks-", "api.github.com/index.json"))),
    )
    (DATA / "github_schema.graphql").write_text(
        graphql(member(directory, "octokit-graphql-", "schema.graphql").decode())
    )


def member(directory: Path, prefix: str, name: str) -> bytes:
    """One file of the archive whose name begins with `prefix`."""
    [path] = directory.glob(f"{prefix}*.tgz")
    with tarfile.open(path) as archive:
        for entry in archive:
            if entry.name.endswith(f"/{name}") and (file := archive.extractfile(entry)):
                return file.read()
    raise SystemExit(f"{path} has no {name}")


def write(name: str, content: Any) -> None:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as zipped:
        zipped.write(json.dumps(content, separators=(",", ":"), sort_keys=True).encode())
    (DATA / name).write_bytes(buffer.getvalue())


def openapi(whole: dict[str, Any]) -> dict[str, Any]:
    """The operations, each with its own parameters, and the definitions that they reach."""
    found, wanted = [], set(OPERATIONS)
    for path, methods in whole["paths"].items():
        for method, operation in methods.items():
            if operation.get("operationId") in wanted:
                wanted.remove(operation["operationId"])
                found.append(reduced(whole, path, method, operation))
    if wanted:
        raise SystemExit(f"not in the description: {sorted(wanted)}")
    definitions: dict[str, Any] = {}
    reach(whole, [found], definitions)
    version = whole["info"]["version"]
    operations = [schema(each) | {"examples": each["examples"]} for each in found]
    return {"version": version, "operations": operations, "definitions": schema(definitions)}


def reduced(whole: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    parameters = [deref(whole, each) for each in operation.get("parameters", [])]
    body = operation.get("requestBody", {})
    answers, examples = {}, {}
    for status, answer in operation["responses"].items():
        content = deref(whole, answer).get("content", {}).get("application/json", {})
        answers[status] = content.get("schema")
        given = [example(whole, each) for each in content.get("examples", {}).values()]
        if given and status.startswith("2"):
            examples[status] = given[0]
    return {
        "id": operation["operationId"], "method": method.upper(), "path": path,
        "parameters": [{key: each.get(key) for key in ("name", "in", "required", "schema")} for each in parameters],
        "body": body.get("content", {}).get("application/json", {}).get("schema"),
        "body_required": body.get("required", False), "responses": answers, "examples": examples,
    }  # fmt: skip


def example(whole: dict[str, Any], node: dict[str, Any]) -> Any:
    value = deref(whole, node)["value"]
    return example(whole, value) if isinstance(value, dict) and "$ref" in value else value


def deref(whole: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        target: Any = whole
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def reach(whole: dict[str, Any], nodes: list[Any], into: dict[str, Any]) -> None:
    """Collect every schema that `nodes` refer to."""
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            name = str(node.get("$ref", "")).rpartition("/")[2]
            if name and name not in into and "/schemas/" in node["$ref"]:
                into[name] = whole["components"]["schemas"][name]
                nodes.append(into[name])
            nodes += node.values()
        elif isinstance(node, list):
            nodes += node


def schema(node: Any) -> Any:
    """OpenAPI 3.0's dialect as JSON Schema: `nullable` becomes a type; words without a rule in them go."""
    if isinstance(node, list):
        return [schema(each) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return {"$ref": "#/definitions/" + node["$ref"].rpartition("/")[2]}
    silent = ("description", "example", "deprecated", "x-github", "externalDocs", "title")
    made = {
        key: schema(value) for key, value in node.items()
        if not (key in silent and not isinstance(value, dict)) and key not in ("x-github", "externalDocs")
    }  # fmt: skip
    if made.pop("nullable", False) is True:
        if isinstance(made.get("type"), str) and "enum" not in made:
            made["type"] = [made["type"], "null"]
        else:
            made = {"anyOf": [made, {"type": "null"}]}
    return made


def webhooks(examples: list[dict[str, Any]]) -> dict[str, Any]:
    return {each["name"]: each["examples"] for each in examples if each["name"] in EVENTS}


def graphql(text: str) -> str:
    """The types that our documents reach, with the object types cut to the fields named above."""
    from graphql import parse, print_ast
    from graphql.language import ast

    document = parse(text, no_location=True)
    types = {d.name.value: d for d in document.definitions if isinstance(d, ast.TypeDefinitionNode)}
    kept: dict[str, Any] = {}
    todo = list(GRAPHQL_ROOTS)
    while todo:
        name = todo.pop()
        if name in kept or name not in types:
            continue
        node = bare(types[name])
        if isinstance(node, ast.ObjectTypeDefinitionNode | ast.InterfaceTypeDefinitionNode):
            allowed = GRAPHQL_ROOTS.get(name) or GRAPHQL_FIELDS.get(name, ())
            fields = tuple(f for f in node.fields or () if f.name.value in allowed)
            node = dataclasses.replace(node, interfaces=(), fields=fields)
        kept[name] = node
        todo += [each.name.value for each in getattr(node, "types", None) or ()]
        for field in getattr(node, "fields", None) or ():
            todo += [named(field.type), *(named(each.type) for each in getattr(field, "arguments", None) or ())]
    return "\n\n".join(print_ast(kept[name]) for name in sorted(kept)) + "\n"


def bare(node: Any) -> Any:
    """A definition without descriptions and directives, all the way down."""
    if isinstance(node, tuple | list):
        return tuple(bare(each) for each in node)
    if not dataclasses.is_dataclass(node) or isinstance(node, type):
        return node
    changes = {field.name: bare(getattr(node, field.name)) for field in dataclasses.fields(node) if field.init}
    changes |= {"description": None} if "description" in changes else {}
    changes |= {"directives": ()} if "directives" in changes else {}
    return dataclasses.replace(node, **changes)


def named(node: Any) -> str:
    while not hasattr(node, "name"):
        node = node.type
    return str(node.name.value)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
