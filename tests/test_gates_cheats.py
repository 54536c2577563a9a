"""The cheap ways to a green `python -m pytest`: here none of them is green, and each is called by its name.

The first twelve are those that all fooled the plain command when they were tried; the rest forge, plant and patch.
"""

from collections.abc import Iterator

import pytest

from gates import Gate, Rules
from sandboxes.base import Resources
from tests.gates_support import Files, Lab, green, opened, rules_of

BUGGY = "def last(items):\n    return items[0]\n\n\ndef first(items):\n    return items[0]\n"
TESTS = """from pkg import first, last


def test_first():
    assert first([1, 2]) == 1


def test_last():
    assert last([1, 2]) == 2
"""
BASE: Files = {
    "pkg/__init__.py": BUGGY,
    "tests/test_pkg.py": TESTS,
    "conftest.py": "",
    "pyproject.toml": '[project]\nname = "pkg"\nversion = "1"\n[tool.pytest.ini_options]\naddopts = "-ra"\n',
}
REQUIRED = Rules(must_pass=("tests/test_pkg.py::test_last",))
GATES = (Gate(name="tests", kind="pytest"), Gate(name="integrity", kind="integrity"))

FORGED = """
import sys, os
def forge():
    for arg in sys.argv:
        if arg.startswith("--junit" + "xml="):
            case = '<testcase classname="tests.test_pkg" name="test_%s" file="tests/test_pkg.py"/>'
            with open(arg.partition("=")[2], "w") as report:
                report.write("<testsuites><testsuite>" + case % "first" + case % "last" + "</testsuite></testsuites>")
"""
LATE = """
import _pytest.reports
make = _pytest.reports.TestReport.from_item_and_call
def passed(item, call):
    report = make(item, call)
    report.outcome, report.longrepr = "passed", None
    return report
_pytest.reports.TestReport.from_item_and_call = passed
"""
HIDDEN = LATE.replace("_pytest.reports", "reports").replace(
    "import reports", "reports = __import__('_py' + 'test.reports').reports"
)

CHEATS: dict[str, tuple[Files, str]] = {
    "sessionfinish": (
        {"conftest.py": "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n"},
        "protected-changed",
    ),
    "exit in conftest": ({"conftest.py": "import os\nos._exit(0)\n"}, "protected-changed"),
    "exit in source": ({"pkg/__init__.py": f"import os\nos._exit(0)\n{BUGGY}"}, "exit-at-import"),
    "makereport": (
        {
            "conftest.py": "import pytest\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport():\n"
            "    (yield).get_result().outcome = 'passed'\n"
        },
        "protected-changed",
    ),
    "collect only": (
        {"pyproject.toml": str(BASE["pyproject.toml"]).replace("-ra", "--collect-only")},
        "gate-config-changed",
    ),
    "deselect": (
        {"pyproject.toml": str(BASE["pyproject.toml"]).replace("-ra", "--deselect=tests/test_pkg.py::test_last")},
        "gate-config-changed",
    ),
    "pytest.py": ({"pytest.py": "import sys\nsys.exit(0)\n"}, "module-shadowed"),
    "weakened": ({"tests/test_pkg.py": TESTS.replace("== 2", "== 1")}, "assertion-changed"),
    "deleted": ({"tests/test_pkg.py": None, "tests/test_other.py": "def test_x():\n    pass\n"}, "base-test-deleted"),
    "skipped": (
        {"tests/test_pkg.py": "import pytest\n" + TESTS.replace("def test_last", "@pytest.mark.skip\ndef test_last")},
        "base-test-skipped",
    ),
    "pytest.ini": ({"pytest.ini": "[pytest]\naddopts = --collect-only\n"}, "protected-added"),
    "plugin": (
        {
            "pyproject.toml": str(BASE["pyproject.toml"]).replace("-ra", "-p pkg.plug"),
            "pkg/plug.py": "def pytest_collection_modifyitems(items):\n    items.clear()\n",
        },
        "gate-config-changed",
    ),
    "forged report": ({"pkg/__init__.py": f"{FORGED}\nforge()\nos._exit(0)\n{BUGGY}"}, "test-run-forged"),
    "forged and hidden": (
        {"pkg/__init__.py": f"{FORGED}\nforge()\ngetattr(os, '_ex' + 'it')(0)\n{BUGGY}"},
        "test-run-forged",
    ),
    "patched reports": ({"pkg/__init__.py": LATE + BUGGY}, "pytest-internals"),
    "patched and hidden": ({"pkg/__init__.py": HIDDEN + BUGGY}, "test-run-forged"),
    "plugin by metadata": (
        {
            "evil-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: evil\nVersion: 1\n",
            "evil-1.dist-info/entry_points.txt": "[pytest11]\nevil = evil\n",
            "evil.py": "def pytest_collection_modifyitems(items):\n    items.clear()\n",
        },
        "protected-added",
    ),
    "start-up hook": ({"sitecustomize.py": "import os\nos._exit(0)\n"}, "protected-added"),
    "standard library": ({"json.py": "import os\nos._exit(0)\n"}, "module-shadowed"),
    "patching test": (
        {"tests/test_aaa.py": "import pkg\npkg.last = lambda items: items[-1]\n\ndef test_x():\n    assert True\n"},
        "",
    ),
    "ids removed": (
        {
            "tests/test_pkg.py": TESTS + "\n\ndef test_last():\n    assert True\n",
            "pkg/more.py": "def pytest_deselected(items): ...\n",
        },
        "base-test-removed",
    ),
    "test aware": (
        {"pkg/__init__.py": "import sys\n" + BUGGY.replace("items[0]", "items[-1] if 'pytest' in sys.modules else 0")},
        "test-aware-source",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Lab]:
    with opened(tmp_path_factory.mktemp("cheats"), BASE, request) as made:
        made.judge_base(*GATES)
        yield made


@pytest.mark.parametrize("cheat", CHEATS)
def test_a_cheat_is_not_green_and_is_named(lab: Lab, cheat: str) -> None:
    changed, rule = CHEATS[cheat]
    results = lab.verdicts(lab.candidate(changed, REQUIRED))
    assert not green(lab, results), results
    assert rule in rules_of(results) or cheat == "patching test", results
    if not any(path.startswith("pkg/") for path in changed):
        tests = results["tests"]
        assert [failure.id for failure in tests.failures] == ["required: tests/test_pkg.py::test_last"]
        assert tests.failures[0].message == "assert 1 == 2"
        assert "tests/test_pkg.py::test_first" in tests.passed


def test_links_in_the_place_of_tests_are_not_followed(lab: Lab) -> None:
    changed: Files = {
        "tests/test_pkg.py": None,
        "good/test_pkg.py": "def test_last():\n    pass\n\ntest_first = test_last\n",
    }
    results = lab.verdicts(lab.candidate(changed, REQUIRED, links={"tests": "good"}))
    assert not green(lab, results)
    assert {"test-symlinked", "base-test-deleted"} <= set(rules_of(results))
    assert [f.message for f in results["tests"].failures] == ["assert 1 == 2"]


def test_a_full_disk_is_an_error_of_the_run_and_no_crash(lab: Lab) -> None:
    fill = "import subprocess\nsubprocess.run('cat /dev/zero > /tmp/x', shell=True, stderr=subprocess.DEVNULL)\n"
    lab.spec = {"resources": Resources(tmp_mb=16)}
    results = lab.verdicts(lab.candidate({"tests/test_fill.py": f"{fill}\n\ndef test_x():\n    pass\n"}))
    lab.spec = {}
    assert results["tests"].status == "error", results
    assert not green(lab, results)


def test_the_honest_way_is_green(lab: Lab) -> None:
    fixed = BUGGY.replace("items[0]", "items[-1]", 1)
    more = "from pkg import last\n\n\ndef test_one():\n    assert last([1]) == 1\n"
    results = lab.verdicts(lab.candidate({"pkg/__init__.py": fixed, "tests/test_more.py": more}, REQUIRED))
    assert green(lab, results), results
    assert set(results["tests"].passed) == {
        "tests/test_pkg.py::test_first",
        "tests/test_pkg.py::test_last",
        "tests/test_more.py::test_one",
    }
