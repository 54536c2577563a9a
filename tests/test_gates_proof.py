"""The gate `proof`: what new tests show, told by running them on base's source."""

from collections.abc import Iterator

import pytest

from gates import Gate, Rules
from gates.kinds import run
from tests.gates_support import Files, Lab, opened, rules_of

BASE: Files = {
    "pkg.py": "def double(n):\n    return n\n",
    "tests/test_pkg.py": "import pkg\n\n\ndef test_zero():\n    assert pkg.double(0) == 0\n\n\n"
    "def test_two():\n    assert pkg.double(2) == 4\n",
}
GATES = (Gate(name="tests", kind="pytest"), Gate(name="integrity", kind="integrity"), Gate(name="proof", kind="proof"))
FIXED = "def double(n):\n    return n * 2\n\n\ndef triple(n):\n    return n * 3\n"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Lab]:
    with opened(tmp_path_factory.mktemp("proof"), BASE, request) as made:
        made.judge_base(*GATES)
        yield made


def test_each_new_test_is_told_what_it_proves(lab: Lab) -> None:
    more = str(BASE["tests/test_pkg.py"]).replace("double(0) == 0", "double(0) == 0 or 1")
    changed: Files = {
        "pkg.py": FIXED,
        "tests/test_pkg.py": f"{more}\n\ndef test_three():\n    assert pkg.double(3) == 6\n",
        "tests/test_new.py": "import pkg\nimport pytest\n\n\ndef test_theatre():\n    assert True\n\n\n"
        "@pytest.mark.parametrize('n', [0, 5])\ndef test_five(n):\n    assert pkg.double(n) == 2 * n\n\n\n"
        "def test_wrong():\n    assert pkg.double(1) == 1.5\n",
        "tests/test_triple.py": "from pkg import triple\n\n\ndef test_triple():\n    assert triple(1) == 3\n",
    }
    results = lab.verdicts(lab.candidate(changed, Rules(may_edit_tests=("tests/**",))))
    proof = results["proof"]
    assert set(proof.notes) == {
        "proves nothing: tests/test_pkg.py::test_zero",
        "proves: tests/test_pkg.py::test_three",
        "proves nothing: tests/test_new.py::test_theatre",
        "proves nothing: tests/test_new.py::test_five[0]",
        "proves: tests/test_new.py::test_five[5]",
        "fails on the candidate too: tests/test_new.py::test_wrong",
        "cannot run at base: tests/test_triple.py::test_triple",
    }
    assert rules_of(proof) == {"proves-nothing": {"tests/test_pkg.py", "tests/test_new.py"}}
    assert all(violation.severity == "warn" for violation in proof.violations)
    assert (proof.status, proof.summary) == ("pass", "2 proves, 3 proves nothing, 1 cannot run at base")


def test_the_runs_of_the_tests_gate_are_used_again(lab: Lab) -> None:
    changed: Files = {"pkg.py": FIXED, "tests/test_new.py": "import pkg\n\n\ndef test_a():\n    assert pkg.triple(1)\n"}
    room = lab.candidate(changed)
    lab.opened.clear()
    results = lab.verdicts(room)
    assert results["proof"].notes == ("proves: tests/test_new.py::test_a",)
    assert len(lab.opened) == 4
    assert lab.opened.count(room.head) == 2  # one that collects, one that runs


def test_without_new_tests_it_looks_at_nothing(lab: Lab) -> None:
    room = lab.candidate({"pkg.py": FIXED, "tests/data.txt": "x", "README": "x"})
    lab.opened.clear()
    proof = lab.verdicts(room)["proof"]
    assert (proof.status, proof.summary) == ("skipped", "there are no new or changed tests")
    assert lab.baseline["proof"].status == "skipped"


BOUNDED = "def double(n):\n    if n > 100:\n        raise ValueError(n)\n    return n * 2\n"


def test_a_change_is_covered_and_its_mutants_are_noticed_or_named(lab: Lab) -> None:
    room = lab.candidate({"pkg.py": BOUNDED})
    tests = run(Gate(name="tests", kind="pytest", coverage=67), room)
    assert (tests.executed, tests.executable) == (2, 3)
    assert "coverage of the change: 2 of 3 lines (66 %); not executed: pkg.py:3" in tests.notes
    assert [(f.id, f.path, f.line) for f in tests.failures] == [("coverage of the change below 67 %", "pkg.py", 3)]
    proof = run(Gate(name="proof", kind="proof", mutation=True, required=False), room)
    assert proof.status == "fail"
    survivors = {(f.path, f.line, f.id.rpartition(": ")[2]) for f in proof.failures}
    assert survivors == {
        ("pkg.py", 2, "n > 100 -> (n >= 100)"),
        ("pkg.py", 2, "100 -> 101"),
        ("pkg.py", 3, "raise ValueError(n) -> pass"),
    }
    assert proof.summary == "there are no new or changed tests; 3 of 6 mutants killed"
