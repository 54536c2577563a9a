"""What the maker is told, how candidates are compared, which gates fit a tree, and the one way to run a gate."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gates
from gates import (
    Change,
    Diff,
    Failure,
    Gate,
    GateResult,
    GateUnknown,
    Rules,
    Violation,
    cache_key,
    detect,
    explain,
    feedback,
    fingerprint,
    order,
    score,
)
from gates.languages import NPM_PATH, projects
from sandboxes.base import SandboxGone
from tests.gates_support import paper_room


def result(name: str, kind: str = "pytest", status: str = "fail", **fields: object) -> GateResult:
    given = {"gate": name, "kind": kind, "status": status, "summary": f"{name} {status}", **fields}
    return msgspec.convert(given, GateResult)


def failure(node: str, line: int = 3, detail: str = "") -> Failure:
    return Failure(id=node, message=f"{node} is wrong", path=node.partition("::")[0], line=line, detail=detail)


def violation(rule: str = "base-test-deleted", path: str = "tests/a.py", severity: str = "block") -> Violation:
    given = {"rule": rule, "path": path, "message": "gone", "fix": "put it back", "severity": severity, "line": 4}
    return msgspec.convert(given, Violation)


OLD = {"tests": result("tests", failures=(failure("t.py::old"),)), "lint": result("lint", "ruff", "pass")}
NEW = (
    result("tests", failures=(failure("t.py::old"), failure("t.py::new", detail="t.py:3: in new\nE  assert 0"))),
    result("lint", "ruff", failures=(failure("a.py: F401 x"),)),
    result("build", "command", "error", output="make: not found"),
    result("integrity", "integrity", violations=(violation(), violation("suppression-added", severity="warn"))),
)


def test_feedback_is_ranked_and_names_places() -> None:
    text = feedback(NEW, OLD)
    marks = (
        "VIOLATION base-test-deleted at tests/a.py:4: gone",
        "suppression-added",
        "GATE build has no result (error)",
        "FAILURE in tests: t.py::new (t.py:3)",
        "FAILURE in lint: a.py: F401 x",
        "Failures that were there before you, not yours (1):",
    )
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)
    assert "fix: put it back" in text
    assert "make: not found" in text
    assert "E  assert 0" in text
    assert text.count("t.py::old") == 1
    assert text.index("t.py::old") > places[-1]


def test_many_long_failures_are_counted_and_cut() -> None:
    many = tuple(failure(f"t.py::n{n}", detail="\n".join(f"line {n}" for n in range(500))) for n in range(25))
    text = feedback([result("tests", failures=many)], {})
    assert len(text) <= 12_000
    assert text.count("FAILURE in tests") <= 10
    assert "more" in text
    short = feedback([result("tests", failures=tuple(failure(f"t.py::n{n}") for n in range(25)))], {})
    assert "15 more new failures in 1 files" in short
    assert all(len(part.splitlines()) <= 43 for part in text.split("\n\n"))


def test_required_tests_and_broken_files_come_first() -> None:
    found = (failure("t.py::b"), failure("broken.py"), failure("required: t.py::a"))
    text = feedback([result("tests", failures=found)], {})
    assert text.index("required: t.py::a") < text.index("broken.py") < text.index("t.py::b")


words = st.text(max_size=300)
failures = st.builds(Failure, id=words, message=words, path=words, line=st.integers(0, 9), detail=words)
violations = st.builds(
    Violation, rule=words, path=words, message=words, fix=words, severity=st.sampled_from(["block", "warn"])
)
results = st.builds(
    GateResult,
    gate=st.sampled_from("abc"),
    kind=st.sampled_from(["pytest", "ruff"]),
    status=st.sampled_from(["pass", "fail", "error", "timeout", "skipped"]),
    summary=words,
    failures=st.lists(failures, max_size=15).map(tuple),
    violations=st.lists(violations, max_size=15).map(tuple),
    output=words,
)


@given(st.lists(results, max_size=4), st.dictionaries(st.sampled_from("abc"), results), st.integers(200, 5_000))
def test_feedback_keeps_its_cap_and_everything_is_stable(
    new: list[GateResult], old: dict[str, GateResult], cap: int
) -> None:
    assert len(feedback(new, old, cap=cap)) <= cap
    assert feedback(new, old) == feedback(new, old)
    assert fingerprint(new, old) == fingerprint(list(reversed(new)), old)
    assert score(new, old, (), 3) > score(new, old, (), 4)


def test_a_fingerprint_knows_failures_and_not_lines() -> None:
    one = fingerprint(NEW, OLD)
    moved = [msgspec.structs.replace(r, failures=tuple(failure(f.id, line=99) for f in r.failures)) for r in NEW]
    assert fingerprint(moved, OLD) == one
    assert fingerprint(NEW, {}) != one
    assert fingerprint(NEW[:3], OLD) != one


def test_the_score_is_lexicographic() -> None:
    fine = result("tests", status="pass", passed=("t.py::a", "t.py::b[1]"))
    wanted = ("t.py::a", "t.py::b", "t.py::c")
    ranking = [
        score([fine], OLD, wanted, 10),
        score([fine], OLD, wanted, 500),
        score([fine, result("lint", "ruff", failures=(failure("x"),))], OLD, wanted, 1),
        score([msgspec.structs.replace(fine, failures=(failure("t.py::n"),))], OLD, wanted, 1),
        score([msgspec.structs.replace(fine, passed=("t.py::a",))], OLD, wanted, 1),
        score([fine, result("build", "command", "error")], OLD, wanted, 1),
        score([fine, result("i", "integrity", violations=(violation(),))], OLD, wanted, 1),
    ]
    assert ranking == sorted(ranking, reverse=True)
    assert len(set(ranking)) == len(ranking)
    warned = result("i", "integrity", "pass", violations=(violation(severity="warn"),))
    assert score([fine, warned], OLD, wanted, 10) == ranking[0]


def test_a_command_that_reports_tests_weighs_as_tests() -> None:
    go = result("go", "command", failures=(failure("p::T"),), passed=("p::U",))
    lint = result("l", "ruff", failures=(failure("a.py: E1"), failure("a.py: E2")))
    assert score([go], {}, (), 1) < score([lint], {}, (), 1)


@pytest.mark.parametrize(
    ("files", "kinds"),
    [
        ({"a.py": "", "tests/test_a.py": ""}, ["integrity", "ruff", "security", "pytest", "proof"]),
        ({"a.py": "", "tests/__init__.py": ""}, ["integrity", "ruff", "security"]),
        ({"README": ""}, ["integrity", "security"]),
        ({"package.json": '{"scripts": {"test": "jest"}}'}, ["integrity", "security", "command"]),
        ({"go.mod": ""}, ["integrity", "security", "command"]),
        ({"Makefile": "all:\n\ntest: all\n\tx\n"}, ["integrity", "security", "command"]),
        ({"Makefile": "all:\n"}, ["integrity", "security"]),
    ],
)
def test_gates_are_chosen_from_names_and_contents(files: dict[str, str], kinds: list[str]) -> None:
    chosen = detect(tuple(files), lambda path: files[path].encode() if path in files else None)
    assert [gate.kind for gate in chosen] == kinds
    assert all(reason for _, reason in explain(tuple(files), lambda path: files[path].encode()))
    assert order(tuple(reversed(chosen))) == order(chosen)
    assert order(chosen)[0].kind == "integrity"


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        ({"package.json": '{"scripts": {"test": "vitest run"}}'}, {"tests": "junit"}),
        ({"package.json": '{"scripts": {"test": "node --test"}}', "tsconfig.json": ""}, {"tests": "tap", "tsc": "tsc"}),
        ({"package.json": "[]", "eslint.config.mjs": ""}, {"eslint": "eslint"}),
        ({"package.json": '{"scripts": {"test": "echo no test specified && exit 1"}}'}, {}),
        ({"go.mod": ""}, {"tests": "go-test"}),
        ({"Cargo.toml": ""}, {"tests": "cargo-test"}),
        ({"pom.xml": "", "mvnw": ""}, {"tests": "junit"}),
        ({"build.gradle.kts": ""}, {"tests": "junit"}),
        ({"pyproject.toml": "[tool.mypy]\n", ".semgrep.yml": ""}, {"types": "mypy", "semgrep": "sarif"}),
        ({"pyrightconfig.json": "{}"}, {"types": "pyright"}),
    ],
)
def test_every_language_is_proposed_with_a_report(files: dict[str, str], chosen: dict[str, str]) -> None:
    found = explain(tuple(files), lambda path: files[path].encode() if path in files else None)
    assert {gate.name: gate.format for gate, _ in found if gate.kind == "command"} == chosen
    without = detect(tuple(files), lambda path: files[path].encode() if path in files else None)
    assert [gate.name for gate in without if gate.kind == "command"] == [name for name in chosen if name == "tests"]


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("vitest", 'vitest run --reporter=junit --outputFile="$LOOPWRIGHT_REPORT"'),
        ("tsc && vitest run src", 'tsc && vitest run --reporter=junit --outputFile="$LOOPWRIGHT_REPORT" src'),
        ("NODE_ENV=test mocha -r ts-node/register", "NODE_ENV=test mocha --reporter tap -r ts-node/register"),
        ("node --test test/", "node --test --test-reporter=tap test/"),
        ("node --test-only && ./mocha.js", None),
        ("jest --ci", None),
    ],
)
def test_a_test_script_keeps_its_options(script: str, line: str | None) -> None:
    package = json.dumps({"scripts": {"test": script}}).encode()
    gate = next(gate for gate, _ in explain(("package.json",), lambda path: package) if gate.name == "tests")
    assert gate.command == (f"{NPM_PATH}{line}" if line else "npm test")
    assert bool(gate.format) == bool(line)


def test_a_monorepo_is_told_by_its_manifests() -> None:
    paths = ("README", "api/go.mod", "web/package.json", "web/a/package.json", "web/node_modules/x/package.json")
    assert projects(paths) == ("api", "web")
    assert projects((*paths, "package.json")) == ()


def test_an_unknown_kind_is_named_with_the_known_ones() -> None:
    with pytest.raises(GateUnknown) as caught:
        gates.run(Gate(name="x", kind="nope"), paper_room({}, {}))
    assert caught.value.kind == "nope"
    assert {"pytest", "integrity", "command"} <= set(caught.value.known)


def test_a_dead_sandbox_is_an_error_of_the_gate_and_a_defect_is_not_hidden() -> None:
    def gone(tree: str) -> None:
        raise SandboxGone("sandbox 1 is gone", "the engine was stopped", "start it")

    room = msgspec.structs.replace(paper_room({"a.py": "x"}, {"a.py": "y"}), open=gone, compose=lambda t, _: t)
    found = gates.run(Gate(name="lint", kind="ruff", required=False), room)
    assert (found.status, found.required) == ("error", False)
    assert "the engine was stopped" in found.summary
    assert found.output == "start it"
    broken = msgspec.structs.replace(room, paths=lambda tree: 1 / 0)  # type: ignore[arg-type, return-value]
    with pytest.raises(ZeroDivisionError):
        gates.run(Gate(name="lint", kind="ruff"), broken)


def test_a_kind_of_another_package_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acme_gate.py").write_text(
        "from gates import GateResult\n"
        "def look(gate, room):\n    return GateResult(gate=gate.name, kind=gate.kind, status='pass', summary='acme')\n"
    )
    info = tmp_path / "acme-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[loopwright.gates]\nacme = acme_gate:look\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = gates.run(Gate(name="look", kind="acme"), paper_room({}, {}))
    assert (found.status, found.summary) == ("pass", "acme")


def test_the_cache_key_knows_everything_that_decides() -> None:
    room, gate = paper_room({"a": "1"}, {"a": "2"}), Gate(name="tests", kind="pytest")
    replace = msgspec.structs.replace
    keys = {
        cache_key(gate, room, "image"),
        cache_key(gate, room, "other"),
        cache_key(replace(gate, timeout=1), room, "image"),
        cache_key(gate, replace(room, head="third"), "image"),
        cache_key(gate, replace(room, base="third"), "image"),
        cache_key(gate, replace(room, rules=Rules(must_pass=("x",))), "image"),
        cache_key(gate, replace(room, baseline={}), "image"),
        cache_key(gate, replace(room, baseline={"tests": result("tests", passed=("a\udcff",))}), "image"),
    }
    assert len(keys) == 8
    slower = {name: replace(r, micros=99, output="z") for name, r in room.baseline.items()}
    assert cache_key(gate, replace(room, baseline=slower), "image") == cache_key(gate, room, "image")


def test_a_file_the_store_does_not_give_out_stops_nothing() -> None:
    def refuse(tree: str, path: str) -> bytes | None:
        raise OSError("a file is too large to be read")

    changes = tuple(
        Change(path=path, status="modified", new_mode="100644")
        for path in ("a.py", "tests/test_a.py", "pyproject.toml")
    )
    room = msgspec.structs.replace(paper_room({}, {}), file=refuse, diff=Diff(changes=changes))
    found = gates.run(Gate(name="integrity", kind="integrity"), room)
    assert {v.path for v in found.violations if v.severity == "block"} == {c.path for c in changes}
