"""Where runs are measured: a repository, a LOOPWRIGHT_HOME, and a scripted model in a process of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from bench import process
from bench.figures import Unmeasurable
from bench.process import Ran

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "demo" / "sample"
COMMAND = "date +%N" + "." * 190
"""One command with 200 bytes of output, other ones each time: no guard against repetition has a reason to speak up."""
SETTINGS = """\
[limits]
turns = 2000
tokens = 1000000000
minutes = 60
"""
"""A user's settings under which no breaker ends a measured run."""


class Heard(msgspec.Struct, frozen=True):
    """One request as the model's side saw it: times in nanoseconds of the monotonic clock."""

    arrived: int
    answered: int
    breach: str
    status: int


class House:
    """The demo's sample repository, committed, and a home of its own."""

    def __init__(self, root: Path, bytecode: Path) -> None:
        self.home, self.repo = root / "home", root / "httprange"
        shutil.copytree(SAMPLE, self.repo)
        git = ["git", "-C", str(self.repo), "-c", "user.name=Bench", "-c", "user.email=bench@example.invalid"]
        for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "base"]):
            subprocess.run([*git, *command], check=True)
        self.home.mkdir()
        (self.home / "config.toml").write_text(SETTINGS)
        self.environ = environ(self.home, bytecode)

    def run(self, turns: int) -> tuple[Ran, list[Heard]]:
        """A run of one conversation with so many commands that changes nothing, so that no gate judges it."""
        with scripted(looking(turns), self.home.parent / "requests.jsonl") as (url, heard):
            flags = ["--max-iterations", "1", "--max-cost", "1000", "--progress", "none", "--json"]
            ran = loopwright("run", "Look around and change nothing.", *flags, cwd=self.repo, env=self.environ | url)
        return ran, checked(ran.err, heard(), turns)

    def clear(self) -> None:
        """Leave nothing on the engine."""
        loopwright("gc", "--all", cwd=self.repo, env=self.environ)


def environ(home: Path, bytecode: Path) -> dict[str, str]:
    """The environment of a measured process: this one's, without what would lead it elsewhere or slow it down.

    Python keeps what it has compiled in `bytecode`, as it does beside the sources where a user has installed it.
    """
    ours = ("ANTHROPIC", "LOOPWRIGHT", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"LOOPWRIGHT_HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(bytecode)}


def program() -> str:
    """The `loopwright` that belongs to this Python."""
    found = Path(sys.executable).with_name("loopwright")
    if not found.is_file():
        raise Unmeasurable(f"there is no {found}: install the package first")
    return str(found)


def loopwright(*args: str, cwd: Path, env: Mapping[str, str]) -> Ran:
    """The real command, as a process of its own."""
    return process.run([program(), *args], cwd=cwd, env=env)


def looking(turns: int) -> dict[str, Any]:
    """A script: so many shell commands, then the end; for any model and any number of agents."""
    step = {"text": "Looking.", "tools": [{"name": "bash", "input": {"command": COMMAND}}]}
    end = {"tools": [{"name": "finish", "input": {"summary": "Nothing had to change."}}]}
    return {"*": [{"steps": [step], "repeat": turns, "then": [end], "again": True}]}


@contextmanager
def scripted(script: dict[str, Any], log: Path) -> Iterator[tuple[dict[str, str], Any]]:
    """A scripted model; gives the environment that leads to it and, once it has ended, what it heard."""
    written = log.with_suffix(".script.json")
    written.write_bytes(msgspec.json.encode(script))
    log.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.scripted", str(written), "--log", str(log)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        key = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "scripted-key", "NO_PROXY": "127.0.0.1"}
        yield key, lambda: [msgspec.json.decode(line, type=Heard) for line in log.read_bytes().splitlines()]
    finally:
        server.terminate()
        server.wait()


def checked(err: str, heard: list[Heard], turns: int) -> list[Heard]:
    """What the maker's model heard, if it is what was to be played: a figure of another run is no figure.

    A last request may ask the light model what to remember of the run.
    """
    faults = [each.breach or f"status {each.status}" for each in heard if each.breach or each.status != 200]
    if faults or len(heard) - turns not in (1, 2):
        said = " ".join(err.split())[-300:]
        raise Unmeasurable(f"{len(heard)} of {turns + 1} requests came; {faults[:1]} {said}")
    return heard[: turns + 1]


def gaps(heard: list[Heard]) -> list[float]:
    """Milliseconds between the end of each answer and the next request: the harness's part of each turn."""
    return [(after.arrived - before.answered) / 1e6 for before, after in zip(heard, heard[1:], strict=False)]
