"""What tests of whole runs share: the base image, repositories, a scripted model and the real command."""

import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings

from harness.config import places
from harness.events import ModelReplied
from harness.journal import Journal, Record, State
from harness.loop.replay import Replayed, replay
from harness.loop.scene import recorded
from harness.loop.tidy import tidy
from tests.forked import Forked
from tests.scripted import ScriptedServer

settings.register_profile("quick", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("quick")

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "demo" / "sample"
GOAL = "parse_range() drops the last byte of an open-ended range"
MAKER, CHECKER, LIGHT = "claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-5-5"
PROGRAM = [sys.executable, "-c", "from harness.cli import main; main()"]


class Done(msgspec.Struct, frozen=True):
    """A finished `loopwright` process."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document on stdout."""
        found: dict[str, Any] = msgspec.json.decode(self.out)
        return found


class House:
    """One LOOPWRIGHT_HOME with a repository beside it, and the command to work on both."""

    def __init__(self, root: Path, repo: Path) -> None:
        self.home, self.repo, self._forks = root / "home", repo, 0
        self.environ: dict[str, str] = {
            name: value for name, value in os.environ.items() if not name.startswith(("ANTHROPIC", "LOOPWRIGHT"))
        }
        self.environ |= {"LOOPWRIGHT_HOME": str(self.home), "ANTHROPIC_API_KEY": "scripted-key-of-the-tests"}

    def play(self, server: ScriptedServer) -> None:
        """Have the model played by `server`."""
        self.environ["ANTHROPIC_BASE_URL"] = server.url

    def start(self, *args: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start `loopwright` as a process of its own."""
        return subprocess.Popen(
            [*PROGRAM, *args],
            cwd=cwd or self.repo,
            env={**self.environ, "PYTHONPATH": str(ROOT), **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def fork(self, *args: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Forked:
        """Start `loopwright` with its imports done: a second of CPU less than `start`."""
        self._forks += 1
        environ = {**self.environ, **(env or {})}
        return Forked(args, cwd or self.repo, environ, self.home.parent / f"loopwright-{self._forks}")

    def __call__(self, *args: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Done:
        """Run `loopwright` to its end."""
        process = self.fork(*args, cwd=cwd, env=env)
        if not process.wait(300):
            process.kill()
            pytest.fail(f"loopwright {args} hangs:\n{process.output()[1]}")
        return Done(process.returncode or 0, *process.output())

    def run(self, *args: str, goal: str = GOAL) -> Done:
        """`loopwright run --json` with plain progress."""
        return self("run", goal, "--json", "--progress", "plain", *args)

    def detect(self) -> None:
        """Leave the gates to detection, as in a repository without configuration."""
        git(self.repo, "rm", "-q", "loopwright.toml")
        git(self.repo, "commit", "-qm", "no configuration")

    @cached_property
    def journal(self) -> Journal:
        """The house's journal, open until the test ends."""
        return Journal(self.home / "journal.db")

    def records(self, run: str = "last") -> list[Record]:
        journal = self.journal
        return list(journal.read(journal.resolve(run)))

    def state(self, run: str = "last") -> State:
        journal = self.journal
        return journal.state(journal.resolve(run))

    def replay(self) -> list[Replayed]:
        """Every run of the house, pursued again from its journal alone: each has to be the same to its end."""
        scenes = [recorded(self.journal, self.home, run.run) for run in self.journal.runs()]
        done = [replay(scene) for scene in scenes]
        for one, scene in zip(done, scenes, strict=True):
            assert one.difference is None, one
            assert one.events == one.recorded
            assert one.requests >= sum(isinstance(record.event, ModelReplied) for record in scene.records)
        assert done
        return done

    def branches(self) -> list[str]:
        return git(self.repo, "for-each-ref", "--format=%(refname:short)", "refs/heads/loopwright").split()


def git(repo: Path, *args: str) -> str:
    """Plain git, as a user runs it; commits of the same content are the same, so that what gates found is, too."""
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.invalid")
    environ = {**os.environ, "GIT_AUTHOR_DATE": "2026-01-01T12:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T12:00:00Z"}
    command = ["git", "-C", str(repo), *identity, *args]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit_all(repo: Path, message: str = "base") -> str:
    """Commit what stands in the work tree; its id."""
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", message)
    return git(repo, "rev-parse", "HEAD")


def fingerprint(repo: Path) -> dict[str, bytes]:
    """Everything of a repository that is not an object: work tree, index, config, refs, hooks, logs."""
    found = {}
    for path in sorted(repo.rglob("*")):
        name = str(path.relative_to(repo))
        if path.is_file() and not name.startswith(".git/objects"):
            found[name] = path.read_bytes()
    return found


@pytest.fixture(scope="session")
def base_image() -> str:
    """The id of the base image, built before the tests by `make image` or now."""
    from sandboxes.docker import DockerEngine
    from sandboxes.images import base_image as make

    state = Path(os.environ.get("XDG_STATE_HOME", Path.home() / ".local" / "state")) / "loopwright"
    return make(DockerEngine(state), log=print).id


QUICK = """\
# One plain command in place of the detected gates: what a test of the loop, and not of the gates, needs.
[gates.tests]
command = "python -m pytest -q -p no:cacheprovider"

[models]
stalled = 0
"""


def sample(root: Path) -> House:
    """The sample repository under `root`, committed with quick gates, beside a home."""
    repo = root / "httprange"
    shutil.copytree(SAMPLE, repo)
    (repo / "loopwright.toml").write_text(QUICK)
    git(repo, "init", "-q", "-b", "main")
    commit_all(repo)
    return House(root, repo)


@pytest.fixture(scope="session")
def warm_journal(tmp_path_factory: pytest.TempPathFactory, base_image: str) -> Path:
    """A journal that knows what the gates find on the sample, as after a first run, and no run.

    Results are found by content key whatever run they came from, so every test's first run has its baseline. The
    workers of one test run share it: the first one that needs it makes it.
    """
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    warm = shared / "warm.db"
    with (shared / "warm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not warm.exists():
            _judge_once(sample(tmp_path_factory.mktemp("warm")), warm)
    return warm


def _judge_once(made: House, journal: Path) -> None:
    made.environ |= {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}
    quick = made.run("--max-cost", "0.000001")
    assert quick.code == 5, quick.err  # stopped before its first call: the baseline is all there is
    made.detect()
    full = made.run("--must-pass", "tests/test_parse.py::test_suffix")
    assert full.code == 0, full.err
    made("gc", "--all")
    with closing(sqlite3.connect(made.home / "journal.db", isolation_level=None)) as db:
        db.execute("DELETE FROM runs")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (made.home / "journal.db").rename(journal)


@pytest.fixture
def house(tmp_path: Path, warm_journal: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    """The sample repository with a home of its own that leaves nothing on the engine; its baseline is known.

    What a test marked `replayed(shape)` has recorded is pursued once more as it ends, offline: see `test_replay`.
    """
    made = sample(tmp_path)
    made.home.mkdir()
    shutil.copy(warm_journal, made.home / "journal.db")
    yield made
    if request.node.get_closest_marker("replayed"):
        made.replay()
    tidy(places(made.environ), made.journal, everything=True, days=None)
    made.journal.close()


def tool(name: str, **given: Any) -> dict[str, Any]:
    """A tool call of a scripted reply."""
    return {"name": name, "input": given}


def edit(old: str, new: str, path: str = "httprange/parse.py") -> dict[str, Any]:
    return tool("edit", file_path=path, old_string=old, new_string=new)


def finish(summary: str = "done") -> dict[str, Any]:
    return tool("finish", summary=summary)


def step(*tools: dict[str, Any], text: str = "", **more: Any) -> dict[str, Any]:
    """A reply with tool calls."""
    return {"text": text, "tools": list(tools), **more}


def verdict(decision: str = "accept", summary: str = "fine", findings: Any = (), criteria: Any = ()) -> dict[str, Any]:
    """A checker's whole conversation: its verdict at once."""
    answer = {"decision": decision, "summary": summary, "findings": list(findings), "criteria": list(criteria)}
    return {"json": answer}


FIX = edit("start, end = int(first), size - 2", "start, end = int(first), size - 1")
WRONG = edit("start, end = int(first), size - 2", "start, end = int(first), size")
TEST = tool(
    "bash",
    command="printf '\\n\\ndef test_open_ended():\\n    assert parse_range(\"bytes=90-\", 100) == (90, 99)\\n'"
    " >> tests/test_parse.py",
)

Play = Callable[..., ScriptedServer]


@pytest.fixture
def play(house: House) -> Iterator[Play]:
    """Start a scripted model for the house; it must never have seen a conversation that did not just grow."""
    servers: list[ScriptedServer] = []

    def start(
        maker: list[Any], checker: list[Any] | None = None, light: list[Any] | None = None, **more: Any
    ) -> ScriptedServer:
        script = {MAKER: maker, CHECKER: checker if checker is not None else [[verdict()]]}
        script |= {LIGHT: light} if light is not None else {}
        server = ScriptedServer(script, **more)
        server.__enter__()
        servers.append(server)
        house.play(server)
        return server

    yield start
    for server in servers:
        server.__exit__(None, None, None)
        assert server.breaches == []
        assert server.cold == []
