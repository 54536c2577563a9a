"""Three packages that nobody here wrote, with their whole suites: what the gates say of them."""

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from gates import Gate, new_failures, old_failures
from gates.kinds import run
from tests.gates_support import opened

pytestmark = pytest.mark.soak

TESTS = Gate(name="tests", kind="pytest")
PACKAGES = [
    (
        "toolz==1.0.0",
        "toolz/tests",
        150,
        ("toolz/itertoolz.py", "yield prev[:lo]", "yield prev[:lo - 1]"),
        "partition_all",
    ),
    (
        "more-itertools==10.5.0",
        "tests",
        600,
        ("more_itertools/more.py", "return iterable[-1]", "return iterable[0]"),
        "Last",
    ),
    ("idna==3.10", "tests", 30, ("idna/core.py", '[0] == "M":', '[0] == "X":'), "initial_combiner"),
]
EXTRA = """from pathlib import Path


def test_old():
    assert 1 == 2


def test_weather():
    assert not Path("/tmp/storm").exists()
"""


@pytest.mark.parametrize(("package", "folder", "least", "bug", "found_by"), PACKAGES)
def test_a_real_package(
    tmp_path: Path,
    request: pytest.FixtureRequest,
    package: str,
    folder: str,
    least: int,
    bug: tuple[str, str, str],
    found_by: str,
) -> None:
    fetch = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"]
    subprocess.run([*fetch, "-d", str(tmp_path / "sdist"), package], check=True)
    with tarfile.open(next((tmp_path / "sdist").iterdir())) as tar:
        tar.extractall(tmp_path / "src", filter="data")
    root = next((tmp_path / "src").iterdir())
    files = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    extra = f"{folder}/test_extra.py"
    files = {path: data for path, data in files.items() if ".egg-info" not in path} | {extra: EXTRA.encode()}
    path, whole, broken = bug
    source = files[path].decode()
    with opened(tmp_path / "lab", files, request) as lab:
        base = lab.judge_base(TESTS)["tests"]
        assert base.status == "fail", base
        assert [failure.id for failure in base.failures] == [f"{extra}::test_old"]
        assert len(base.passed) >= least
        with lab.at_base().open(lab.base.tree) as room:
            plain = room.run("python -m pytest -q -p no:cacheprovider", timeout=300).stdout.decode()
        assert f"1 failed, {len(base.passed)} passed" in plain
        lab.opened.clear()
        lab.storms = {0}
        honest = run(TESTS, lab.candidate({path: f"{source}\nFOUND = True\n"}))
        lab.storms = set()
        assert new_failures(honest, base) == (), honest.failures
        assert [failure.id for failure in old_failures(honest, base)] == [f"{extra}::test_old"]
        assert honest.flaky == (f"{extra}::test_weather",)
        assert (honest.executed, honest.executable) == (1, 1)
        bad = run(TESTS, lab.candidate({path: source.replace(whole, broken, 1)}))
        assert any(found_by in failure.id for failure in new_failures(bad, base)), bad
