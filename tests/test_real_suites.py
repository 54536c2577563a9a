"""Whole suites of packages nobody here wrote: the baseline is right, a bug is found, old trouble is told and left
alone, bad luck is called what it is."""

from pathlib import Path

import pytest

import gates
from gates import Gate, is_green, new_failures, old_failures
from gates.parsers import parse
from tests.gates_support import Files, Lab
from tests.sdists import unpacked

TESTS = Gate(name="tests", kind="pytest")
TROUBLE = """\
import os


def test_old_trouble():
    assert 1 == 2


def test_weather():
    assert not os.path.exists("/tmp/storm")
"""
BARE = "PYTHONHASHSEED=0 python -m pytest -q -p no:cacheprovider --junitxml=/tmp/bare.xml >/tmp/bare.txt 2>&1"


@pytest.mark.parametrize(
    ("package", "where", "module", "right", "wrong", "least"),
    [
        ("idna==3.7", "tests", "idna/intranges.py", "if left == int_:", "if left != int_:", 30),
        ("parse==1.20.2", "tests", "parse.py", "float(string[:-1]) / 100.0", "float(string[:-1]) / 10.0", 90),
        pytest.param(
            *("toolz==1.0.0", "toolz/tests", "toolz/itertoolz.py", "yield prev[:lo]", "yield prev[:lo + 1]", 150),
            marks=pytest.mark.soak,  # the largest; `tests.test_real_package` has its loop
        ),
    ],
)
def test_a_bug_in_a_real_package_is_found_among_old_trouble_and_bad_luck(
    tmp_path: Path, base_image: str, package: str, where: str, module: str, right: str, wrong: str, least: int
) -> None:
    root = unpacked(package, tmp_path / "src")
    files: dict[str, str | bytes | None] = {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }
    trouble = f"{where}/test_trouble.py"
    lab = Lab(tmp_path, {**files, trouble: TROUBLE}, base_image)
    try:
        base = lab.judge_base(TESTS)["tests"]
        with lab.at_base().open(lab.base.tree) as sandbox:
            sandbox.run(BARE)
            bare = parse("junit", sandbox.read("/tmp/bare.xml", limit=10_000_000))
        assert (len(base.passed), len(base.failures)) == (len(bare.passed), len(bare.failures))
        assert len(base.passed) >= least
        assert f"{trouble}::test_old_trouble" in {failure.id for failure in base.failures}

        source = root.joinpath(module).read_text()
        assert source.count(right) == 1
        broken: Files = {module: source.replace(right, wrong)}
        lab.storms = {len(lab.opened)}
        result = gates.run(TESTS, lab.candidate(broken))
        assert not is_green(result, base)
        new = {failure.id for failure in new_failures(result, base)}
        assert new
        assert not any(node.startswith(trouble) for node in new)
        assert f"flaky: {trouble}::test_weather" in result.notes
        assert f"{trouble}::test_old_trouble" in {failure.id for failure in old_failures(result, base)}
        feedback = gates.feedback([result], lab.baseline)
        assert "there before you" in feedback
    finally:
        lab.close()
