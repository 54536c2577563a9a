"""What the tests of GitHub share: a world with the sample repository, tokens, and jobs as a runner starts them."""

import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest

from tests.conftest import QUICK, SAMPLE, git
from tests.github_stand_in import StandIn, World, render

WRITE = {
    "contents": "write", "issues": "write", "pull_requests": "write", "statuses": "write", "checks": "read",
    "actions": "write",
}  # fmt: skip
READ = dict.fromkeys(WRITE, "read")
GATE = READ | {"issues": "write", "pull_requests": "write"}
KEY = "scripted-key-of-the-tests-0123456789"
TITLE = "parse_range() drops the last byte of an open-ended range"


def seeded(root: Path, **more: Any) -> World:
    """A world whose repository is the sample, with tokens that write, read, and do the gate's work."""
    world = World(root, **more)
    work = root / "seed"
    shutil.copytree(SAMPLE, work)
    (work / "loopwright.toml").write_text(QUICK)
    git(work, "init", "-q", "-b", "main")
    git(work, "add", "-A")
    git(work, "commit", "-qm", "base")
    subprocess.run(["git", "-C", str(work), "push", "-q", str(world.git_dir), "main"], check=True)
    world.token("write-token", **WRITE)
    world.token("read-token", **READ)
    world.token("gate-token", **GATE)
    return world


class Ran(msgspec.Struct, frozen=True):
    """A job that ended: exit code, outputs as the runner reads them, what it printed and summarised."""

    code: int
    outputs: dict[str, str]
    out: str
    summary: str


class Flow(msgspec.Struct, frozen=True):
    """The jobs of one delivery that were run."""

    gate: Ran
    work: Ran | None = None
    publish: Ran | None = None

    @property
    def outcome(self) -> str:
        return (self.publish or self.gate).outputs.get("outcome", "")


class Runner:
    """Runs the jobs as GitHub's runner would: an event's payload, an environment, files for outputs."""

    def __init__(self, stand: StandIn, root: Path, home: Path, model: str = "http://127.0.0.1:9") -> None:
        self.stand, self.world, self.root, self.home, self.model = stand, stand.world, root, home, model
        self.count = itertools.count(1)
        self.inputs: dict[str, str] = {}
        self.tokens = {"gate": "gate-token", "run": "read-token", "publish": "write-token", "all": "write-token"}
        self.extra: dict[str, str] = {}
        self.on_run: list[Any] = []

    def deliver(self, event: str, payload: Mapping[str, Any], ticket: str = "") -> Flow:
        """Gate, run and publish, as the reusable workflow has them."""
        number = next(self.count)
        gate = self.job("gate", event, payload, number)
        ticket, work = gate.outputs["ticket"], gate.outputs["work"]
        if work == "none":
            return Flow(gate)
        ran = self.job("run", event, payload, number, ticket) if work == "run" else None
        for hook in self.on_run:
            hook()
        return Flow(gate, ran, self.job("publish", event, payload, number, ticket))

    def job(self, name: str, event: str, payload: Mapping[str, Any], number: int, ticket: str = "") -> Ran:
        """One job, in this process."""
        room = self.root / f"job-{number}-{name}"
        room.mkdir(parents=True, exist_ok=True)
        (room / "event.json").write_text(json.dumps(payload))
        for file in ("output", "summary"):
            (room / file).write_text("")
        environ = {
            **{key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ},
            **self.stand.environ,
            "GITHUB_EVENT_NAME": event, "GITHUB_EVENT_PATH": str(room / "event.json"),
            "GITHUB_RUN_ID": str(9000 + number),
            "GITHUB_OUTPUT": str(room / "output"), "GITHUB_STEP_SUMMARY": str(room / "summary"),
            "RUNNER_TEMP": str(room), "LOOPWRIGHT_BUNDLE": str(self.root / f"bundle-{number}"),
            "LOOPWRIGHT_HOME": str(self.home), "LOOPWRIGHT_TOKEN": self.tokens[name],
            **{f"LOOPWRIGHT_INPUT_{key.upper().replace('-', '_')}": value for key, value in self.inputs.items()},
            **({"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": self.model} if name in ("run", "all") else {}),
            **({"LOOPWRIGHT_TICKET": ticket} if ticket else {}),
            **self.extra,
        }  # fmt: skip
        code, out = command(["ci", name], environ)
        outputs = read_outputs((room / "output").read_text())
        return Ran(code, outputs, out, (room / "summary").read_text())


def command(args: list[str], environ: Mapping[str, str]) -> tuple[int, str]:
    """`loopwright ARGS` in this process, with an environment of its own; exit code and output."""
    from click.testing import CliRunner

    from harness.cli.app import cli
    from harness.cli.failures import explain

    with only(environ):
        done = CliRunner().invoke(cli, args, standalone_mode=False)
        error = done.exception
        if error is None:
            return int(done.return_value or 0), done.output
        if isinstance(error, click.ClickException):
            return error.exit_code, f"{done.output}{error.format_message()}"
        if not isinstance(error, Exception):
            raise error
        code = explain(error)
        return code, f"{done.output}\n{type(error).__name__}: {error}"


@contextmanager
def only(environ: Mapping[str, str]) -> Iterator[None]:
    """An environment for the block; pytest's own names stay."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if not name.startswith(("PYTEST", "PYTHON", "XDG", "DOCKER")):
                patch.delenv(name, raising=False)
        for name, value in environ.items():
            patch.setenv(name, value)
        yield


def read_outputs(text: str) -> dict[str, str]:
    """What the runner understands of an output file: `name<<MARK`, lines, `MARK`; anything else is an error."""
    found: dict[str, str] = {}
    lines = iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        name, sep, mark = line.partition("<<")
        if not sep:
            raise AssertionError(f"a line that is no output: {line!r}")
        value = list(itertools.takewhile(lambda each, mark=mark: each != mark, lines))  # type: ignore[misc]
        found[name] = "\n".join(value)
    return found


def labelled(world: World, number: int, label: str = "loopwright", actor: str = "alice") -> dict[str, Any]:
    """The payload of a label, which is put on the issue now."""
    world.label(number, label, actor)
    return {
        "action": "labeled", "label": render.label(label), "issue": render.issue(world, number),
        "repository": render.repository(world), "sender": render.user(world, actor),
    }  # fmt: skip


def commented(world: World, number: int, body: str, author: str = "alice") -> dict[str, Any]:
    """The payload of a comment, which is made now."""
    made = world.say(number, body, author)
    return {
        "action": "created", "comment": render.comment(world, made), "issue": render.issue(world, number),
        "repository": render.repository(world), "sender": render.user(world, author),
    }  # fmt: skip


def reviewed(world: World, number: int, body: str, path: str, line: int, author: str = "alice") -> dict[str, Any]:
    """The payload of a comment on a line of a pull request, which is made now."""
    at = world.now()
    made = {
        "id": next(world.ids), "issue": number, "body": body, "user": author, "path": path, "line": line,
        "created_at": at, "updated_at": at,
    }  # fmt: skip
    world.review_comments.append(made)
    return {
        "action": "created", "comment": render.review_comment(world, made), "pull_request": render.pull(world, number),
        "repository": render.repository(world), "sender": render.user(world, author),
    }  # fmt: skip


def ended(world: World, number: int, conclusion: str, run: int, log: str = "", actor: str = "") -> dict[str, Any]:
    """The payload of a workflow run on a pull request's head, which ends now with its check and its log."""
    pull = world.pulls[number]
    head = world.tip(pull["branch"])
    who = actor or pull["user"]
    world.workflow_runs.append(
        {"id": run, "head_sha": head, "head_branch": pull["branch"], "conclusion": conclusion, "status": "completed",
         "actor": who}
    )  # fmt: skip
    world.check_runs[head] = [{"name": "ci", "status": "completed", "conclusion": conclusion}]
    if conclusion == "failure":
        world.jobs[run] = [{"id": run * 10, "name": "test", "conclusion": "failure", "run_id": run}]
        world.logs[run * 10] = log
    state = render.workflow_run(world, world.workflow_runs[-1])
    state |= {
        "updated_at": world.now(),
        "head_repository": render.repository(world),
        "pull_requests": [{"number": number}],
    }
    return {
        "action": "completed", "workflow_run": state, "repository": render.repository(world),
        "sender": render.user(world, who),
    }  # fmt: skip
