"""Every expression of our workflows, actions and templates that decides something, and what it is asked about.

`tests/data/github_conditions.json` holds what GitHub's own evaluator makes of them:

    npm install --prefix DIRECTORY @actions/expressions@0.3.61
    python -m tests.github_stand_in.conditions DIRECTORY
"""

import gzip
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.github_stand_in.contract import DATA

ROOT = Path(__file__).parent.parent.parent
FILES = (
    ROOT / "action.yml", *sorted((ROOT / "actions").glob("*/action.yml")),
    *sorted((ROOT / ".github" / "workflows").glob("*.yml")), *sorted((ROOT / "examples" / "workflows").glob("*.yml")),
)  # fmt: skip
WORKS = ("run", "ready", "reply", "undo", "cancel", "none", "")
_PLAIN = re.compile(r"[\w-]+(?:\.[\w-]+)+")


@cache
def expressions() -> tuple[str, ...]:
    """The `if:` lines, and all between `${{` and `}}` that is more than a name."""
    found = [each for path in FILES for each in _within(YAML(typ="safe").load(path.read_text()))]
    return tuple(dict.fromkeys(found))


def _within(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "if":
                yield " ".join(str(value).split())
            else:
                yield from _within(value)
    elif isinstance(node, list):
        for each in node:
            yield from _within(each)
    elif isinstance(node, str):
        whole = (" ".join(each.split()) for each in re.findall(r"\$\{\{(.*?)\}\}", node, re.DOTALL))
        yield from (each for each in whole if not _PLAIN.fullmatch(each))


def contexts(expression: str) -> list[dict[str, Any]]:
    """What it is asked about: the gate's outputs, secrets, refs or events, as its names say."""
    if "needs.gate" in expression:
        return [
            {"needs": {"gate": {"outputs": {"work": work, "number": number}}}, "github": {"run_id": "77"}}
            for work in WORKS
            for number in ("0", "12")
        ]
    if "secrets." in expression:
        return [{"secrets": {"publish-token": token}, "github": {"token": "own"}} for token in ("", "given")]
    if "github.ref" in expression:
        return [{"github": {"ref": ref}} for ref in ("refs/heads/main", "refs/pull/7/merge", "refs/heads/main2")]
    return events() if "github." in expression else [{}]


@cache
def events() -> list[dict[str, Any]]:
    """What a condition on an event is asked about: GitHub's example payloads, and some that are ours."""
    with gzip.open(DATA / "github_webhooks.json.gz") as file:
        found = json.load(file)
    made = [(event, payload) for event, examples in sorted(found.items()) for payload in examples]
    person, bot = {"login": "a", "type": "User"}, {"login": "b[bot]", "type": "Bot"}
    for label in ("loopwright", "bug"):
        for sender in (person, bot):
            made.append(
                ("issues", {"action": "labeled", "label": {"name": label}, "sender": sender, "issue": {"number": 1}})
            )
    for said in ("/loopwright fix", "hello", "> /loopwright fix", "see /loopwright"):
        for sender in (person, bot):
            comment = {"id": 1, "body": said}
            made.append(
                ("issue_comment", {"action": "created", "comment": comment, "sender": sender, "issue": {"number": 1}})
            )
    for sender in (person, bot):
        for conclusion in ("failure", "success"):
            run = {"id": 1, "conclusion": conclusion, "head_repository": {"full_name": "octo/httprange"}}
            made.append(("workflow_run", {"action": "completed", "workflow_run": run, "sender": sender,
                                          "repository": {"full_name": "octo/httprange"}}))  # fmt: skip
    made.append(("schedule", {}))
    inputs = {"label": "loopwright", "assignee": "", "command": "/loopwright", "allowed-bots": ""}
    return [
        {
            "github": {
                "event_name": event, "event": payload,
                "repository": payload.get("repository", {}).get("full_name", "octo/httprange"),
            },
            "inputs": inputs,
        }
        for event, payload in made
    ]  # fmt: skip


def results() -> dict[str, list[Any]]:
    """What GitHub's evaluator makes of each expression in each context. Raises `ValueError` when the table is older
    than the expressions."""
    table = json.loads((DATA / "github_conditions.json").read_text())
    if table["asked"] != digest():
        raise ValueError("an expression changed: python -m tests.github_stand_in.conditions DIRECTORY")
    found: dict[str, list[Any]] = table["results"]
    return found


def digest() -> str:
    """What a table of results belongs to."""
    asked = [[each, contexts(each)] for each in expressions()]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


if __name__ == "__main__":
    asked = json.dumps([{"expression": each, "contexts": contexts(each)} for each in expressions()])
    script = Path(__file__).parent / "expressions.mjs"
    done = subprocess.run(["node", str(script), sys.argv[1]], input=asked, capture_output=True, text=True, check=True)
    table = {"asked": digest(), "results": json.loads(done.stdout)}
    (DATA / "github_conditions.json").write_text(json.dumps(table) + "\n")
