"""JUnit reports, written by pytest, by hand, and by those who want to be taken for pytest."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gates import junit
from gates.junit import Case, Report, parse

WHOLE = b"""<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="5" time="0.1">
<testcase classname="tests.test_a" name="test_good" file="tests/test_a.py" line="3" time="0.001"/>
<testcase classname="tests.test_a.TestC" name="test_bad[1-x]" file="tests/test_a.py" line="9" time="0.001">
<failure message="AssertionError: assert 1 == 2">tests/test_a.py:11: in test_bad
    assert 1 == 2
E   assert 1 == 2</failure></testcase>
<testcase classname="tests.test_a" name="test_off" file="tests/test_a.py" line="5" time="0.001">
<skipped type="pytest.skip" message="not here">tests/test_a.py:5: not here</skipped></testcase>
<testcase classname="tests.base.TestC" name="test_inherited" file="other/mixin.py" line="5" time="0.001">
<properties><property name="loopwright-id" value="tests/test_a.py::TestC::test_inherited"/></properties></testcase>
<testcase classname="" name="tests.test_gone" time="0.0"><error message="collection failure">ImportError</error>
</testcase></testsuite></testsuites>"""


def ids(report: Report, outcome: str) -> set[str]:
    return {case.id for case in report.cases if case.outcome == outcome}


def test_a_whole_report() -> None:
    report = parse(WHOLE)
    assert report.problem == ""
    assert ids(report, "passed") == {"tests/test_a.py::test_good", "tests/test_a.py::TestC::test_inherited"}
    assert ids(report, "failed") == {"tests/test_a.py::TestC::test_bad[1-x]", "tests/test_gone.py"}
    assert ids(report, "skipped") == {"tests/test_a.py::test_off"}
    bad = next(case for case in report.cases if case.message.startswith("AssertionError"))
    assert bad.text.startswith("tests/test_a.py:11: in test_bad")
    assert [case.id for case in report.cases if case.collection] == ["tests/test_gone.py"]


@given(st.integers(0, len(WHOLE) - 1))
def test_no_truncated_report_is_a_result(length: int) -> None:
    assert parse(WHOLE[:length]).problem


@given(st.binary(max_size=2_000))
def test_garbage_is_no_result(data: bytes) -> None:
    assert parse(data).problem


@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=8))
def test_a_damaged_report_never_raises_and_hides_no_failure(at: int, damage: bytes) -> None:
    report = parse(WHOLE[:at] + damage + WHOLE[at + len(damage) :])
    assert report.problem or ids(report, "failed")


messages = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=80)
outcomes = st.sampled_from(["passed", "failure", "error", "skipped"])


@given(st.lists(st.tuples(outcomes, messages), max_size=8))
def test_what_an_honest_writer_writes_is_read_back(cases: list[tuple[str, str]]) -> None:
    suite = ET.Element("testsuite")
    for outcome, message in cases:
        case = ET.SubElement(suite, "testcase", classname="c", name="n")
        if outcome != "passed":
            ET.SubElement(case, outcome, message=message).text = message
    report = parse(ET.tostring(suite))
    assert report.problem == ""
    said = {"failure": "failed", "error": "failed"}
    assert [(case.outcome, case.text) for case in report.cases] == [
        (said.get(outcome, outcome), "" if outcome == "passed" else message) for outcome, message in cases
    ]


BOMB = b"""<!DOCTYPE t [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><testsuite><testcase classname="c" name="&c;"/></testsuite>"""


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (BOMB, "document type"),
        (b'<!DOCTYPE t SYSTEM "file:///etc/passwd"><testsuite/>', "document type"),
        (b"<html><testcase name='x'/></html>", "root"),
        (b"<testsuite>" + b"<x>" * 40 + b"</x>" * 40 + b"</testsuite>", "nested"),
        (b"<testsuite><testcase name='a'><testcase name='b'/></testcase></testsuite>", "inside another"),
        (b"<testsuite failures='1'><testcase name='a'/></testsuite>", "counts failures"),
        (b"<testsuite failures='999999999999999999999'/>", "counts failures"),
        (b"<testsuite>&undefined;</testsuite>", "not valid"),
        (b"<?xml version='1.0' encoding='no-such'?><testsuite/>", "not valid"),
        (b"<testsuite/><testsuite/>", "not valid"),
        (b"", "not valid"),
    ],
)
def test_a_hostile_report_is_refused_by_name(data: bytes, reason: str) -> None:
    report = parse(data)
    assert reason in report.problem
    assert report.cases == ()


def test_limits_of_size_and_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(junit, "CASES", 3)
    many = b"<testsuite>" + b"<testcase classname='c' name='n'/>" * 4 + b"</testsuite>"
    assert "more than 3 test cases" in parse(many).problem
    assert "bytes" in parse(b" " * (junit.LIMIT + 1)).problem


def test_a_case_that_failed_and_then_passed_is_failed_where_it_says_so() -> None:
    data = (
        b"<testsuite><testcase classname='c' name='n'><skipped/><failure message='m'>t</failure></testcase></testsuite>"
    )
    assert parse(data).cases == (Case(id="c::n", outcome="failed", message="m", text="t"),)


def test_endless_text_keeps_its_two_ends() -> None:
    text = b"first" + b"x" * 100_000 + b"last"
    data = b"<testsuite><testcase classname='c' name='n'><failure>" + text + b"</failure></testcase></testsuite>"
    (case,) = parse(data).cases
    assert case.text.startswith("first")
    assert case.text.endswith("last")
    assert len(case.text) < junit.TEXT + 10
