"""Monorepos: each project has its own gates, and they run for changes that can reach it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import gates
from gates import Gate, GateResult, Rules, is_green, new_failures
from gates.projects import STANDS, Project, apart, looks_at, problem
from gates.required import owners, scoped
from harness.config import ConfigError, settle
from harness.loop.wanted import wanted_gates
from tests.conftest import House, commit_all, git
from tests.gates_support import Files, Lab, opened

BASE: Files = {
    "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '--no-such-option'\n",
    "services/api/app.py": "from pathlib import Path\n\nLIMIT = 3\n\n\ndef half(n):\n    return n // 2\n",
    "services/api/pytest.ini": "[pytest]\nfilterwarnings = error\n",
    "services/api/tests/test_app.py": "from pathlib import Path\n\nfrom app import half\n\n\ndef test_half():\n"
    "    assert half(4) == 2\n\n\ndef test_where():\n    assert Path('app.py').exists()\n\n\n"
    "def test_old():\n    assert half(5) == 3\n",
    "libs/core/core.py": "X = 1\n",
    "web/index.html": "<p>\n",
}
API = Gate(name="services/api:tests", kind="pytest", project="services/api", apart=("web",))
PROOF = Gate(name="services/api:proof", kind="proof", project="services/api", apart=("web",))
LINT = Gate(name="services/api:lint", kind="ruff", project="services/api", apart=("web",))
TEST = "services/api/tests/test_app.py::"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Lab]:
    with opened(tmp_path_factory.mktemp("projects"), BASE, request) as made:
        made.judge_base(API, PROOF, LINT)
        yield made


def test_a_projects_tests_run_in_its_directory_and_are_told_by_the_repositorys_paths(lab: Lab) -> None:
    base = lab.baseline[API.name]
    assert (base.status, set(base.passed)) == ("fail", {f"{TEST}test_half", f"{TEST}test_where"})
    assert [(f.id, f.path) for f in base.failures] == [(f"{TEST}test_old", "services/api/tests/test_app.py")]
    assert [f.path for f in lab.baseline[LINT.name].failures] == ["services/api/app.py"]


def test_a_candidate_is_judged_there_too(lab: Lab) -> None:
    head: Files = {
        "services/api/app.py": str(BASE["services/api/app.py"]).replace("n // 2", "n // 3"),
        "services/api/tests/test_new.py": "from app import half\n\n\ndef test_third():\n    assert half(9) == 3\n",
        "services/api/tests/test_app.py": str(BASE["services/api/tests/test_app.py"]).replace("half(4)", "half(6)"),
    }
    room = lab.candidate(head)
    result = gates.run(API, room)
    assert [f.id for f in new_failures(result, lab.baseline[API.name])] == [f"{TEST}test_half"]
    assert "services/api/tests/test_new.py::test_third" in result.passed
    notes = gates.run(PROOF, room).notes
    assert "proves: services/api/tests/test_new.py::test_third" in notes
    wanted = Rules(must_pass=(f"{TEST}test_where", "elsewhere/test_x.py::test_y"))
    required = msgspec.structs.replace(room, rules=wanted)
    assert scoped(API, required).rules.must_pass == wanted.must_pass[:1]
    assert is_green(gates.run(LINT, required), lab.baseline[LINT.name])


def test_what_cannot_reach_a_project_leaves_its_results_standing(lab: Lab) -> None:
    rooms = len(lab.opened)
    for gate in (API, PROOF, LINT):
        result = gates.run(gate, lab.candidate({"web/index.html": "<b>\n"}))
        assert STANDS in result.notes
        assert is_green(result, lab.baseline[gate.name])
    assert len(lab.opened) == rooms


def test_projects_are_apart_from_what_they_do_not_need() -> None:
    listed = (Project(path="a", needs=("b",)), Project(path="b", needs=("c",)), Project(path="c"), Project(path="d"))
    assert [apart(project.path, listed) for project in listed] == [("d",), ("a", "d"), ("a", "b", "d"), ("a", "b", "c")]
    round_trip = (Project(path="a", needs=("b",)), Project(path="b", needs=("a",)))
    assert apart("a", round_trip) == ()
    gate = Gate(name="g", kind="command", apart=("d",), inputs=("**/*.go",))
    assert [looks_at(gate, path) for path in ("d/x.go", "a/x.go", "x.go", "a/x.py", "dd/x.go")] == [
        False,
        True,
        True,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("wanted", "those"),
    [
        ("tests/test_a.py::test_a", ("py",)),
        ("tests/test_new.py::test_a", ("py",)),
        ("api/tests/test_b.py", ("py", "api:py")),
        ("calc.test.ts > adds", ("node",)),
        ("calc.test.ts", ("node",)),
        ("example.com/m::TestAdd/small", ("go",)),
        ("example.com/m::TestNew", ("node", "go")),
        ("lint", ("node", "go")),
    ],
)
def test_a_required_test_belongs_to_the_gates_that_have_it(wanted: str, those: tuple[str, ...]) -> None:
    """Known ones by base's ids; others by their look. No optional gate, and none whose ids are no tests."""

    def base(gate: str, *passed: str, **fields: Any) -> GateResult:
        known: dict[str, Any] = {
            "kind": "command",
            "status": "pass",
            "summary": "",
            "passed": passed,
            "tests": True,
        } | fields
        return GateResult(gate=gate, **known)

    results = (
        base("py", "tests/test_a.py::test_a[1]", kind="pytest"),
        base("api:py", "api/tests/test_c.py::test_c", kind="pytest"),
        base("node", "calc.test.ts > adds", "calc.test.ts > divides"),
        base("go", "example.com/m::TestAdd/small"),
        base("slow", "tests/test_a.py::test_a[1]", kind="pytest", required=False),
        base("lint", "lint", tests=False),
    )
    assert owners(wanted, {result.gate: result for result in results}) == those


@pytest.mark.parametrize("path", ["", "/abs", "a/../b", "a//b", "a/"])
def test_a_path_that_is_no_directory_is_refused(path: str) -> None:
    assert problem([Project(path=path)])
    assert problem([Project(path="a"), Project(path="a")])
    assert problem([Project(path="a", needs=("b",))])
    assert not problem([Project(path="services/api")])


def wanted(tmp_path: Path, text: str, paths: tuple[str, ...]) -> list[Gate]:
    config, _ = settle(lambda name: text.encode() if name == "loopwright.toml" else None, tmp_path / "none")
    return list(wanted_gates(config, paths, lambda path: b""))


def test_configured_and_detected_gates_of_projects(tmp_path: Path) -> None:
    text = """
[[project]]
path = "api"
needs = ["core"]
[project.gates.tests]
command = "go test -json ./..."
format = "go-test"
inputs = ["**/*.go"]
[[project]]
path = "core"
[[project]]
path = "web"
"""
    found = wanted(tmp_path, text, ("api/main.go", "core/a.py", "core/tests/test_a.py", "web/go.mod"))
    assert [(gate.name, gate.project, gate.apart) for gate in found] == [
        ("integrity", "", ()),
        ("security", "", ()),
        ("api:tests", "api", ("web",)),
        ("core:lint", "core", ("api", "web")),
        ("core:tests", "core", ("api", "web")),
        ("core:proof", "core", ("api", "web")),
        ("web:tests", "web", ("api", "core")),
    ]
    assert found[2].inputs == ("api/**/*.go",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[gates.x]\ncommand = "x"\nformat = "junt"', "unknown format"),
        ('[gates.x]\nkind = "ruff"\nformat = "sarif"', "cannot have a format"),
        ('[gates.x]\ncommand = "x"\nreport = "*.xml"', "no format"),
        ('[gates.security]\ninputs = ["docs/**"]', "cannot have inputs"),
        ('[[project]]\npath = "nowhere"', "not there"),
        ('[[project]]\npath = "../a"', "no directory"),
        ('[[project]]\npath = "a"\nneed = ["b"]', "needs"),
        ('[[project]]\npath = "a"\n[project.gates.t]\ncomand = "x"', "command"),
        ('[[project]]\npath = "a"\n[project.gates.t]\ncommand = "x"\ntimeout = 0', "timeout"),
    ],
)
def test_a_wrong_configuration_says_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        wanted(tmp_path, text, ("a/x.py",))
    assert said in f"{caught.value} {caught.value.fix}"


def test_init_proposes_a_monorepos_projects(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    files = {"api/go.mod": "module api\n", "lib/pyproject.toml": "[tool.mypy]\n", "lib/tests/test_a.py": "", "doc": ""}
    for path, text in files.items():
        (repo / path).parent.mkdir(parents=True, exist_ok=True)
        (repo / path).write_text(text)
    git(tmp_path, "init", "-q", "-b", "main", str(repo))
    commit_all(repo)
    done = House(tmp_path, repo)("init")
    assert done.code == 0, done.err
    found = wanted(tmp_path, (repo / "loopwright.toml").read_text(), tuple(files))
    assert [gate.name for gate in found if gate.project] == [
        *("api:tests", "lib:lint", "lib:tests", "lib:proof", "lib:types"),
    ]
    assert [gate.format for gate in found if gate.name in ("api:tests", "lib:types")] == ["go-test", "mypy"]
