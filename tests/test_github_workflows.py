"""The action's own files: pinned, without expressions in scripts, with the `if:` lines as GitHub's evaluator reads
them; the templates; and the composite actions' steps, run with the files that a runner gives."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from harness.github import options
from harness.github.admission import Policy, wanted
from harness.github.trigger import read
from tests.conftest import MAKER, ROOT
from tests.github_machine import Machine
from tests.github_stand_in import StandIn
from tests.github_stand_in.conditions import contexts, events, expressions, results
from tests.github_support import KEY, TITLE, commented, labelled, seeded
from tests.scripted import ScriptedServer

ACTIONS = [ROOT / "action.yml", *sorted((ROOT / "actions").glob("*/action.yml"))]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
EXAMPLES = sorted((ROOT / "examples" / "workflows").glob("*.yml"))
PINNED = re.compile(r"[\w.-]+/[\w.-]+(?:/[\w./-]+)?@[0-9a-f]{40}|\$/[\w./-]+")


@cache
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
    told = re.findall(r"uses: (\S+@[0-9a-f]{40})(?: # v\d+\.\d+\.\d+)\n", path.read_text())
    assert sorted(told) == sorted(each for each in used if "@" in each)  # each says which release it is
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


def test_the_templates_are_valid_say_their_limits_and_give_inputs_that_exist(tmp_path: Path) -> None:
    called = load(ROOT / ".github" / "workflows" / "agent.yml")["on"]["workflow_call"]
    pinned = tmp_path / ".github" / "workflows"
    pinned.mkdir(parents=True)
    for path in EXAMPLES:
        text = path.read_text()
        assert "# Limits:" in text, path.name
        assert "# Permissions:" in text, path.name
        (pinned / path.name).write_text(text.replace("@REF", "@" + "a" * 40))
        for job in load(path)["jobs"].values():
            if "uses" in job:
                assert set(job["with"]) <= set(called["inputs"]), path.name
                assert {"anthropic-api-key"} <= set(job["secrets"]) <= set(called["secrets"]), path.name
                assert job["with"].get("max-cost-usd"), path.name
    tools = Path(sys.executable).parent
    for command in (
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", *map(str, sorted(pinned.iterdir()))],
        ["zizmor", "--offline", "--no-progress", "-q", str(tmp_path)],
    ):
        done = subprocess.run([str(tools / command[0]), *command[1:]], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_sieve_lets_through_all_that_the_gate_would_work_on() -> None:
    sieve = " ".join(load(ROOT / ".github" / "workflows" / "agent.yml")["jobs"]["gate"]["if"].split())
    found = results()[sieve]
    for context, passes in zip(events(), found, strict=True):
        event, payload = context["github"]["event_name"], context["github"]["event"]
        trigger = read(event, payload)
        works = trigger is not None and wanted(trigger, Policy()).work != "none"
        by_person = payload.get("sender", {}).get("type") != "Bot" or event == "workflow_run"
        if works and by_person:
            assert passes, (event, trigger)
    assert 0 < sum(found) < len(found)
    ours = {json.dumps(c["github"]["event"]): r for c, r in zip(events(), found, strict=True)}
    said = [(json.loads(key), passes) for key, passes in ours.items() if '"body": "hello"' in key]
    assert [passes for _, passes in said] == [False, False]


EXPECTED: dict[str, Callable[[dict[str, Any]], object]] = {
    "always()": lambda _: True,
    "needs.gate.outputs.work == 'run'": lambda c: c["needs"]["gate"]["outputs"]["work"] == "run",
    "needs.gate.outputs.work != 'run' && needs.gate.outputs.work != 'none'":
        lambda c: c["needs"]["gate"]["outputs"]["work"] not in ("run", "none"),
    "needs.gate.outputs.number != '0' && needs.gate.outputs.number || github.run_id":
        lambda c: c["needs"]["gate"]["outputs"]["number"].replace("0", "") or "77",
    "secrets.publish-token || github.token": lambda c: c["secrets"]["publish-token"] or "own",
    "secrets.publish-token == ''": lambda c: not c["secrets"]["publish-token"],
    "github.ref != 'refs/heads/main'": lambda c: c["github"]["ref"] != "refs/heads/main",
    "github.event.label.name == 'loopwright'":
        lambda c: c["github"]["event"].get("label", {}).get("name") == "loopwright",
}  # fmt: skip


def test_every_expression_is_what_it_is_meant_to_be_by_githubs_own_evaluator() -> None:
    found = results()
    sieve = [each for each in expressions() if each not in EXPECTED]
    assert [each.startswith("(github.event_name != 'issues'") for each in sieve] == [True]
    for expression, meant in EXPECTED.items():
        asked = contexts(expression)
        assert found[expression] == [meant(context) for context in asked], expression
        if expression != "always()":
            assert len(set(map(str, found[expression]))) > 1, expression


def test_the_steps_of_the_actions_on_a_clean_machine(tmp_path: Path, base_image: str) -> None:
    world = seeded(tmp_path / "forge")
    issue = world.issue(TITLE, "body")
    answer = {"json": {"text": "Answer 1.", "places": ["httprange/parse.py:1"]}}
    with StandIn(world) as stand, ScriptedServer({MAKER: [[answer]]}) as model:
        machine = Machine(tmp_path / "machine", stand)
        key: dict[str, str] = {"anthropic_api_key": KEY, "anthropic_base_url": model.url}
        made = machine.take(
            "actions/gate", "issues", labelled(world, issue, actor="mallory"), github_token="gate-token"
        )
        assert (made.code, made.outputs["work"], made.outputs["outcome"]) == (0, "none", "refused"), made.said
        assert "mallory has read" in made.said.replace("@", "").replace("\\", "")

        # a run: gate, run and publish, each by its own action, and the bundle between them
        asked = commented(world, issue, "/loopwright ask where is it?")
        gate = machine.take("actions/gate", "issue_comment", asked, github_token="gate-token")
        assert gate.outputs["work"] == "run", gate.said
        ran = machine.take("actions/run", "issue_comment", asked, github_token="read-token",
                           ticket=gate.outputs["ticket"], **key)  # fmt: skip
        assert ran.code == 0, ran.said
        assert (machine.artifacts["loopwright"] / "manifest.json").exists()
        assert ran.outputs["bundle-path"] == str(machine.artifacts["loopwright"])
        given = {"github_token": "write-token", "ticket": gate.outputs["ticket"]}
        made = machine.take("actions/publish", "issue_comment", asked, **given)
        assert (made.code, made.outputs["outcome"], made.outputs["run"]) == (0, "answered", ran.outputs["run"]), (
            made.said
        )
        assert "Answer 1." in world.comments[-1]["body"]

        # all in one, with no money for a single call: red, told, and the evidence is kept all the same
        asked = commented(world, issue, "/loopwright explain")
        poor = machine.take("", "issue_comment", asked, github_token="write-token", max_cost_usd="0.000001", **key)
        assert (poor.code, poor.outputs["outcome"]) == (5, "budget_exhausted"), poor.said
        assert "❌" in world.comments[-1]["body"]
        assert b'"exhausted"' in (machine.artifacts["loopwright"] / "manifest.json").read_bytes()
        for took in (gate, ran, made, poor):
            assert not any(secret in took.said for secret in (KEY, "gate-token", "read-token", "write-token"))
    assert world.violations == []
