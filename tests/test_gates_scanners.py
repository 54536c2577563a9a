"""The gates `ruff`, `security` and `command` in real containers: base configures them, new findings count."""

from collections.abc import Iterator

import pytest

import gates
from gates import Gate, GateResult, is_green, new_failures
from gates.command import named_files
from gates.protection import is_protected
from tests.gates_support import Files, Lab, opened

LINT = Gate(name="lint", kind="ruff")
SECURITY = Gate(name="security", kind="security")
CHECK = Gate(name="check", kind="command", command="sh scripts/check.sh && grep -q @true Makefile")
BASE: Files = {
    "pkg/__init__.py": "import os\nimport sys  # noqa: F401\n\n\ndef run(code):\n    return eval(code)\n",
    "pkg/lines.py": "x = 1\n",
    "tests/test_pkg.py": "def test_x():\n    assert True\n",
    "pyproject.toml": '[tool.ruff]\nextend = "lint/shared.toml"\nextend-exclude = ["generated"]\n'
    '[tool.bandit]\nskips = ["B324"]\n',
    "lint/shared.toml": '[lint]\nselect = ["F", "E5"]\n',
    "generated/out.py": "import os\n",
    "scripts/check.sh": "test -f pkg/lines.py || { echo 'scripts/check.sh:1: no lines'; exit 3; }\n",
    "Makefile": "docs:\n\t@true\n",
}
UNUSED = "import json\n\nx = 1\n"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Lab]:
    with opened(tmp_path_factory.mktemp("scanners"), BASE, request) as made:
        made.judge_base(LINT, SECURITY, CHECK)
        yield made


def judge(lab: Lab, gate: Gate, changed: Files) -> GateResult:
    return gates.run(gate, lab.candidate(changed))


def news(lab: Lab, result: GateResult) -> list[str]:
    return [failure.id for failure in new_failures(result, lab.baseline[result.gate])]


def test_the_baseline_has_what_base_shows(lab: Lab) -> None:
    lint = lab.baseline["lint"]
    assert (lint.status, lint.summary) == ("fail", "1 finding")
    assert [(f.id, f.line) for f in lint.failures] == [("pkg/__init__.py: F401 `os` imported but unused", 1)]
    assert lab.baseline["security"].status == "skipped"
    assert lab.baseline["check"].status == "pass"


def test_lines_may_move_but_another_finding_of_the_kind_is_new(lab: Lab) -> None:
    moved = "# a line\n\n" + str(BASE["pkg/__init__.py"])
    assert news(lab, judge(lab, LINT, {"pkg/__init__.py": moved})) == []
    again = str(BASE["pkg/__init__.py"]) + "\n\ndef more():\n    import os\n"
    assert "pkg/__init__.py: F401 `os` imported but unused #2" in news(
        lab, judge(lab, LINT, {"pkg/__init__.py": again})
    )


@pytest.mark.parametrize(
    "cover",
    [
        {"pyproject.toml": '[tool.ruff]\nexclude = ["*"]\n'},
        {"ruff.toml": "exclude = ['*']\n"},
        {"pkg/.ruff.toml": "[lint]\nselect = []\n", ".gitignore": "*\n"},
        {"lint/shared.toml": "[lint]\nselect = []\n", "pkg/pyproject.toml": "[tool.ruff.lint]\nselect = []\n"},
        {"pkg/lines.py": UNUSED.replace("json", "json  # noqa")},
        {"pkg/lines.py": f"# ruff: noqa\n{UNUSED}"},
    ],
    ids=["pyproject", "stray", "nested and ignored", "extended", "noqa", "file noqa"],
)
def test_nothing_hides_a_new_finding_from_the_linter(lab: Lab, cover: Files) -> None:
    result = judge(lab, LINT, {"pkg/lines.py": UNUSED, **cover})
    assert not is_green(result, lab.baseline["lint"])
    (failure,) = new_failures(result, lab.baseline["lint"])
    assert failure.id.startswith("pkg/lines.py: F401 `json` imported but unused")
    assert failure.line in (1, 2)


def test_what_base_suppressed_stays_suppressed_and_broken_source_is_a_finding(lab: Lab) -> None:
    edited = str(BASE["pkg/__init__.py"]).replace("eval(code)", "eval(str(code))")
    assert news(lab, judge(lab, LINT, {"pkg/__init__.py": edited, "generated/out.py": "import json\n"})) == []
    broken = judge(lab, LINT, {"pkg/lines.py": "def (\n", "-x.py": "import json\n"})
    assert {failure.path for failure in new_failures(broken, lab.baseline["lint"])} == {"pkg/lines.py", "-x.py"}


def test_new_dangers_are_found_and_old_ones_are_not(lab: Lab) -> None:
    changed: Files = {
        "pkg/__init__.py": f"# moved\n{BASE['pkg/__init__.py']}",
        "pkg/shell.py": "import subprocess\n\n\ndef sh(line):\n    subprocess.run(line, shell=True)  # nosec\n",
        "pkg/hashed.py": "import hashlib\n\nx = hashlib.md5(b'')\n",
        "tests/test_new.py": "def test_x():\n    assert eval('1')\n",
        "requirements.txt": "left-pad\n",
    }
    result = judge(lab, SECURITY, changed)
    assert [(f.path, f.line, f.id.split(" ")[1]) for f in result.failures] == [("pkg/shell.py", 5, "B602")]
    assert result.notes == (
        "dependency added: left-pad in requirements.txt",
        "licence of left-pad: not known (not installed in the image)",
        "dependency audit not run: no advisory source for what no file pins to a version",
    )
    assert judge(lab, SECURITY, {"pkg/lines.py": "x = 2\n"}).status == "pass"
    unread = judge(lab, SECURITY, {"pkg/lines.py": "def (\n"})
    assert [f.id for f in unread.failures] == ["pkg/lines.py: unreadable bandit cannot read it"]


def test_a_command_runs_bases_scripts_on_the_candidates_tree(lab: Lab) -> None:
    red = judge(lab, CHECK, {"pkg/lines.py": None, "scripts/check.sh": "exit 0\n", "Makefile": "docs:\n"})
    assert red.status == "fail"
    assert red.failures[0].id == "required: check"  # red at base is no excuse
    assert "no lines" in red.failures[0].detail
    assert len(red.notes) == 2
    assert judge(lab, CHECK, {"pkg/lines.py": "x = 2\n"}).status == "pass"


@pytest.mark.parametrize(
    ("line", "timeout", "status", "said"),
    [
        ("no-such-program --check", 9, "error", "127"),
        ("./README", 9, "error", "126"),
        ("sleep 60", 1, "timeout", "1 s"),
        ("kill -9 $$", 9, "fail", "137"),
        ("", 9, "error", "needs a command"),
    ],
)
def test_a_command_that_cannot_run_is_an_error(lab: Lab, line: str, timeout: int, status: str, said: str) -> None:
    gate = Gate(name="c", kind="command", command=line, timeout=timeout)
    result = judge(lab, gate, {"README": "x"})
    assert (result.status, said in result.summary) == (status, True), result


def test_missing_tools_are_errors_with_a_fix(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gates.tools.TOOLS", "/nowhere")
    with opened(tmp_path_factory.mktemp("missing"), {"a.py": "x = 1\n", "ruff": "#!/bin/sh\n"}, request) as lab:
        found = lab.judge_base(LINT, SECURITY)
        assert {result.status for result in found.values()} == {"error"}
        assert all("pip install" in result.summary for result in found.values())
    with opened(tmp_path_factory.mktemp("broken"), {"a.py": "x = 1\n", "ruff.toml": "no-such = 1\n"}, request) as lab:
        monkeypatch.undo()
        assert lab.judge_base(LINT)["lint"].status == "error"
    with opened(tmp_path_factory.mktemp("none"), {"a.txt": "x"}, request) as lab:
        assert lab.judge_base(LINT)["lint"].status == "skipped"
        assert lab.opened == []


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("make test", {"Makefile"}),
        ("cd web && npm test; ./scripts/check.sh | tee log", {"scripts/check.sh"}),
        ("python -m scripts.check", {"scripts/check.py"}),
        ("python scripts/check.py 'unbalanced", {"scripts/check.py"}),
        ("/usr/bin/make -C . lint", {"Makefile"}),
        ("pytest -q", set()),
        ("mypy scripts/check.py --config-file ./pytest.ini", {"pytest.ini"}),
        ("A=1 scripts/check.py", {"scripts/check.py"}),
    ],
)
def test_the_files_a_line_names(line: str, named: set[str]) -> None:
    assert named_files(line, ("Makefile", "scripts/check.sh", "scripts/check.py", "pytest.ini")) == named


@pytest.mark.parametrize(
    "path",
    [".semgrepignore", "a/.trivyignore", ".cargo/config.toml", "api/.mvn/maven.config", ".npmrc", ".gitleaks.toml"],
)
def test_what_hides_findings_from_a_scanner_or_swaps_a_runner_is_protected(path: str) -> None:
    assert is_protected(path)
    assert not is_protected(f"src/{path.strip('.').replace('/', '_')}_notes.md")
