"""Make `tests/data/gitea_api.json.gz`: what Gitea and Forgejo say of their API, from the npm packages that are made of
their OpenAPI descriptions.

    npm pack gitea-js@1.23.0 forgejo-js@11.0.0
    python -m tests.github_stand_in.typed DIRECTORY_OF_THE_TWO_ARCHIVES

The packages (MIT) carry TypeScript declarations that a generator wrote from each server's description: operations with
method, path, query, body and answer; interfaces with their fields. They are read back into JSON Schema here. Their
declarations leave nearly every field optional, so what is held against them is names and types.
"""

import re
import sys
from pathlib import Path
from typing import Any

from tests.github_stand_in.reduce import member, write

OPERATIONS = (
    "UserGetCurrent", "RepoGet", "RepoGetRepoPermissions", "IssueGetIssue", "IssueGetComments", "IssueCreateComment",
    "IssueEditComment", "IssueAddLabel", "RepoListPullRequests", "RepoGetPullRequest", "RepoCreatePullRequest",
    "RepoEditPullRequest", "RepoCreatePullReviewRequests", "RepoCreateStatus",
)  # fmt: skip
_OPERATION = re.compile(
    r"@name (\w+)\n(?:(?!\*/).)*?@request (\w+):(\S+)(?:(?!\*/).)*\*/\s*\w+: "
    r"\(((?:(?!=> Promise<).)*)\) => Promise<HttpResponse<([^\n]*?), [\w |]+>>",
    re.DOTALL,
)
_FIELD = re.compile(r"\s*'?([\w-]+)'?(\??): ([^;]+);")
_INTERFACE = re.compile(r"^interface (\w+) \{\n(.*?)^\}", re.DOTALL | re.MULTILINE)
_ALIAS = re.compile(r"^type (\w+) = ([^;]+);", re.MULTILINE)
_PLAIN = {"string": "string", "number": "number", "boolean": "boolean"}


def main(directory: Path) -> None:
    found = {
        kind: described(member(directory, f"{kind}-js-", "dist/index.d.ts").decode()) for kind in ("gitea", "forgejo")
    }
    write("gitea_api.json.gz", found)


def described(text: str) -> dict[str, Any]:
    """The operations that we use, and the definitions that they reach."""
    text = re.sub(r"\r", "", text)
    shapes = {name: fields(body) for name, body in _INTERFACE.findall(bare(text))}
    shapes |= {name: kind(alias) for name, alias in _ALIAS.findall(bare(text))}
    operations = {name: operation(*rest) for name, *rest in _OPERATION.findall(text) if name in OPERATIONS}
    if missing := set(OPERATIONS) - set(operations):
        raise SystemExit(f"not in the declarations: {sorted(missing)}")
    kept: dict[str, Any] = {}
    todo = names(list(operations.values()))
    while todo:
        name = todo.pop()
        if name not in kept:
            kept[name] = shapes[name]
            todo += names(shapes[name])
    return {"operations": operations, "definitions": kept}


def operation(method: str, path: str, arguments: str, answer: str) -> dict[str, Any]:
    query = re.search(r"query\?: \{(.*)\}", bare(arguments), re.DOTALL)
    body = re.search(r"\b(?:body|data): (\w+)", bare(arguments))
    return {
        "method": method, "path": path, "answer": kind(answer),
        "query": fields(query[1])["properties"] if query else {}, "body": kind(body[1]) if body else None,
    }  # fmt: skip


def fields(body: str) -> dict[str, Any]:
    """The fields of an interface; one that is not declared is one too many."""
    found = _FIELD.findall(body)
    made: dict[str, Any] = {
        "type": "object", "additionalProperties": False, "properties": {name: kind(each) for name, _, each in found},
    }  # fmt: skip
    if needed := [name for name, optional, _ in found if not optional]:
        made["required"] = needed
    return made


def kind(text: str) -> dict[str, Any]:
    """A type as a schema. What a server leaves empty it may send as null: Go has no other word for it."""
    text = text.strip()
    if text.endswith("[]"):
        return {"anyOf": [{"type": "array", "items": kind(text[:-2].strip("()"))}, {"type": "null"}]}
    if text in _PLAIN:
        return {"type": _PLAIN[text]}
    if options := re.findall(r"'([^']*)'", text):
        return {"enum": options}
    if re.fullmatch(r"[A-Z]\w*", text):
        return {"anyOf": [{"$ref": f"#/definitions/{text}"}, {"type": "null"}]}
    return {}


def names(node: Any) -> list[str]:
    if isinstance(node, list):
        return [name for each in node for name in names(each)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"].rpartition("/")[2]] if isinstance(node.get("$ref"), str) else []
    return own + [name for each in node.values() for name in names(each)]


def bare(text: str) -> str:
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
