"""Reports of other tools: real ones are read right, hostile ones never raise, cut ones are never green."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gates.parsers import FORMATS, Report, parse

DATA = Path(__file__).parent / "data" / "reports"
"""Written by the tools themselves: go 1.27, cargo 1.95, node 20, TypeScript 5, ESLint 9, mypy, pyright, shellcheck."""

REAL = {
    "go.json": "go-test",
    "cargo.txt": "cargo-test",
    "node.tap": "tap",
    "node.junit.xml": "junit",
    "tsc.txt": "tsc",
    "tsc-pretty.txt": "tsc",
    "eslint.json": "eslint",
    "mypy.txt": "mypy",
    "mypy.jsonl": "mypy",
    "pyright.json": "pyright",
    "checkstyle.xml": "checkstyle",
    "scan.sarif": "sarif",
    "pip-audit.json": "pip-audit",
}
OPEN_ENDED = {"tsc.txt", "tsc-pretty.txt", "mypy.jsonl", "go.json", "cargo.txt"}
"""Formats that a cut at the end of a line or section cannot be seen in: the exit status says it."""


def read(name: str) -> Report:
    return parse(REAL[name], (DATA / name).read_bytes())


def ids(report: Report) -> list[str]:
    return [failure.id for failure in report.failures]


def test_every_format_has_a_real_report() -> None:
    assert set(REAL.values()) == set(FORMATS)
    assert all(not read(name).problem and read(name).failures for name in REAL)


def test_tests_are_told_apart() -> None:
    go = read("go.json")
    assert set(ids(go)) == {
        "example.com/shop/broken",
        "example.com/shop::TestBreaks",
        "example.com/shop::TestBreaks/sub_case",
    }
    assert go.passed == ("example.com/shop::TestAdds",)
    assert go.skipped == ("example.com/shop::TestLater",)
    assert [(f.path, f.line) for f in go.failures if f.id.endswith("sub_case")] == [("add_test.go", 9)]
    assert "cannot use" in next(f.message for f in go.failures if f.id.endswith("broken"))
    cargo = read("cargo.txt")
    assert (ids(cargo), cargo.skipped) == (["src/lib.rs::tests::breaks"], ("src/lib.rs::tests::later",))
    # the line of a doc test is no part of its name
    assert cargo.passed == ("src/lib.rs::tests::adds", "shop::src/lib.rs - add")
    assert (cargo.failures[0].path, cargo.failures[0].line) == ("src/lib.rs", 10)
    tap = read("node.tap")
    assert ids(tap) == ["breaks", "outer > inner two", "outer"]
    assert (tap.passed, tap.skipped) == (("adds", "outer > inner one"), ("later",))
    assert (tap.failures[1].path, tap.failures[1].line, tap.failures[1].message) == ("a.test.js", 5, "no")
    junit = read("node.junit.xml")
    assert (ids(junit), len(junit.passed)) == (["test::breaks", "test::inner two"], 2)
    assert (junit.failures[0].path, junit.failures[0].line) == ("a.test.js", 3)


def test_findings_have_a_rule_and_a_place_and_no_line_in_their_id() -> None:
    assert ids(read("tsc.txt")) == ids(read("tsc-pretty.txt"))
    assert ids(read("mypy.txt")) == ids(read("mypy.jsonl"))
    where = {name: [(f.path, f.line) for f in read(name).failures] for name in REAL}
    assert where["tsc.txt"] == [("b.ts", 1), ("b.ts", 2), ("b.ts", 3)]
    assert where["mypy.txt"] == where["pyright.json"] == [("m.py", 3), ("m.py", 4)]
    assert where["eslint.json"] == [("c.js", 2)]  # its warning is none
    assert where["checkstyle.xml"] == [("x.sh", 3)]
    assert ids(read("eslint.json")) == ["c.js: no-undef 'foo' is not defined."]
    assert ids(read("pip-audit.json")) == [
        ": PYSEC-2019-217 jinja2 2.10: fixed in 2.10.1",
        ": not audited private-thing: Dependency not found on PyPI",
    ]


def test_sarif_counts_what_a_comment_hides_and_not_what_a_person_accepted() -> None:
    assert ids(read("scan.sarif")) == [
        "src/app.py: py/eval Use of eval",
        "src/app.py: py/eval Use of eval #2",
        "src/a b.py: py/path Path from user input (suppressed by a comment)",
    ]


@pytest.mark.parametrize("name", REAL)
def test_a_cut_report_is_never_a_result_of_its_own(name: str) -> None:
    """Whatever stands in front of the cut: no prefix is a whole report with fewer failures."""
    data, whole = (DATA / name).read_bytes(), read(name)
    for cut in range(len(data)):
        part = parse(REAL[name], data[:cut])
        if part.problem:
            continue
        if name in OPEN_ENDED:
            assert data[:cut].endswith(b"\n") or cut == 0  # never within a line
        else:
            assert ids(part) == ids(whole)
    assert parse(REAL[name], b"").problem or name in OPEN_ENDED


WORDS = (
    *("ok", "not ok", "1..2", "1..0", "---", "...", "Bail out!", "    ", "running 1 test", "test a ... ok", "\n"),
    *("test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out", "Found 1 error in a.py", "{", "}"),
    *('{"Action":"run","Package":"p","Test":"T"}', '{"Action":"pass","Package":"p"}', "[", "]", "a.py:1: error: x"),
    *("<checkstyle>", "<file name='a'>", "<testsuite>", "<testcase name='a'/>", "</", "<!DOCTYPE a>", "\0", "\x1b[31m"),
    *('{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}},"results":[', '{"message":{"text":"\\ud800"}}'),
    *('"generalDiagnostics":[],"summary":{"errorCount":', "9" * 30, '{"dependencies":[', "a.ts(1,1): error TS1: x"),
)
HOSTILE = st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from(WORDS), max_size=12).map(lambda words: "\n".join(words).encode()),
    st.sampled_from(sorted(REAL)).flatmap(
        lambda name: st.tuples(st.integers(0, 1_500), st.integers(0, 60), st.binary(max_size=6)).map(
            lambda cut: (d := (DATA / name).read_bytes())[: cut[0]] + cut[2] + d[cut[0] + cut[1] :]
        )
    ),
)


@pytest.mark.parametrize("format_", sorted(FORMATS))
@settings(max_examples=60, deadline=None)
@given(data=HOSTILE)
def test_hostile_bytes_never_raise(format_: str, data: bytes) -> None:
    report = parse(format_, data)
    for failure in report.failures:
        assert failure.id.encode()
        assert failure.line >= 0


@given(counts=st.lists(st.sampled_from(["ok", "not ok"]), min_size=1, max_size=6), lie=st.integers(-2, 2))
@settings(max_examples=60)
def test_tap_has_to_keep_its_plan(counts: list[str], lie: int) -> None:
    text = "".join(f"{said} {n} - t{n}\n" for n, said in enumerate(counts, 1))
    report = parse("tap", f"1..{len(counts) + lie}\n{text}".encode())
    assert bool(report.problem) == (lie != 0)
    assert lie or len(report.failures) == counts.count("not ok")


CARGO = (
    "\nrunning 1 test\ntest a ... ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n"
)
GO = '{"Action":"run","Package":"p","Test":"T"}\n{"Action":"pass","Package":"p","Test":"T"}\n'
SARIF = '{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}},'


@pytest.mark.parametrize(
    ("format_", "text"),
    [
        ("tap", "TAP version 13\nok 1 - a\n"),
        ("tap", "1..2\nok 1\nok 1\n"),
        ("tap", "1..1\n    ok 1 - inner\n    1..2\nok 1 - outer\n"),
        ("tap", "1..1\nok 1\nBail out! no database\n"),
        ("cargo-test", CARGO.replace("1 passed", "2 passed")),
        ("cargo-test", CARGO.replace("running 1", "running 2")),
        ("cargo-test", f"{CARGO}\nrunning 3 tests\n"),
        ("cargo-test", "error[E0308]: mismatched types\n"),
        ("go-test", GO),
        ("go-test", GO.split("\n")[0] + '\n{"Action":"pass","Package":"p"}\n'),
        ("go-test", GO.replace('"pass"', '"fail"') + '{"Action":"pass","Package":"p"}\n'),
        ("go-test", "no test files\n"),
        ("sarif", '{"version":"2.1.0","runs":[]}'),
        ("sarif", SARIF + '"invocations":[{"executionSuccessful":false}],"results":[]}]}'),
        ("sarif", SARIF + '"artifacts":[]}]}'),
        ("sarif", '{"version":"1.0.0","runs":[{"tool":{"driver":{"name":"x"}},"results":[]}]}'),
        ("eslint", '[{"filePath":"a.js","messages":[],"errorCount":1}]'),
        ("eslint", '{"results":[]}'),
        ("pyright", '{"generalDiagnostics":[],"summary":{"errorCount":1}}'),
        ("mypy", "a.py:1: error: wrong  [misc]\n"),
        ("mypy", "a.py:1: error: wrong  [misc]\nFound 2 errors in 1 file\n"),
        ("tsc", "a.ts(1,1): error TS1: wrong"),
        ("checkstyle", "<checkstyle><file name='a'><exception>no</exception></file></checkstyle>"),
        ("checkstyle", '<!DOCTYPE x [<!ENTITY a "b">]><checkstyle/>'),
        ("junit", "<testsuite failures='1'><testcase name='a' classname='b'/></testsuite>"),
        ("junit", "<html/>"),
    ],
)
def test_what_does_not_add_up_is_no_report(format_: str, text: str) -> None:
    assert parse(format_, text.encode()).problem


@pytest.mark.parametrize(
    ("format_", "text", "passed"),
    [
        ("tap", "1..0 # SKIP no tests here\n", 0),
        ("tap", "ok\nok # TODO soon\nnot ok # todo later\n1..3\n", 1),
        ("cargo-test", CARGO + CARGO.replace("test a", "test a - should panic"), 2),
        ("go-test", GO + '{"Action":"pass","Package":"p"}\n', 1),
        ("go-test", '{"Action":"skip","Package":"p"}\n', 0),
        ("sarif", SARIF + '"results":[]}]}', 0),
        ("eslint", "[]", 0),
        ("mypy", "Success: no issues found in 3 source files\n", 0),
        ("tsc", "", 0),
        ("checkstyle", "<checkstyle version='4.3'></checkstyle>", 0),
        ("pip-audit", '{"dependencies":[{"name":"a","version":"1","vulns":[]}],"fixes":[]}', 0),
    ],
)
def test_what_is_clean_is_green(format_: str, text: str, passed: int) -> None:
    report = parse(format_, text.encode())
    assert (report.problem, report.failures, len(report.passed)) == ("", (), passed)


def test_a_go_test_that_panics_is_a_failure_and_an_old_build_failure_too() -> None:
    panics = GO.split("\n")[0] + '\n{"Action":"fail","Package":"p"}\n'
    assert ids(parse("go-test", panics.encode())) == ["p", "p::T"]
    assert ids(parse("go-test", b"FAIL\tp [build failed]\n")) == ["p"]


def test_a_huge_report_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gates.parsers.LIMIT", 10)
    assert "more than 10 bytes" in parse("tap", b"1..1\nok 1\n\n").problem
    monkeypatch.undo()
    monkeypatch.setattr("gates.parsers.base.MOST", 1)
    assert "more than 1 entries" in parse("tap", b"1..2\nok 1\nok 2\n").problem
