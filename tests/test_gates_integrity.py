"""Acts against the evidence, each called by its name, and work that is none of them."""

import ast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gates import Gate, GateResult, Rules, matches
from gates.kinds import run
from gates.source import alike, dump
from tests.gates_support import Files, paper_room, rules_of

GATE = Gate(name="integrity", kind="integrity")
TESTS = '''"""Tests of the package."""
import pytest
from pkg import double

CASES = [(1, 2), (2, 4)]


@pytest.fixture
def three():
    return 3


@pytest.mark.parametrize(("n", "expected"), CASES)
def test_double(n, expected):
    """It doubles."""
    result = double(n)
    assert result == expected
    assert result > 0


class TestMore:
    def test_fixture(self, three):
        assert double(three) == 6

    def test_error(self):
        with pytest.raises(TypeError):
            double(None)


async def test_later():
    assert double(0) == 0
'''
BASE: Files = {
    "pkg/__init__.py": "def double(n):\n    return n + n\n",
    "tests/test_pkg.py": TESTS,
    "tests/helpers.py": "def check(x):\n    assert x\n",
    "tests/data/cases.json": "[1]",
    "conftest.py": "",
    "ruff.toml": "line-length = 100\n",
    "pyproject.toml": '[project]\nname = "pkg"\ndependencies = ["a"]\n[tool.pytest.ini_options]\naddopts = "-ra"\n',
    "setup.cfg": "[metadata]\nname = pkg\n[mypy]\nstrict = True\n",
    ".github/workflows/ci.yml": "on: push\n",
    "web/package.json": '{"scripts": {"start": "x", "test": "jest"}}',
    "web/app.test.ts": "it('works', () => {\n  expect(1).toBe(1)\n})\n",
}


def judge(changed: Files, rules: Rules | None = None, base: Files = BASE, **more: dict[str, str]) -> GateResult:
    head = {path: content for path, content in {**base, **changed}.items() if content is not None}
    return run(GATE, paper_room(base, head, rules or Rules(), **more))


def blocking(result: GateResult) -> set[str]:
    return {violation.rule for violation in result.violations if violation.severity == "block"}


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"conftest.py": "import os\n"}, "protected-changed"),
        ({"tests/sub/conftest.py": "x = 1\n"}, "protected-added"),
        ({"pytest.ini": "[pytest]\naddopts = --collect-only\n"}, "protected-added"),
        ({"ruff.toml": None}, "protected-removed"),
        ({"ruff.toml": "exclude = ['*']\n"}, "protected-changed"),
        ({"pkg/.ruff.toml": "exclude = ['*']\n"}, "protected-added"),
        ({".github/workflows/ci.yml": "on: []\n"}, "protected-changed"),
        ({".github/workflows/new.yml": "on: push\n"}, "protected-added"),
        ({"sitecustomize.py": "import os\n"}, "protected-added"),
        ({"evil.pth": "import os\n"}, "protected-added"),
        ({"evil-1.0.dist-info/entry_points.txt": "[pytest11]\ne = pkg\n"}, "protected-added"),
        ({"pkg/__pycache__/__init__.cpython-311.pyc": b"\0\1"}, "protected-added"),
        ({"loopwright.toml": "[gates]\n"}, "protected-added"),
        ({"pyproject.toml": '[tool.pytest.ini_options]\naddopts = "--co"\n'}, "gate-config-changed"),
        ({"pyproject.toml": None}, "gate-config-changed"),
        ({"pyproject.toml": "not toml ["}, "protected-changed"),
        ({"pyproject.toml": f"{BASE['pyproject.toml']}[project.entry-points.pytest11]\nx='a'"}, "gate-config-changed"),
        ({"sub/pyproject.toml": "[tool.ruff]\nexclude = ['*']\n"}, "gate-config-changed"),
        ({"setup.cfg": "[metadata]\nname = pkg\n"}, "gate-config-changed"),
        ({"web/package.json": '{"scripts": {"start": "x", "pretest": "exit 0"}}'}, "gate-config-changed"),
        ({"setup.cfg": f"{BASE['setup.cfg']}[mypy-pkg.*]\nignore_errors = True\n"}, "gate-config-changed"),
        ({"setup.cfg": f"{BASE['setup.cfg']}[tool:pytest]\naddopts = --co\n"}, "gate-config-changed"),
        ({"pytest.py": "def main(): return 0\n"}, "module-shadowed"),
        ({"_pytest/__init__.py": ""}, "module-shadowed"),
        ({"src/json.py": ""}, "module-shadowed"),
        ({"pkg/finds.py": "import sys\nsys.meta_path.insert(0, object())\n"}, "interpreter-reached"),
        ({"pkg/same.py": "class A:\n    __eq__ = lambda self, other: bool(other)\n"}, "equal-to-everything"),
        ({"tests/unittest/__init__.py": ""}, "module-shadowed"),
        ({"xdist/__init__.py": ""}, "module-shadowed"),
        ({"tests/test_pkg.py": None}, "base-test-deleted"),
        ({"tests/test_pkg.py": None, "tests/test_other.py": TESTS}, "base-test-deleted"),
        ({"web/app.test.ts": "it.skip('works', () => {\n  expect(1).toBe(1)\n})\n"}, "base-test-edited"),
        ({"pkg/__init__.py": "import os\nos._exit(0)\n"}, "exit-at-import"),
        ({"pkg/__init__.py": "import _pytest.runner\n"}, "pytest-internals"),
        ({"pkg/__init__.py": "import pytest\npytest.TestReport.passed = True\n"}, "pytest-internals"),
        ({"pkg/__init__.py": "import sys\nsys.modules['pytest'] = None\n"}, "pytest-internals"),
        ({"pkg/__init__.py": "import sys\nsys.modules.pop('_pytest.runner')\n"}, "pytest-internals"),
        ({"pkg/__init__.py": "import importlib\nimportlib.import_module('_pytest.runner')\n"}, "pytest-internals"),
        ({"pkg/__init__.py": "def pytest_runtest_makereport(item): ...\n"}, "pytest-plugin"),
        ({"pkg/__init__.py": "import os\nX = 'PYTEST_CURRENT_TEST' in os.environ\n"}, "test-aware-source"),
        ({"pkg/__init__.py": "import sys\nX = 'pytest' in sys.modules\n"}, "test-aware-source"),
        ({"tests/test_new.py": "import sys\nsys.exit(0)\n"}, "exit-at-import"),
        ({"tests/test_new.py": "raise SystemExit\n"}, "exit-at-import"),
        ({"tests/test_new.py": "import os\ndef test_x():\n    os._exit(0)\n"}, "exit-in-code"),
        ({"tests/test_new.py": "from _pytest import runner as r\nr.pytest_runtest_call = None\n"}, "pytest-internals"),
        ({"tests/test_new.py": "import pytest as p\nsetattr(p, 'raises', None)\n"}, "pytest-internals"),
        ({"tests/test_new.py": "def test_x(mocker):\n    mocker.patch('pytest.raises')\n"}, "pytest-internals"),
        ({"tests/test_new.py": "pytest_plugins = ['pkg.plugin']\n"}, "pytest-plugin"),
        ({"tests/test_new.py": "import os; type new syntax = os._exit(0)\n"}, "unreadable"),
        ({"tests/test_pkg.py": "\0"}, "base-test-edited"),
        ({"tests/test_pkg.py": "type new syntax\n"}, "base-test-edited"),
        ({"pkg/__init__.py": "x = " + "-" * 5_000 + "1\n"}, "unreadable"),
        ({"pkg/__init__.py": b"# coding: no-such-codec\n"}, "unreadable"),
        ({"pkg/__init__.py": "#" * 1_000_001}, "unreadable"),
    ],
)  # fmt: skip
def test_an_act_is_named_and_blocks(changed: Files, rule: str) -> None:
    result = judge(changed)
    assert rule in blocking(result), result.violations
    assert result.status == "fail"
    named = next(violation for violation in result.violations if violation.rule == rule)
    assert named.path in changed
    assert named.message
    assert named.fix


def edited(old: str, new: str) -> Files:
    assert old in TESTS
    return {"tests/test_pkg.py": TESTS.replace(old, new)}


@pytest.mark.parametrize(
    ("changed", "rule", "at"),
    [
        (edited("def test_later", "def check_later"), "base-test-removed", "def test_later"),
        (edited("    def test_error", "    def error"), "base-test-removed", "def test_error"),
        (edited("class TestMore", "class More"), "base-test-removed", "def test_fixture"),
        (edited("    assert double(0) == 0\n", "    pass\n"), "base-test-emptied", "def test_later"),
        (edited("    assert double(0) == 0\n", "    return\n"), "base-test-emptied", "def test_later"),
        (edited("    assert result > 0\n", ""), "assertion-removed", "def test_double"),
        (edited("result == expected", "result"), "assertion-changed", "def test_double"),
        (edited("pytest.raises(TypeError)", "pytest.raises(Exception)"), "assertion-changed", "def test_error"),
        (edited("    result = double(n)\n", "    result = expected\n"), "base-test-edited", "def test_double"),
        (edited("async def", "@pytest.mark.skip\nasync def"), "base-test-skipped", "def test_later"),
        (edited("    result = double(n)\n", "    pytest.skip()\n"), "base-test-skipped", "def test_double"),
        (edited("    result = double(n)\n", "    raise unittest.SkipTest\n"), "base-test-skipped", "def test_double"),
        (edited("async def", "@pytest.mark.xfail\nasync def"), "base-test-xfailed", "def test_later"),
        (edited("    def test_error", "    @skipIf(1, '')\n    def test_error"), "base-test-skipped", "test_error"),
        (edited("class TestMore", "@pytest.mark.skipif(True)\nclass TestMore"), "base-test-skipped", "class TestMore"),
        (edited("CASES)\ndef", "CASES[:0])\ndef"), "base-test-edited", "def test_double"),
        (edited("CASES = [", "pytestmark = pytest.mark.skip\nCASES = ["), "base-test-skipped", "pytestmark"),
        (edited("class TestMore:\n", "class TestMore:\n    pytestmark = xfail\n"), "base-test-xfailed", "pytestmark"),
        (edited("class TestMore:\n", "class TestMore:\n    __test__ = False\n"), "base-test-removed", "__test__"),
        (edited("CASES = [", "pytest.skip(allow_module_level=True)\nCASES = ["), "base-test-skipped", "allow"),
        ({"tests/test_pkg.py": TESTS + "test_later = None\n"}, "base-test-removed", "test_later = None"),
        ({"tests/test_pkg.py": TESTS + "del TestMore.test_error\n"}, "base-test-removed", "del"),
        ({"tests/test_pkg.py": TESTS + "del TestMore\n"}, "base-test-removed", "del"),
        ({"tests/test_pkg.py": TESTS + "for test_double in [None]:\n    pass\n"}, "base-test-removed", "for"),
        ({"tests/test_pkg.py": TESTS + "from pkg import double as test_double\n"}, "base-test-removed", "as test_"),
        ({"tests/test_pkg.py": TESTS + "globals().clear()\n"}, "base-test-removed", "globals"),
        ({"tests/test_pkg.py": TESTS + "def test_double():\n    assert 1\n"}, "base-test-removed", "_double():"),
        ({"tests/test_pkg.py": TESTS + "if 1:\n    def test_later(): ...\n"}, "base-test-removed", "test_later(): ..."),
        ({"tests/test_pkg.py": TESTS + "with x as test_later:\n    pass\n"}, "base-test-removed", "with x"),
        ({"tests/test_pkg.py": TESTS + "class TestMore:\n    pass\n"}, "base-test-removed", "def test_error"),
    ],
)  # fmt: skip
def test_a_weakened_base_test_has_its_own_name_and_place(changed: Files, rule: str, at: str) -> None:
    result = judge(changed)
    sources = [text.split("\n") for text in (str(changed["tests/test_pkg.py"]), TESTS)]
    lines = [v.line for v in result.violations if v.rule == rule and v.severity == "block"]
    assert any(at in text[n - 1] for n in lines for text in sources if n <= len(text)), result.violations


HARMLESS: list[Files] = [
    {"pkg/__init__.py": "def double(n):\n    return 2 * n\n"},
    {"pkg/types.py": "X = 1\n", "pkg/json/__init__.py": "", "scripts/calendar.py": "print(1)\n"},
    {"tests/test_new.py": "import sys\nfrom pkg import double\n\ndef test_new():\n    assert double(4) == 8\n"},
    {"tests/test_pkg.py": TESTS + "\n\ndef test_more():\n    assert double(5) == 10\n"},
    {"tests/test_pkg.py": TESTS.replace('"""It doubles."""', '"""It really doubles."""').replace("\n\n", "\n\n# hm\n")},
    {"tests/test_pkg.py": TESTS.replace("class TestMore:\n", "class TestMore:\n    def test_no(self): ...\n\n")},
    {"tests/test_pkg.py": TESTS.replace("import pytest\n", "import json\nimport pytest\n")},
    {"tests/test_pkg.py": TESTS.replace("\n", "\r\n")},
    {"pyproject.toml": str(BASE["pyproject.toml"]).replace('["a"]', '["a", "b>=2"]') + "[tool.hatch]\nx = 1\n"},
    {"setup.cfg": "[mypy]\nstrict = True\n[metadata]\nname = other\n"},
    {"web/package.json": '{"scripts": {"start": "serve", "test": "jest"}, "dependencies": {"a": "1"}}'},
    {"pkg/__main__.py": "import sys\nfrom pkg import double\nsys.exit(double(0))\n"},
    {"tests/test_new.py": "def test_x():\n    assert True\n\nif __name__ == '__main__':\n    raise SystemExit(0)\n"},
    {"web/app.test.ts": str(BASE["web/app.test.ts"]) + "it('new', () => {})\n"},
    {"docs/notes.md": "# noqa\n", "README.md": "pytest.ini and conftest.py are ours\n"},
    {"tests/data/broken.json": "{", "pkg/data/x.py.txt": "def ("},
    {"pkg/kinds.py": "class A:\n    def __eq__(self, o):\n        return isinstance(o, A)\n"},
    {"pkg/kinds.py": "class B:\n    def __eq__(self, o):\n        return o is NONE\n"},
    {"pkg/kinds.py": "class C:\n    def __eq__(self, o):\n        return False\n"},
    {"pkg/self.py": "import sys\nME = sys.modules[__name__]\n\n\ndef main():\n    return len(sys.argv) < 2\n"},
    {"pkg/mocks.py": "import json\nANY = json.loads('1')\n\n\ndef get(x):\n    return getattr(x, 'PYTHON')\n"},
]  # fmt: skip


@pytest.mark.parametrize("changed", HARMLESS)
def test_honest_work_is_no_violation(changed: Files) -> None:
    assert judge(changed).violations == ()
    assert judge(changed).status == "pass"


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"tests/helpers.py": "def check(x):\n    pass\n"}, "test-helper-edited"),
        ({"tests/data/cases.json": "[]"}, "test-helper-edited"),
        ({"tests/data/cases.json": None}, "test-helper-edited"),
        (edited("return 3", "return 4"), "test-helper-edited"),
        (edited("(2, 4)", "(2, 5)"), "test-helper-edited"),
        ({"pkg/__init__.py": "import os  # noqa: F401\ndef double(n):\n    return n + n\n"}, "suppression-added"),
        ({"pkg/__init__.py": "def double(n):\n    return n + n  # type: ignore\n"}, "suppression-added"),
        ({"pkg/__init__.py": "def double(n):  # pragma: no cover\n    return n + n\n"}, "suppression-added"),
        ({"web/app.ts": "// @ts-ignore\nlet x: number = ''\n"}, "suppression-added"),
        ({"tests/test_new.py": "import pytest\n@pytest.mark.xfail\ndef test_x():\n    assert 0\n"}, "new-test-skipped"),
        ({"tests/test_new.py": "from _pytest.logging import LogCaptureFixture\n"}, "pytest-internals"),
        ({"pkg/worker.py": "import os\ndef child():\n    os._exit(0)\n"}, "exit-in-code"),
        ({"tests/data/sample.py": "def ("}, "unreadable"),
        ({"pkg/new.py": "x = type new syntax\n"}, "unreadable"),
        ({"pkg/new.py": "x = " + "(" * 5_000 + ")" * 5_000}, "unreadable"),
        ({"tests/test_pkg.py": TESTS + "type new syntax\n"}, "unreadable"),
    ],
)  # fmt: skip
def test_what_may_have_its_reason_only_warns(changed: Files, rule: str) -> None:
    result = judge(changed)
    assert blocking(result) == set()
    assert rule in rules_of(result)
    assert result.status == "pass"


def test_leave_to_edit_tests_frees_from_their_rules_and_from_no_other() -> None:
    changed: Files = {"tests/test_pkg.py": None, "tests/helpers.py": "", "conftest.py": "x = 1\n"}
    result = judge(changed, Rules(may_edit_tests=("tests/**", "conftest.py")))
    assert rules_of(result) == {"protected-changed": {"conftest.py"}}
    narrow = judge(changed, Rules(may_edit_tests=("tests/helpers.py",)))
    assert blocking(narrow) == {"protected-changed", "base-test-deleted"}


def test_scope_and_protected_paths_of_the_goal() -> None:
    changed: Files = {"pkg/__init__.py": "x = 1\n", "db/migrations/1.sql": "x", "evil/pkg/a.py": "x = 1\n"}
    result = judge(changed, Rules(scope=("pkg", "db/**"), protected=("*.sql",)))
    assert rules_of(result) == {"out-of-scope": {"evil/pkg/a.py"}, "protected-added": {"db/migrations/1.sql"}}


@pytest.mark.parametrize(
    ("path", "line", "rule", "severity"),
    [
        ("web/app.ts", "if (process.env.VITEST) return 2", "test-aware-source", "block"),
        ("web/app.js", "const t = require('node:test')", "test-aware-source", "block"),
        ("web/app.mjs", "fs.writeSync(3, 'x')", "report-written", "block"),
        ("web/app.js", "console.log('ok 1 - adds'); process.exit(0)", "report-written", "block"),
        ("web/app.js", "process.exit(0)", "exit-in-code", "warn"),
        ("svc/main.go", "\tif testing.Testing() {", "test-aware-source", "block"),
        ("svc/main.go", '\tfmt.Println("--- PASS: TestAdd (0.00s)")', "report-written", "block"),
        ("svc/main.go", "\tos.Exit(0)", "exit-in-code", "warn"),
        ("src/lib.rs", "if cfg!(test) { 2 } else { 1 }", "test-aware-source", "block"),
        ("src/lib.rs", 'println!("test result: ok. 1 passed");', "report-written", "block"),
        ("src/main/java/A.java", 'Class.forName("org.junit.jupiter.api.Test");', "test-aware-source", "block"),
        ("src/main/java/A.java", "Runtime.getRuntime().halt(0);", "exit-in-code", "warn"),
        ("lib/a.rb", "exit!(0)", "exit-in-code", "warn"),
        ("web/app.ts", "const ok = 1 // book 3, process.env.NODE_ENV === 'production'", "", ""),
        ("svc/main.go", "\t// testing.Testing() is not asked", "", ""),
        ("src/lib.rs", "#[cfg(test)]", "", ""),
        ("svc/main_test.go", "\tos.Exit(m.Run())", "", ""),
        ("README.txt", "process.exit(0)", "", ""),
    ],
)
def test_what_a_source_of_another_language_does_to_the_evidence(path: str, line: str, rule: str, severity: str) -> None:
    """Named at its line; where base does so too it is only a warning."""
    result = judge({path: f"\n{line}\n"}, base={**BASE, path: "\n"})
    said = {(v.rule, v.severity) for v in result.violations if v.line == 2}
    assert (rule, severity) in said if rule else said <= {("test-helper-edited", "warn")}
    again = judge({path: f"\n{line}\n\n{line} \n"}, base={**BASE, path: f"\n{line}\n"})
    assert "block" not in {v.severity for v in again.violations if v.line == 4}


def test_a_module_that_base_s_passing_tests_have_from_elsewhere_is_not_to_be_replaced() -> None:
    base: Files = {
        "test_sums.py": "import numpy as np\n\n\ndef test_sum():\n    np.testing.assert_equal(1, 1)\n",
        "test_later.py": "from planned import x\n",
        "conftest.py": "    import attr\n",
        "pkg.py": "",
    }
    new = ("numpy/__init__.py", "numpy/testing.py", "attr.py", "planned.py", "src/numpy.py", "pkg/numpy.py")
    ran = GateResult(gate="tests", kind="pytest", status="fail", summary="", passed=("test_sums.py::test_sum",))
    room = msgspec.structs.replace(paper_room(base, base | dict.fromkeys(new, "")), baseline={"tests": ran})
    named = rules_of(run(GATE, room))["module-shadowed"]
    assert named == {"numpy/__init__.py", "numpy/testing.py", "attr.py", "src/numpy.py"}


def test_links_and_modes_of_tests() -> None:
    linked = judge({"tests/test_pkg.py": "../pkg/t.py"}, modes={"tests/test_pkg.py": "120000"})
    assert rules_of(linked) == {"test-symlinked": {"tests/test_pkg.py"}}
    config = judge({"pyproject.toml": "evil.toml"}, modes={"pyproject.toml": "120000"})
    assert "protected-changed" in blocking(config)
    mode = judge({}, modes={"tests/test_pkg.py": "100755"})
    assert rules_of(mode) == {"test-mode-changed": {"tests/test_pkg.py"}}


def test_a_plugin_of_pytest_may_stay_one() -> None:
    base: Files = {"plug/plugin.py": "import _pytest\ndef pytest_configure(config): ...\n"}
    more = f"{base['plug/plugin.py']}def pytest_collection_finish(session): ...\n"
    result = judge({"plug/plugin.py": more}, base=base)
    assert [(v.rule, v.severity) for v in result.violations] == [("pytest-plugin", "warn")]


def test_names_that_base_calls_tests_are_tests() -> None:
    base: Files = {"tests/test_x.py": "def should_add():\n    assert 1 + 1 == 2\n"}
    room = paper_room(base, {"tests/test_x.py": "def should_add():\n    pass\n"})
    assert "test-helper-edited" in rules_of(run(GATE, room))
    known = GateResult(gate="t", kind="pytest", status="pass", summary="", passed=("tests/test_x.py::should_add",))
    room.baseline["t"] = known  # type: ignore[index]
    assert "base-test-emptied" in rules_of(run(GATE, room))


NESTED = [
    "x = " + "-" * 100_000 + "1\n",
    "x = " + "a." * 100_000 + "b\n",
    "x = " + "[" * 199 + "]" * 199 + "\n",
    "x = " + "+".join(["1"] * 50_000) + "\n",
    "x = " + "lambda:" * 20_000 + "1\n",
    "x = f'" + '{f"' * 100 + "\n",
    "".join("    " * n + "if x:\n" for n in range(99)) + "    " * 99 + "pass\n",
    "x = '" + "\\N{BEL}" * 10_000 + "'\n",
    "x = " + "9" * 900_000 + "\n",
    "def test_x():\n    assert " + "not " * 100_000 + "1\n",
    "if a:\n    pass\n" + "elif a:\n    pass\n" * 30_000,
]


@pytest.mark.parametrize("source", NESTED)
@pytest.mark.parametrize("path", ["tests/test_pkg.py", "pkg/__init__.py"])
def test_source_made_to_break_a_parser_does_not(source: str, path: str) -> None:
    result = judge({path: source})
    assert result.status in ("pass", "fail")


@given(st.one_of(st.binary(max_size=400), st.text(max_size=400).map(lambda t: t.encode(errors="replace"))))
@settings(max_examples=60)
def test_no_source_makes_it_raise_and_a_ruined_test_file_is_never_fine(data: bytes) -> None:
    result = judge({"tests/test_pkg.py": data, "pkg/__init__.py": data, "pyproject.toml": data, "setup.cfg": data})
    assert result.status == "fail"


@pytest.mark.parametrize(
    ("path", "glob", "anchored", "anywhere"),
    [
        ("a/b/c.py", "**", True, True),
        ("a/b/c.py", "a", True, True),
        ("a/b/c.py", "a/", True, True),
        ("a/b/c.py", "b", False, True),
        ("a/b/c.py", "*.py", False, True),
        ("a/b/c.py", "a/*.py", False, False),
        ("a/b/c.py", "a/**/*.py", True, True),
        ("a/c.py", "a/**/*.py", True, True),
        ("a/b/c.py", "/c.py", False, False),
        ("a/b/c.py", "**/c.py", True, True),
        ("a/b/c.py", "a/b/?.py", True, True),
        ("ab/c.py", "a", False, False),
        ("a.py\n", "a.py", False, False),
        ("a+b[1].py", "a+b[1].py", True, True),
    ],
)
def test_globs(path: str, glob: str, anchored: bool, anywhere: bool) -> None:
    assert matches(path, (glob,)) is anchored
    assert matches(path, (glob,), anywhere=True) is anywhere


PAIRED = (
    *("x = 1", "x = True", "x = 1.0", "x = '1'", "x = b'1'", 'x = "1"', "(x) = 1", "x == 1", "assert x is 1"),
    *("def f(a, b=1): pass", "def f(a, b=2): pass", "def f(a, *, b=1): pass", "async def f(a, b=1): pass"),
    *("f(a, b)", "f(a,\n  b)", "f(a)(b)", "f(a, b=b)", "x: int = 1", "x: int", "with a: b", "pass", "pass; pass"),
)


@pytest.mark.parametrize("one", PAIRED)
def test_two_nodes_are_alike_when_their_dumps_are_equal(one: str) -> None:
    for other in PAIRED:
        first, second = ast.parse(one), ast.parse(f"# elsewhere\n{other}")
        assert alike(first, second) == (dump(first) == dump(second)), (one, other)
