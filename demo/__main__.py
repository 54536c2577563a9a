"""Copy the sample, put it under git, and run the loop on it as a user would: by the `loopwright` command."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
GOAL = "parse_range() drops the last byte of an open-ended range"


def main() -> int:
    """Run the demo; its exit code is the run's. Arguments are passed on to `loopwright run`."""
    real = _wants_real()
    with tempfile.TemporaryDirectory(prefix="loopwright-demo-") as scratch:
        repo = Path(scratch, "httprange")
        _repository(repo)
        environ = {**os.environ, "LOOPWRIGHT_HOME": str(Path(scratch, "state"))}
        if real:
            _say("The real model plays; this costs a few cents.")
            return _demo(repo, environ)
        _say("A scripted model plays: a real server speaks the Messages API, and what it says is written down")
        _say("in demo/script.json. Its first attempt is wrong on purpose. Sandbox, gates and git are the real ones.")
        with _scripted() as url:
            here = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "scripted", "NO_PROXY": "127.0.0.1,localhost"}
            return _demo(repo, {**environ, **here})


def _wants_real() -> bool:
    """With a key in the environment the real model is offered; only a person at a terminal can take it."""
    if not os.environ.get("ANTHROPIC_API_KEY") or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    return input("A key is in your environment. Play with the real model instead? [y/N] ").strip().lower() == "y"


def _repository(repo: Path) -> None:
    shutil.copytree(HERE / "sample", repo)
    git = ["git", "-C", str(repo), "-c", "user.name=Demo", "-c", "user.email=demo@example.invalid"]
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "httprange 1.2.0"]):
        subprocess.run([*git, *command], check=True)


@contextmanager
def _scripted() -> Iterator[str]:
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.scripted", str(HERE / "script.json")],
        cwd=HERE.parent,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait()


def _demo(repo: Path, environ: dict[str, str]) -> int:
    loopwright = Path(sys.executable).with_name("loopwright")
    _say(f'$ loopwright run "{GOAL}"')
    try:
        code = _wait(subprocess.Popen([loopwright, "run", GOAL, *sys.argv[1:]], cwd=repo, env=environ))
    finally:  # the home goes with this demo, and nothing of it may stay on the engine
        subprocess.run([loopwright, "gc", "--all"], env=environ, check=False, stdout=subprocess.DEVNULL)
    if code == 0:
        listed = ["git", "for-each-ref", "--format=%(refname:short)", "refs/heads/loopwright"]
        branch = subprocess.run(listed, cwd=repo, capture_output=True, text=True, check=True).stdout.strip()
        _say(f"$ git log -p -1 {branch}")
        subprocess.run(["git", "--no-pager", "log", "-p", "-1", branch], cwd=repo, check=True)
        _say("$ loopwright ls")
        subprocess.run([loopwright, "ls"], cwd=repo, env=environ, check=True)
    return code


def _wait(run: "subprocess.Popen[bytes]") -> int:
    """Wait for the run, also through Ctrl-C, which it hears itself and answers by salvaging its work."""
    while True:
        try:
            return run.wait()
        except KeyboardInterrupt:
            continue


def _say(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
