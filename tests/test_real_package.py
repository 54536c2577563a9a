"""A repository nobody here wrote: a package's source distribution, broken on purpose, repaired and proven.

The model is the scripted server in a process of its own, found through `ANTHROPIC_BASE_URL` as any server would be.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gates.parsers import parse
from tests.conftest import CHECKER, MAKER, ROOT, House, commit_all, edit, fingerprint, finish, git, step, tool, verdict
from tests.sdists import unpacked

PACKAGE = "toolz==1.0.0"
FILE = "toolz/itertoolz.py"
WHOLE, BROKEN, WRONG = "yield prev[:lo]", "yield prev[:lo + 1]", "yield prev[:lo - 1]"
TEST = "toolz/tests/test_itertoolz.py::test_partition_all"


@pytest.fixture
def package(tmp_path: Path, base_image: str) -> Iterator[House]:
    """The unpacked source distribution under git, with the bug in its only commit."""
    repo = unpacked(PACKAGE, tmp_path / "src")
    module = repo / FILE
    assert module.read_text().count(WHOLE) == 1
    module.write_text(module.read_text().replace(WHOLE, BROKEN))
    git(repo, "init", "-q", "-b", "main")
    commit_all(repo)
    house = House(tmp_path, repo)
    yield house
    house("gc", "--all")


@pytest.fixture
def model(tmp_path: Path, package: House) -> Iterator[None]:
    """A scripted model in another process: one wrong attempt, one right, and an accepting checker."""
    look = step(tool("grep", pattern="prev\\[:lo", path="toolz"), tool("read", file_path=FILE, view_range=[708, 751]))
    first = [look, step(edit(BROKEN, WRONG, FILE)), step(finish())]
    second = [
        look,
        step(edit(WRONG, WHOLE, FILE)),
        step(tool("bash", command="python -m pytest -q toolz")),
        step(finish()),
    ]
    script = tmp_path / "script.json"
    script.write_bytes(msgspec.json.encode({MAKER: [first, second], CHECKER: [[verdict()]]}))
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.scripted", str(script)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    package.environ["ANTHROPIC_BASE_URL"] = server.stdout.readline().strip()
    yield
    server.terminate()
    server.wait()


@pytest.mark.usefixtures("model")
def test_a_bug_in_toolz_is_repaired_and_proven(package: House) -> None:
    before = fingerprint(package.repo)
    done = package.run("--must-pass", TEST, goal="partition_all() pads its last tuple for sequences without a length")
    assert done.code == 0, done.err
    result = done.document
    assert (result["outcome"], result["iterations"]) == ("succeeded", 2)
    branch = result["branch"]
    diff = git(package.repo, "diff", "HEAD", branch)
    assert [line for line in diff.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")] == [
        f"-            {BROKEN}",
        f"+            {WHOLE}",
    ]
    gates = {gate["name"]: gate for gate in result["gates"]}
    assert gates["tests"]["new_failures"] == []
    assert "✓ tests" in package("gates").out
    log = parse("sarif", package("gates", "--sarif", "-i", "1").out.encode())
    assert not log.problem
    assert any(TEST in failure.message for failure in log.failures)  # the wrong attempt, as others see it
    assert package("gates", "-i", "9").code == 1
    at_base = package.state().baseline["tests"]
    assert TEST in {failure.id for failure in at_base.failures}
    assert len(at_base.passed) > 100
    after = fingerprint(package.repo)
    assert all(after[name] == data for name, data in before.items())
