"""GitHub's own description, as a judge of what goes over the wire in both directions."""

import gzip
import json
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import msgspec

DATA = Path(__file__).parent.parent / "data"


class Operation(msgspec.Struct, frozen=True):
    """One operation, and what the path of a request says for it."""

    spec: dict[str, Any]
    given: dict[str, str]

    @property
    def id(self) -> str:
        return str(self.spec["id"])


@cache
def description() -> dict[str, Any]:
    """The reduced description; see `reduce`."""
    with gzip.open(DATA / "github_openapi.json.gz") as file:
        found: dict[str, Any] = json.load(file)
    return found


@cache
def _shapes() -> tuple[tuple[str, re.Pattern[str], dict[str, Any]], ...]:
    made = []
    for spec in description()["operations"]:
        # `{ref}` and `{branch}` may hold slashes; nothing else does
        shape = re.sub(r"\\{(ref|branch)\\}", r"(?P<\1>.+)", re.escape(spec["path"]))
        shape = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", shape)
        made.append((spec["method"], re.compile(shape), spec))
    return tuple(made)


def find(method: str, path: str) -> Operation | None:
    """The operation that a request is; the one with the fewest parameters where several fit."""
    fits = [(m, spec) for verb, shape, spec in _shapes() if verb == method and (m := shape.fullmatch(path))]
    if not fits:
        return None
    match, spec = min(fits, key=lambda fit: len(fit[0].groups()) * 100 - len(fit[1]["path"]))
    return Operation(spec, {name: unquote(value) for name, value in match.groupdict().items()})


def example(operation: str, status: str = "") -> Any:
    """A fresh copy of the description's own example of an answer."""
    spec = next(each for each in description()["operations"] if each["id"] == operation)
    examples = spec["examples"]
    return json.loads(json.dumps(examples[status] if status else next(iter(examples.values()))))


def request_faults(operation: Operation, query: dict[str, str], body: Any) -> list[str]:
    """What is wrong with a request."""
    found = []
    declared = {p["name"]: p for p in operation.spec["parameters"] if p["in"] == "query"}
    found += [f"unknown query parameter {name}" for name in query if name not in declared]
    for name, parameter in declared.items():
        if name in query and (wrong := _faults(parameter["schema"], _typed(query[name], parameter["schema"]))):
            found.append(f"query {name}: {wrong[0]}")
    schema = operation.spec["body"]
    if schema is None and body is not None:
        found.append("a body where none belongs")
    if schema is not None and (body is not None or operation.spec["body_required"]):
        found += [f"body: {each}" for each in _faults(schema, body)]
    return [f"{operation.id}: {each}" for each in found]


def answer_faults(operation: Operation, status: int, body: Any) -> list[str]:
    """What is wrong with an answer of the stand-in."""
    responses = operation.spec["responses"]
    if str(status) not in responses:
        return [] if status in (401, 403, 404, 422, 429) or status >= 500 else [f"{operation.id}: no answer {status}"]
    schema = responses[str(status)]
    return [f"{operation.id} {status}: {each}" for each in _faults(schema, body)] if schema else []


def _faults(schema: dict[str, Any], value: Any) -> list[str]:
    return [
        f"{'/'.join(map(str, e.path))} {e.message[:200]}" for e in _validator(json.dumps(schema)).iter_errors(value)
    ]


@cache
def _validator(schema: str) -> Any:
    return jsonschema.Draft202012Validator({**json.loads(schema), "definitions": description()["definitions"]})


def _typed(value: str, schema: dict[str, Any]) -> Any:
    return int(value) if schema.get("type") == "integer" and value.isdecimal() else value
