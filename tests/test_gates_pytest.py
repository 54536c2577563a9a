"""The gate `pytest` on real repositories in real containers: what counts, what is excused, what is an error."""

from collections.abc import Iterator

import msgspec
import pytest

import gates
from gates import Gate, GateResult, Room, Rules, is_green, new_failures, old_failures, process
from gates.again import again
from sandboxes.base import Resources
from tests.gates_support import Files, Lab, opened, rules_of

TESTS = Gate(name="tests", kind="pytest")
SOURCE = "FEATURE = True\nnames = []\n\n\ndef add(a, b):\n    return a + b\n\n\ndef note(name):\n    return [name]\n"
BASE: Files = {
    "src/calc/__init__.py": SOURCE,
    "rootmod.py": "VALUE = 1\n",
    "conftest.py": "import pytest\n\n\n@pytest.fixture\ndef two():\n    return 2\n",
    "pytest.ini": "[pytest]\naddopts = -x --doctest-modules --ignore=setup.py\ntestpaths = tests src\n",
    "tests/helpers.py": "def same(a, b):\n    assert a == b\n",
    "tests/a/__init__.py": "",
    "tests/a/test_same.py": "from calc import add\n\n\ndef test_two(two):\n    assert add(1, 1) == two\n",
    "tests/b/__init__.py": "",
    "tests/b/test_same.py": "import rootmod\n\n\ndef test_root():\n    assert rootmod.VALUE == 1\n",
    "tests/test_calc.py": """import unittest
from pathlib import Path

import calc
import pytest
from helpers import same


@pytest.mark.parametrize(("a", "b"), [(1, 2), (3, 4)], ids=["small", "b[i]g::"])
def test_add(a, b):
    same(calc.add(a, b), a + b)


def test_broken_before():
    assert calc.add(1, 1) == 3


class TestUnit(unittest.TestCase):
    def test_feature(self):
        if not calc.FEATURE:
            self.skipTest("no feature")


def test_note():
    assert calc.note("x") == ["x"]


def test_note_again():
    assert calc.note("y") == ["y"]


def test_weather():
    assert not Path("/tmp/storm").exists()


@pytest.mark.xfail(strict=True)
def test_expected():
    assert calc.add(1, 1) == 3


@pytest.mark.skip(reason="later")
def test_later():
    assert False
""",
}
FILE = "tests/test_calc.py"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Lab]:
    with opened(tmp_path_factory.mktemp("calc"), BASE, request) as made:
        made.judge_base(TESTS)
        yield made


def judge(lab: Lab, changed: Files, rules: Rules | None = None) -> GateResult:
    return gates.run(TESTS, lab.candidate(changed, rules or Rules()))


def news(lab: Lab, result: GateResult) -> dict[str, str]:
    """New failures and their messages."""
    return {failure.id: failure.message for failure in new_failures(result, lab.baseline["tests"])}


def test_the_baseline_is_what_plain_pytest_says(lab: Lab) -> None:
    base = lab.baseline["tests"]
    assert base.status == "fail"
    assert base.summary == "8 passed, 1 failed, 2 skipped"
    assert set(base.passed) == {
        "tests/a/test_same.py::test_two",
        "tests/b/test_same.py::test_root",
        *(f"{FILE}::{name}" for name in ("test_add[small]", "test_add[b[i]g::]", "test_note", "test_note_again")),
        f"{FILE}::TestUnit::test_feature",
        f"{FILE}::test_weather",
    }
    assert set(base.skipped) == {f"{FILE}::test_expected", f"{FILE}::test_later"}
    (failure,) = base.failures
    assert (failure.id, failure.path, failure.line) == (f"{FILE}::test_broken_before", FILE, 15)
    assert failure.message == "assert 2 == 3"
    assert "E   assert 2 == 3" in failure.detail
    with lab.at_base().open(lab.base.tree) as room:
        plain = room.run("PYTHONPATH=src python -m pytest -q -o addopts=--doctest-modules")
        assert b"1 failed, 8 passed, 1 skipped, 1 xfailed" in plain.stdout


def test_a_correct_change_is_green_in_spite_of_old_failures(lab: Lab) -> None:
    changed: Files = {
        "src/calc/__init__.py": SOURCE.replace("a + b", "b + a"),
        "tests/test_new.py": "from calc import add\n\n\ndef test_new():\n    assert add(2, 2) == 4\n",
    }
    result = judge(lab, changed)
    assert is_green(result, lab.baseline["tests"])
    assert [f.id for f in old_failures(result, lab.baseline["tests"])] == [f"{FILE}::test_broken_before"]
    assert {*lab.baseline["tests"].passed, "tests/test_new.py::test_new"} == set(result.passed)


def test_breakage_is_found_with_its_place_and_a_lost_test_is_missed(lab: Lab) -> None:
    broken = SOURCE.replace("a + b", "a - b").replace("FEATURE = True", "FEATURE = False")
    result = judge(lab, {"src/calc/__init__.py": broken})
    assert not is_green(result, lab.baseline["tests"])
    assert news(lab, result) == {
        "tests/a/test_same.py::test_two": "assert 0 == 2",
        f"{FILE}::test_add[small]": "AssertionError",
        f"{FILE}::test_add[b[i]g::]": "AssertionError",
        f"{FILE}::TestUnit::test_feature": "passed at base, skipped now",
    }
    places = {failure.id: (failure.path, failure.line) for failure in result.failures}
    assert places[f"{FILE}::test_add[small]"] == ("tests/helpers.py", 2)


def test_a_file_that_cannot_be_collected_any_more_is_one_failure(lab: Lab) -> None:
    result = judge(lab, {"rootmod.py": "raise RuntimeError('no')\n"})
    assert news(lab, result) == {"tests/b/test_same.py": "cannot be collected: RuntimeError: no"}
    (failure,) = new_failures(result, lab.baseline["tests"])
    assert (failure.path, failure.line) == ("rootmod.py", 1)


def test_bad_luck_is_told_from_breakage(lab: Lab) -> None:
    leaking = SOURCE.replace("return [name]", "names.append(name)\n    return list(names)")
    room = lab.candidate({"src/calc/__init__.py": leaking})
    lab.opened.clear()
    lab.storms = {0}
    result = gates.run(TESTS, room)
    lab.storms = set()
    assert news(lab, result) == {f"{FILE}::test_note_again": "AssertionError: assert ['x', 'y'] == ['y']"}
    assert (result.flaky, result.notes[0]) == ((f"{FILE}::test_weather",), f"flaky: {FILE}::test_weather")
    assert f"{FILE}::test_weather" in result.passed


def test_what_fails_each_time_is_flaky_when_it_fails_at_base_as_well(lab: Lab) -> None:
    """Rooms: the candidate, its test alone, base with the test alone, base as a whole."""
    room = lab.candidate({"README": "stormy"})
    found = {}
    for storms in ({0, 1, 2, 3}, {0, 1, 2}):
        lab.opened.clear()
        lab.storms = storms
        result = gates.run(TESTS, msgspec.structs.replace(room, shared={}))
        lab.storms = set()
        found[len(storms)] = (result.flaky, set(news(lab, result)), len(lab.opened))
    weather = f"{FILE}::test_weather"
    assert found == {4: ((weather,), set(), 4), 3: ((), {weather}, 4)}


def test_bad_luck_at_base_is_no_old_failure(lab: Lab) -> None:
    """It would excuse whatever a candidate does to that test."""
    weather = f"{FILE}::test_weather"
    lab.opened.clear()
    lab.storms = {0}
    base = gates.run(TESTS, lab.at_base())
    lab.storms = set()
    assert (base.flaky, [failure.id for failure in base.failures]) == ((weather,), [f"{FILE}::test_broken_before"])
    assert weather in base.passed
    assert f"flaky: {weather}" in base.notes


def test_many_failures_are_no_chance_but_for_what_is_known_to_be(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    weather = f"{FILE}::test_weather"
    room = lab.candidate({"README": "stormy", "rootmod.py": "VALUE = 2\n"})
    monkeypatch.setattr("gates.flaky.MOST", 1)
    found = []
    for known in (lambda node: False, lambda node: node == weather):
        lab.opened.clear()
        lab.storms = {0}
        found.append(gates.run(TESTS, msgspec.structs.replace(room, shared={}, flaky=known)).flaky)
        lab.storms = set()
    assert found == [(), (weather,)]


def test_a_test_that_the_change_touches_has_no_bad_luck(lab: Lab) -> None:
    edited = str(BASE[FILE]) + "\n\ndef test_storm():\n    assert not Path('/tmp/storm').exists()\n"
    room = lab.candidate({FILE: edited})
    lab.opened.clear()
    lab.storms = {0, 2}  # the first room has base's tests, the second collects, the third runs the candidate's own
    result = gates.run(TESTS, room)
    lab.storms = set()
    assert set(news(lab, result)) == {f"{FILE}::test_weather", f"{FILE}::test_storm"}
    assert result.notes == ()


def test_what_failed_last_is_tried_first_and_only_a_red_one_ends_there(lab: Lab) -> None:
    """Early when all of it fails again, also what is required and failed at base; else whole, as if it had not been."""
    lasts = (f"{FILE}::test_note", f"{FILE}::test_broken_before")
    broken: Files = {"src/calc/__init__.py": SOURCE.replace("[name]", "name")}
    room = lab.candidate(broken, Rules(must_pass=lasts[1:]))

    def tried(*first: str) -> Room:
        lab.opened.clear()
        return msgspec.structs.replace(room, first={"tests": first}, shared={})

    early = gates.run(TESTS, tried(*lasts))
    assert (early.early, early.status, len(lab.opened)) == (True, "fail", 1)
    assert early.summary == "2 of 2 tests that failed last fail again; the rest was not run"
    assert set(news(lab, early)) == {lasts[0], f"required: {lasts[1]}"}
    proof = gates.run(Gate(name="proof", kind="proof"), msgspec.structs.replace(room, shared={"early": True}))
    assert [is_green(early, lab.baseline["tests"]), proof.early, is_green(proof, None)] == [False, True, False]

    how = process.invocation("pytest.ini", None, 60, room.paths(room.head))
    sides = ((frozenset[str](), room.head),)
    for first in ((*lasts, f"{FILE}::test_weather"), (*lasts, f"{FILE}::test_gone"), ("tests/gone.py::test_it",)):
        assert again(TESTS, tried(*first), how, sides) is None
    assert again(msgspec.structs.replace(TESTS, required=False), tried(*lasts), how, sides) is None
    whole = gates.run(TESTS, msgspec.structs.replace(lab.candidate({"README": "x"}), first={"tests": lasts[:1]}))
    assert (whole.early, whole.passed) == (False, lab.baseline["tests"].passed)


def test_required_tests_have_no_excuse(lab: Lab) -> None:
    wanted = ("test_broken_before", "test_add", "test_nowhere", "test_later", "TestUnit")
    result = judge(lab, {"README": "x"}, Rules(must_pass=tuple(f"{FILE}::{name}" for name in wanted)))
    assert news(lab, result) == {
        f"required: {FILE}::test_broken_before": "assert 2 == 3",
        f"required: {FILE}::test_nowhere": "the required test does not exist",
        f"required: {FILE}::test_later": "the required test is skipped",
    }
    assert [f.id for f in old_failures(result, lab.baseline["tests"])] == []


def test_tests_that_the_candidate_brings_must_pass_on_its_own_tree(lab: Lab) -> None:
    changed: Files = {
        "tests/test_new.py": "import calc\n\n\ndef test_bad():\n    assert calc.add(1, 1) == 5\n",
        "tests/test_ruined.py": "import nowhere\n",
        "tests/data/test_sample.txt": "not a test",
    }
    result = judge(lab, changed, Rules(must_pass=("tests/test_ruined.py::test_x",)))
    assert news(lab, result) == {
        "tests/test_new.py::test_bad": "assert 2 == 5",
        "tests/test_ruined.py": "cannot be collected: ModuleNotFoundError: No module named 'nowhere'",
        "required: tests/test_ruined.py::test_x": "the required test is in a file that cannot be collected",
    }


def test_changed_helpers_count_for_the_candidates_own_tree_alone(lab: Lab) -> None:
    """Base's helper judges the source; the candidate's helper must not break anything either."""
    lazy: Files = {"tests/helpers.py": "def same(a, b):\n    pass\n"}
    wanted = Rules(must_pass=(f"{FILE}::test_add", "tests/a/test_same.py"))
    broken = judge(lab, {**lazy, "src/calc/__init__.py": SOURCE.replace("a + b", "a - b")}, wanted)
    assert f"required: {FILE}::test_add[small]" in news(lab, broken)
    room = lab.candidate({"tests/helpers.py": "def same(a, b):\n    assert False, 'strict'\n"})
    lab.opened.clear()
    lab.storms = {2}
    strict = gates.run(TESTS, room)
    lab.storms = set()
    assert strict.notes == (f"flaky: {FILE}::test_weather",)
    assert set(news(lab, strict)) == {f"{FILE}::test_add[small]", f"{FILE}::test_add[b[i]g::]"}


def test_leave_to_edit_a_test_takes_the_candidates_word_for_it(lab: Lab) -> None:
    changed: Files = {
        "src/calc/__init__.py": SOURCE.replace("a + b", "a + b + 0.0").replace("[name]", "(name,)"),
        "tests/b/test_same.py": None,
        FILE: str(BASE[FILE]).replace('== ["x"]', '== ("x",)').replace('== ["y"]', '== ("y",)'),
    }
    with_leave = judge(lab, changed, Rules(may_edit_tests=("tests/*.py", "tests/b")))
    assert is_green(with_leave, lab.baseline["tests"])
    without = judge(lab, changed)
    assert f"{FILE}::test_note" in news(lab, without)
    assert "tests/b/test_same.py::test_root" in without.passed


@pytest.mark.parametrize(
    ("files", "gate", "spec", "status", "said"),
    [
        ({"a.py": "x = 1\n"}, TESTS, {}, "skipped", "there are no tests at base"),
        ({"test_a.py": "import nowhere\n"}, TESTS, {}, "error", "test_a.py:1: cannot be collected: ModuleNotFound"),
        ({"test_a.py": "def test(): pass\n", "tox.ini": "[pytest]\naddopts=--nope\n"}, TESTS, {}, "error", "setup"),
        (
            {"test_a.py": "import time\ndef test_slow():\n    time.sleep(60)\n"},
            Gate(name="tests", kind="pytest", timeout=1),
            {},
            "timeout",
            "ran out of time",
        ),
        (
            {"test_a.py": "def test_big():\n    bytearray(1 << 30).replace(b'x', b'y')\n"},
            TESTS,
            {"resources": Resources(memory_mb=160)},
            "error",
            "memory_mb",
        ),
        ({"test_a.py": "import os\ndef test_x():\n    os._exit(0)\n"}, TESTS, {}, "error", "cut short"),
        ({"test_a.py": "def test(): pass\n"}, TESTS, {"env": {"PATH": "/usr/bin:/bin"}}, "error", "pip install pytest"),
    ],
    ids=["no tests", "broken", "usage", "slow", "big", "exit", "no pytest"],
)
def test_what_is_no_result_at_base(
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
    files: Files,
    gate: Gate,
    spec: dict[str, object],
    status: str,
    said: str,
) -> None:
    with opened(tmp_path_factory.mktemp("base"), files, request) as lab:
        lab.spec = spec
        result = lab.judge_base(gate)["tests"]
        assert result.status == status, result
        assert said in result.summary, result
        if status == "skipped":
            wanted = Rules(must_pass=("test_first.py::test_it",))
            assert not is_green(judge(lab, {"a.py": "x = 2\n"}, wanted), result)
            first = judge(lab, {"test_first.py": "import a\n\n\ndef test_it():\n    assert a.x == 1\n"}, wanted)
            assert (first.status, first.passed) == ("pass", ("test_first.py::test_it",))


def test_ids_that_change_from_run_to_run_do_not_count_against_anyone(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> None:
    files: Files = {
        "a.py": "x = 1\n",
        "test_a.py": "import uuid, pytest\n\n\n@pytest.mark.parametrize('u', [str(uuid.uuid4())])\ndef test_u(u):\n"
        "    assert u\n\n\n@pytest.mark.parametrize('s', {'x', 'y', 'z'})\ndef test_s(s):\n    assert s\n",
    }
    with opened(tmp_path_factory.mktemp("ids"), files, request) as lab:
        base = lab.judge_base(TESTS)["tests"]
        assert sorted(base.passed) == ["test_a.py::test_s[x]", "test_a.py::test_s[y]", "test_a.py::test_s[z]"]
        assert base.notes == ("1 test ids change from run to run and are not compared",)
        changed: Files = {"a.py": "x = 2\n", "test_b.py": files["test_a.py"]}
        result = judge(lab, changed)
        assert is_green(result, base), result
        assert rules_of(result) == {}
