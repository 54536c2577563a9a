"""A machine that takes the steps of our composite actions, as a runner does."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from ruamel.yaml import YAML

from tests.conftest import ROOT
from tests.github_stand_in import StandIn
from tests.github_support import read_outputs


class Took(msgspec.Struct, frozen=True):
    """A job that ended: exit code, outputs as the runner reads them, what it printed."""

    code: int
    outputs: dict[str, str]
    said: str


class Machine:
    """There is nothing on it but uv (which `setup-uv` would bring), git, openssl and Docker.

    Each job has a temporary directory of its own; what the first one installed the others find. Artifacts come over
    as the steps that store and fetch them say.
    """

    def __init__(self, root: Path, stand: StandIn) -> None:
        self.root, self.jobs = root, 0
        kept = {name: value for name, value in os.environ.items() if name.startswith(("UV_", "PIP_", "SSL_", "DOCKER"))}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environ = {**kept, "PATH": path, "HOME": str(root), **stand.environ, "GITHUB_RUN_ID": "1"}
        self.artifacts: dict[str, Path] = {}

    def take(self, action: str, event: str, payload: Mapping[str, Any], **given: str) -> Took:
        """One job: an action's steps with its inputs (`_` for `-`), their defaults, and the conditions of the steps."""
        self.jobs += 1
        room = self.root / f"job-{self.jobs}"
        (room / "loopwright").mkdir(parents=True)
        if self.jobs > 1:
            (room / "loopwright" / "venv").symlink_to(self.root / "job-1" / "loopwright" / "venv")
        for name, content in (("output", ""), ("summary", ""), ("event.json", json.dumps(payload))):
            (room / name).write_text(content)
        path = ROOT / action / "action.yml"
        whole = YAML(typ="safe").load(path.read_text())
        asked = {name.replace("_", "-"): value for name, value in given.items()}
        assert set(asked) <= set(whole["inputs"])
        inputs = {name: asked.get(name, str(each.get("default", ""))) for name, each in whole["inputs"].items()}

        def expand(text: Any) -> str:
            found = re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda m: inputs[m[1]], str(text))
            return found.replace("${{ runner.temp }}", str(room))

        files = {
            "GITHUB_OUTPUT": room / "output", "GITHUB_STEP_SUMMARY": room / "summary", "RUNNER_TEMP": room,
            "GITHUB_EVENT_PATH": room / "event.json", "GITHUB_EVENT_NAME": event, "GITHUB_ACTION_PATH": path.parent,
        }  # fmt: skip
        environ = {**self.environ, **{name: str(value) for name, value in files.items()}}
        code, said = 0, ""
        for step in whole["runs"]["steps"]:
            if code and step.get("if") != "always()":
                continue
            uses, options = step.get("uses", ""), step.get("with", {})
            if "upload-artifact" in uses:
                self.artifacts[options["name"]] = Path(expand(options["path"]))
            elif "download-artifact" in uses and options["name"] in self.artifacts:
                shutil.copytree(self.artifacts[options["name"]], expand(options["path"]))
            elif "run" in step:
                env = {name: expand(value) for name, value in step.get("env", {}).items()}
                done = subprocess.run(
                    ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                    env={**environ, **env}, cwd=room, capture_output=True, text=True, check=False,
                )  # fmt: skip
                code, said = code or done.returncode, said + done.stdout + done.stderr
        return Took(code, read_outputs((room / "output").read_text()), said)
