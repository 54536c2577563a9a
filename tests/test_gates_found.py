"""What candidates can do beside the obvious files: tests without telling names, scripts behind scripts, code that is
not written as code; and ordinary work that looks like it."""

import io
import zipfile

import msgspec
import pytest

from gates import Gate, GateResult, Rules
from gates.called import called
from gates.command import named_files
from gates.contents import added_lines
from gates.definitions import redefined
from gates.kinds import run
from gates.trees import layout
from tests.gates_support import Files, paper_room

GATE = Gate(name="integrity", kind="integrity")
JEST = "describe('last', () => {\n  it('works', () => {\n    expect(last([1, 2])).toBe(2)\n  })\n})\n"
RUST = "#[test]\nfn last_works() {\n    assert_eq!(last(&[1, 2]), 2);\n}\n"


def judge(base: Files, head: Files, rules: Rules | None = None, passed: tuple[str, ...] = ()) -> dict[str, str]:
    """Violated rules and how grave the gravest of each is."""
    both = {path: text for path, text in {**base, **head}.items() if text is not None}
    room = paper_room(base, both, rules or Rules())
    tests = GateResult(gate="tests", kind="pytest", status="pass", summary="", passed=passed)
    room = msgspec.structs.replace(room, baseline={**room.baseline, "tests": tests})
    found: dict[str, str] = {}
    for violation in run(GATE, room).violations:
        found[violation.rule] = "block" if "block" in (found.get(violation.rule), violation.severity) else "warn"
    return found


@pytest.mark.parametrize(
    ("path", "text", "manifest"),
    [
        ("__tests__/last.js", JEST, "package.json"),
        ("web/src/__tests__/last.tsx", JEST, "web/package.json"),
        ("test/last.mjs", JEST, "package.json"),
        ("web/test/last.js", JEST, "web/package.json"),
        ("tests/last.rs", RUST, "Cargo.toml"),
        ("crates/core/tests/last.rs", RUST, "crates/core/Cargo.toml"),
        ("src/test/kotlin/Last.kt", "class Last {\n  @Test fun works() { assertEquals(2, last()) }\n}\n", "pom.xml"),
        ("test/last.t", "is(last(1, 2), 2);\n", "cpanfile"),
    ],
)
def test_tests_of_other_languages_need_no_telling_name(path: str, text: str, manifest: str) -> None:
    base: Files = {path: text, manifest: "{}", "lib/last.js": "1\n"}
    weaker = text.replace("2)", "1)").replace("], 2", "], 1").replace("(2,", "(1,")
    assert weaker != text
    assert judge(base, {path: weaker})["base-test-edited"] == "block"
    assert judge(base, {path: None})["base-test-deleted"] == "block"
    assert judge(base, {path: weaker}, Rules(may_edit_tests=(path,))) == {}
    room = paper_room(base, {**base, path: weaker})
    assert layout(room).is_test(path)


def test_helpers_beside_them_are_warned_of_and_sources_are_free() -> None:
    base: Files = {
        "test/last.js": JEST,
        "test/support/make.js": "module.exports = () => [1, 2]\n",
        "src/commands/test/index.js": "export const run = () => describe()\n",
        "spec/openapi.json": "{}",
        "spec/build.ts": "export const x = 1\n",
        "package.json": "{}",
    }
    assert judge(base, {"test/support/make.js": "module.exports = () => [2, 1]\n"}) == {"test-helper-edited": "warn"}
    assert judge(base, {"src/commands/test/index.js": "export const run = () => 1\n"}) == {}
    assert judge(base, {"spec/openapi.json": "[]", "spec/build.ts": "export const x = 2\n"}) == {}


SOURCE = '''def last(items):
    """The last one.

    >>> last([1, 2])
    2
    """
    return items[-1]


def test_last():
    assert last([1]) == 1


def test_connection():
    return 1
'''
RAN = ("pkg/core.py::pkg.core.last", "pkg/core.py::test_last", "README.md::README.md")
README = "How to:\n\n>>> 1 + 1\n2\n"


@pytest.mark.parametrize(
    ("head", "found"),
    [
        ({"pkg/core.py": SOURCE.replace("    2\n", "    1\n")}, {"assertion-changed": "block"}),
        ({"pkg/core.py": SOURCE.replace("== 1", "!= 1")}, {"assertion-changed": "block"}),
        ({"pkg/core.py": SOURCE.replace("    assert last([1]) == 1", "    pass")}, {"base-test-emptied": "block"}),
        ({"pkg/core.py": None}, {"base-test-deleted": "block"}),
        ({"README.md": README.replace("2\n", "3\n")}, {"assertion-changed": "block"}),
        ({"README.md": README.replace("How to", "How it is done")}, {}),
        ({"pkg/core.py": SOURCE.replace("return 1\n", "return 2\n").replace("items[-1]", "items[len(items) - 1]")}, {}),
        ({"pkg/core.py": SOURCE.replace("The last one.", "The last.") + "\n\nclass More:\n    pass\n"}, {}),
    ],
)
def test_tests_that_stand_in_source_and_in_documents_are_base_s_too(head: Files, found: dict[str, str]) -> None:
    base: Files = {"pkg/core.py": SOURCE, "README.md": README}
    assert judge(base, head, passed=RAN) == found
    if found:
        assert judge(base, head, Rules(may_edit_tests=tuple(head)), passed=RAN) == {}
        assert judge(base, head) == {}, "where base did not run them, they are no tests"


def archive(name: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        made.writestr(name, "x = 1\n")
    return data.getvalue()


@pytest.mark.parametrize(
    ("path", "data", "found"),
    [
        ("pkg/data.zip", archive("core.py"), {"hidden-code": "block"}),
        ("pkg/data.zip", archive("words.txt"), {}),
        ("pkg/data.zip", b"PK\x05\x06 and nonsense", {"hidden-code": "block"}),
        ("pkg/fast.cpython-311-x86_64-linux-gnu.so", b"\x7fELF", {"hidden-code": "block"}),
        ("lib/runner.jar", b"PK", {"hidden-code": "block"}),
        ("docs/logo.png", b"\x89PNG", {}),
    ],
)
def test_code_that_nobody_can_read_is_named(path: str, data: bytes, found: dict[str, str]) -> None:
    assert judge({"a.py": "x = 1\n"}, {path: data}) == found
    assert judge({"a.py": "x = 1\n"}, {path: data}, Rules(scope=("**", path))) == {}


@pytest.mark.parametrize(
    "text",
    [
        "from sys import meta_path\nmeta_path.insert(0, object())\n",
        "import sys as system\nsystem.meta_path.insert(0, object())\n",
        "import sys\ngetattr(sys, 'meta_path').insert(0, object())\n",
        "import sys\nsys.modules['tests.test_pkg'] = object()\n",
        "import gc as g\nprint(g.get_objects())\n",
        "import unittest as u\nu.TestCase.failureException = ValueError\n",
        "class A:\n    pass\n\n\nA.__eq__ = lambda self, other: True\n",
        "from importlib.machinery import SourceFileLoader\nSourceFileLoader('x', 'x.txt').load_module()\n",
    ],
)
def test_other_ways_to_write_the_same_are_seen(text: str) -> None:
    assert "block" in judge({"pkg/a.py": "x = 1\n"}, {"pkg/a.py": text}).values()


def test_what_base_does_lightly_is_no_leave_for_worse() -> None:
    base = "import inspect\n\nprint(inspect.currentframe())\n"
    worse = base + "\n\ndef last(f):\n    return f.__code__.co_consts[-1]\n"
    assert judge({"pkg/a.py": base}, {"pkg/a.py": worse}) == {"interpreter-reached": "block"}
    usual = base + "print(inspect.currentframe().f_locals)\n"
    assert judge({"pkg/a.py": usual}, {"pkg/a.py": usual + worse}) == {"interpreter-reached": "warn"}


@pytest.mark.parametrize(
    "text",
    [
        "import json\n\n\ndef fill(self, rows):\n    for n, raw in rows:\n        setattr(self, n, json.loads(raw))\n",
        "def fill(self, name, raw):\n    setattr(self, name, raw.decode())\n",
        "import json\n\n\ndef call(self, line):\n    return getattr(self, 'do_' + json.loads(line)['command'])()\n",
        "def call(self, line):\n    return getattr(self, line.decode().strip())()\n",
        "import sys\n\nsys.modules[__name__] = object()\n",
        "class Point:\n    def same(self, other):\n        return self.x == other.x\n\n    __eq__ = same\n",
        "import zipfile\n\n\ndef names(path):\n    return zipfile.ZipFile(path).namelist()\n",
    ],
)
def test_ordinary_code_is_no_sign(text: str) -> None:
    assert judge({"pkg/a.py": "x = 1\n"}, {"pkg/a.py": text}) == {}


def test_a_moved_file_brings_nothing_that_was_not_there() -> None:
    text = "import sys  # noqa: F401\n\nTOKEN = 'a'\nsys.meta_path.append(object())\n"
    base: Files = {"pkg/a.py": text, "pkg/c.py": "x = 1\n"}
    assert judge(base, {"pkg/a.py": None, "pkg/b.py": text + "more = 1\n"}) == {}
    assert judge(base, {"pkg/b.py": text}) == {"interpreter-reached": "block", "suppression-added": "warn"}
    assert judge(base, {"pkg/c.py": None, "pkg/b.py": text})["interpreter-reached"] == "block"
    head: Files = {"pkg/b.py": text + "more = 1\n", "pkg/c.py": "x = 1\n"}
    room = paper_room(base, head)
    (change,) = [each for each in room.diff.changes if each.status == "added"]
    assert added_lines(change, room) == [(5, "more = 1")]


def test_a_line_with_another_end_is_not_added() -> None:
    room = paper_room({"a.py": "x = 1\r\ny = 2\r\n"}, {"a.py": "x = 1\ny = 2\nz = 3\n"})
    assert added_lines(room.diff.changes[0], room) == [(3, "z = 3")]


MAKE = """\
RUN = sh scripts/unit.sh
include mk/more.mk

all: build
build:
\t@sh deploy/build.sh
test: lint unit
unit:
\t$(RUN) --fast
lint:
\t./scripts/lint
deploy:
\tsh deploy/up.sh
"""
SCRIPTED: dict[str, str] = {
    "Makefile": MAKE,
    "mk/more.mk": "x = 1\n",
    "scripts/unit.sh": "#!/bin/sh\nset -e\n. scripts/common.sh\npython tools/check.py src\n",
    "scripts/common.sh": "echo # sh scripts/unused.sh\n",
    "scripts/unused.sh": "",
    "scripts/lint": "#!/bin/sh\nruff check src/app.py\n",
    "tools/check.py": "",
    "src/app.py": "",
    "deploy/up.sh": "",
    "deploy/build.sh": "",
    "package.json": '{"scripts": {"test": "node scripts/run.js && node src/main.js", "start": "node bin/start.js"}}',
    "scripts/run.js": "",
    "src/main.js": "",
    "bin/start.js": "",
}


@pytest.mark.parametrize(
    ("line", "more"),
    [
        ("make test", {"mk/more.mk", "scripts/unit.sh", "scripts/common.sh", "scripts/lint", "tools/check.py"}),
        ("make", {"mk/more.mk", "deploy/build.sh"}),
        ("sh scripts/unit.sh", {"scripts/common.sh", "tools/check.py"}),
        ("npm test", {"scripts/run.js"}),
        ("true", set()),
    ],
)
def test_what_a_gate_runs_by_way_of_others_is_known(line: str, more: set[str]) -> None:
    named = named_files(line, tuple(SCRIPTED))
    read = {path: text.encode() for path, text in SCRIPTED.items()}
    assert called(line, named, frozenset(SCRIPTED), read.get) == more


def test_a_script_behind_a_gate_s_line_is_a_part_of_the_gate() -> None:
    gate = Gate(name="all", kind="command", command="make test")
    room = paper_room(SCRIPTED, {**SCRIPTED, "scripts/unit.sh": "exit 0\n", "deploy/up.sh": "exit 1\n"})
    found = [(v.rule, v.path, v.severity) for v in redefined(gate, room)]
    assert found == [("gate-command-changed", "scripts/unit.sh", "block")]


@pytest.mark.parametrize(
    ("base", "path", "found"),
    [
        ({"web/pyproject.toml": "", "web/app/__init__.py": ""}, "web/json.py", {"module-shadowed": "block"}),
        ({"web/app.py": ""}, "web/json.py", {}),
        ({"web/app.py": ""}, "web/unittest.py", {"module-shadowed": "block"}),
        ({"web/__init__.py": "", "web/app.py": ""}, "web/unittest.py", {}),
        ({"package.json": "{}"}, "node_modules/jest/index.js", {"module-shadowed": "block"}),
        ({"node_modules/left/index.js": "", "package.json": "{}"}, "node_modules/left/more.js", {}),
    ],
)
def test_modules_are_shadowed_further_in_as_well(base: Files, path: str, found: dict[str, str]) -> None:
    assert judge(base, {path: "x = 1\n"}) == found
