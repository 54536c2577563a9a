"""The action's own files: pinned, without expressions in scripts, with the `if:` lines as GitHub's evaluator reads
them; the templates; and the composite actions' steps, run with the files that a runner gives."""

import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from harness.github import options
from harness.github.admission import Policy, wanted
from harness.github.trigger import read
from tests.conftest import ROOT
from tests.github_stand_in import StandIn
from tests.github_stand_in.contract import DATA
from tests.github_support import TITLE, commented, labelled, read_outputs, seeded

ACTIONS = [ROOT / "action.yml", *sorted((ROOT / "actions").glob("*/action.yml"))]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
EXAMPLES = sorted((ROOT / "examples" / "workflows").glob("*.yml"))
PINNED = re.compile(r"[\w.-]+/[\w.-]+(?:/[\w./-]+)?@[0-9a-f]{40}|\$/[\w./-]+")


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(path.read_text())
    return found


def steps(path: Path) -> list[dict[str, Any]]:
    whole = load(path)
    if "runs" in whole:
        return list(whole["runs"]["steps"])
    return [step for job in whole["jobs"].values() for step in job.get("steps", [])]


@pytest.mark.parametrize("path", [*ACTIONS, *WORKFLOWS], ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_used_is_pinned_and_scripts_hold_no_expression(path: Path) -> None:
    whole = load(path)
    used = [step["uses"] for step in steps(path) if "uses" in step]
    used += [job["uses"] for job in whole.get("jobs", {}).values() if "uses" in job]
    assert [each for each in used if not PINNED.fullmatch(each)] == []
    assert [step["run"] for step in steps(path) if "${{" in step.get("run", "")] == []
    assert not any("actions/cache" in each for each in used)
    for step in steps(path):
        if "setup-uv" in step.get("uses", ""):
            assert step["with"]["enable-cache"] is False


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_has_no_permission_that_no_job_asked_for(path: Path) -> None:
    whole = load(path)
    assert whole["permissions"] == {}
    for name, job in whole["jobs"].items():
        assert "permissions" in job, name
        assert "uses" in job or "timeout-minutes" in job, name


def test_the_job_with_the_key_cannot_write_and_the_one_that_writes_has_no_key() -> None:
    jobs = load(ROOT / ".github" / "workflows" / "work.yml")["jobs"]
    assert set(jobs["run"]["permissions"].values()) == {"read"}
    assert "anthropic-api-key" in jobs["run"]["steps"][0]["with"]
    assert "publish-token" not in json.dumps(jobs["run"])
    assert "anthropic" not in json.dumps(jobs["publish"])
    assert jobs["publish"]["permissions"]["contents"] == "write"
    assert not any("checkout" in step.get("uses", "") for step in jobs["publish"]["steps"])


def test_the_inputs_say_the_same_everywhere_and_the_code_reads_them_all() -> None:
    known: dict[str, Any] = {}
    source = "".join(path.read_text() for path in (ROOT / "harness" / "github").glob("*.py"))
    for path in ACTIONS:
        for name, given in load(path)["inputs"].items():
            assert known.setdefault(name, given) == given or name == "github-token", (path, name)
            env = [step.get("env", {}) for step in load(path)["runs"]["steps"]]
            passed = f"LOOPWRIGHT_INPUT_{name.upper().replace('-', '_')}"
            if any(passed in each for each in env):
                assert f'"{name}"' in source, name
    for workflow in ("agent.yml", "work.yml"):
        called = load(ROOT / ".github" / "workflows" / workflow)["on"]["workflow_call"]["inputs"]
        for name, given in called.items():
            if name != "ticket":
                assert str(given["default"]) == str(known[name]["default"]), name
    table = (ROOT / "docs" / "github.md").read_text()
    for name, given in known.items():
        assert f"| `{name}` |" in table, name
        assert given["description"] in table, name


def test_the_defaults_of_the_inputs_are_those_of_the_code() -> None:
    given = {name: str(each.get("default", "")) for name, each in load(ROOT / "action.yml")["inputs"].items()}
    environ = {f"LOOPWRIGHT_INPUT_{k.upper().replace('-', '_')}": v for k, v in given.items() if "${{" not in v}
    assert options.policy(environ) == options.policy({}) == Policy()
    assert options.options(environ) == options.options({})
    assert options.overrides(environ)["limits"]["minutes"] == 57


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_a_template_is_valid_says_its_limits_and_gives_inputs_that_exist(path: Path, tmp_path: Path) -> None:
    text = path.read_text()
    assert "# Limits:" in text
    assert "# Permissions:" in text
    pinned = tmp_path / ".github" / "workflows" / path.name
    pinned.parent.mkdir(parents=True)
    pinned.write_text(text.replace("@REF", "@" + "a" * 40))
    whole = load(pinned)
    for job in whole["jobs"].values():
        if "uses" in job:
            known = load(ROOT / ".github" / "workflows" / "agent.yml")["on"]["workflow_call"]["inputs"]
            assert set(job["with"]) <= set(known)
            assert "anthropic-api-key" in job["secrets"]
            assert job["with"].get("max-cost-usd")
    tools = Path(sys.executable).parent
    for command in (
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(pinned)],
        ["zizmor", "--offline", "--no-progress", "-q", str(tmp_path)],
    ):
        done = subprocess.run([str(tools / command[0]), *command[1:]], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def contexts() -> list[dict[str, Any]]:
    """What an `if:` line is asked about: GitHub's example payloads, and some that are ours."""
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


def sieve() -> str:
    """The `if:` line in front of the gate."""
    condition = load(ROOT / ".github" / "workflows" / "agent.yml")["jobs"]["gate"]["if"]
    return " ".join(condition.split())


def digest() -> str:
    """What a table of results belongs to."""
    return hashlib.sha256(json.dumps([sieve(), contexts()], sort_keys=True).encode()).hexdigest()


def test_the_sieve_lets_through_all_that_the_gate_would_work_on() -> None:
    table = json.loads((DATA / "github_conditions.json").read_text())
    assert table["digest"] == digest(), "the `if:` line changed: python -m tests.github_stand_in.conditions DIRECTORY"
    results = table["results"]
    assert len(results) == len(contexts())
    for context, passes in zip(contexts(), results, strict=True):
        event, payload = context["github"]["event_name"], context["github"]["event"]
        trigger = read(event, payload)
        works = trigger is not None and wanted(trigger, Policy()).work != "none"
        by_person = payload.get("sender", {}).get("type") != "Bot" or event == "workflow_run"
        if works and by_person:
            assert passes, (event, trigger)
    assert 0 < sum(results) < len(results)
    ours = {json.dumps(c["github"]["event"]): r for c, r in zip(contexts(), results, strict=True)}
    said = [(json.loads(key), passes) for key, passes in ours.items() if '"body": "hello"' in key]
    assert [passes for _, passes in said] == [False, False]


def run_steps(
    path: Path, given: dict[str, str], environ: dict[str, str], room: Path
) -> tuple[int, dict[str, str], str]:
    """The composite action's steps as a runner takes them: inputs with their defaults, files, the steps' own `env`."""
    whole = load(path)
    inputs = {name: given.get(name, str(each.get("default", ""))) for name, each in whole["inputs"].items()}
    (room / "output").write_text("")
    (room / "summary").write_text("")

    def expand(text: str) -> str:
        return re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda m: inputs[m[1]], str(text))

    code, said = 0, ""
    for step in whole["runs"]["steps"]:
        if "run" not in step or code:
            continue
        env = {name: expand(value) for name, value in step.get("env", {}).items()}
        files = {"GITHUB_OUTPUT": str(room / "output"), "GITHUB_STEP_SUMMARY": str(room / "summary")}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            env={**environ, **files, **env, "GITHUB_ACTION_PATH": str(path.parent), "RUNNER_TEMP": str(room)},
            cwd=room, capture_output=True, text=True, check=False,
        )  # fmt: skip
        code, said = done.returncode, said + done.stdout + done.stderr
    return code, read_outputs((room / "output").read_text()), said


def test_the_steps_of_the_actions_on_a_clean_machine(tmp_path: Path) -> None:
    world = seeded(tmp_path / "forge")
    issue = world.issue(TITLE, "body")
    with StandIn(world) as stand:
        room = tmp_path / "runner"
        room.mkdir()
        payload = room / "event.json"
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # uv is what setup-uv would bring
        kept = {name: value for name, value in os.environ.items() if name.startswith(("UV_", "PIP_", "SSL_"))}
        environ = {
            **kept, "PATH": path, "HOME": str(tmp_path), **stand.environ, "GITHUB_EVENT_PATH": str(payload),
            "GITHUB_RUN_ID": "1", "GITHUB_EVENT_NAME": "issues",
        }  # fmt: skip
        payload.write_text(json.dumps(labelled(world, issue, actor="mallory")))
        given = {"github-token": "gate-token"}
        code, outputs, said = run_steps(ROOT / "actions" / "gate" / "action.yml", given, environ, room)
        assert (code, outputs["work"], outputs["outcome"]) == (0, "none", "refused"), said
        assert "mallory has read" in said.replace("@", "").replace("\\", "")
        environ["GITHUB_EVENT_NAME"] = "issue_comment"
        payload.write_text(json.dumps(commented(world, issue, "/loopwright help")))
        code, outputs, said = run_steps(ROOT / "actions" / "gate" / "action.yml", given, environ, room)
        assert (code, outputs["work"]) == (0, "reply"), said
        given = {"github-token": "write-token", "ticket": outputs["ticket"]}
        code, outputs, said = run_steps(ROOT / "actions" / "publish" / "action.yml", given, environ, room)
        assert (code, outputs["outcome"]) == (0, "answered"), said
        assert "| command | what it does |" in world.comments[-1]["body"]
        assert "gate-token" not in said
    assert world.violations == []
