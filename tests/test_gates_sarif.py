"""Our SARIF: what the standard requires is there, and reading it back gives the same findings."""

from typing import Any, get_args

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from gates.base import Failure, GateResult, Severity, Status, Violation
from gates.parsers import parse
from gates.sarif import export

text = st.text(min_size=1, max_size=20)
paths = st.text(st.sampled_from("ab/ .%é"), max_size=8).map(lambda path: path.strip("/"))
lines = st.integers(0, 9)
found = st.builds(Failure, id=text, message=text, path=paths, line=lines)
acts = st.builds(
    Violation, rule=text, path=paths, line=lines, message=text, fix=text, severity=st.sampled_from(get_args(Severity))
)
results = st.builds(
    GateResult,
    gate=text,
    kind=text,
    status=st.sampled_from(get_args(Status)),
    summary=text,
    failures=st.lists(found, max_size=3).map(tuple),
    violations=st.lists(acts, max_size=3).map(tuple),
    notes=st.lists(text, max_size=2).map(tuple),
)


def check(log: dict[str, Any]) -> None:
    """The required properties and the enumerations of the standard (3.13, 3.14, 3.18, 3.20, 3.27)."""
    assert log["version"] == "2.1.0"
    for run in log["runs"]:
        driver = run["tool"]["driver"]
        assert driver["name"]
        assert len({rule["id"] for rule in driver["rules"]}) == len(driver["rules"])
        for invocation in run["invocations"]:
            assert isinstance(invocation["executionSuccessful"], bool)
            for note in invocation.get("toolExecutionNotifications", ()):
                assert note["level"] in ("none", "note", "warning", "error")
        for result in run["results"]:
            assert isinstance(result["message"]["text"], str)
            assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
            assert result["level"] in ("none", "note", "warning", "error")
            assert result["baselineState"] in ("new", "unchanged", "updated", "absent")
            for location in result.get("locations", ()):
                physical = location["physicalLocation"]
                uri = physical["artifactLocation"]["uri"]
                assert uri.isascii()
                assert not set(uri) & set(' <>"{}|\\^`')
                assert physical.get("region", {"startLine": 1})["startLine"] >= 1


@settings(max_examples=40, deadline=None)
@given(st.lists(results, max_size=2), st.lists(results, max_size=2))
def test_any_results_are_a_log_that_reads_back(judged: list[GateResult], before: list[GateResult]) -> None:
    log = export(judged, {result.gate: result for result in before}, version="1", run="abc")
    check(log)
    back = parse("sarif", msgspec.json.encode(log))
    if any(result.status in ("error", "timeout") for result in judged) or not judged:
        assert back.problem  # what could not run is no clean result
        return
    counted = [f for r in judged for f in (*r.failures, *r.violations)]
    assert (back.problem, len(back.failures)) == ("", len(counted))
    assert sorted(f.path for f in back.failures) == sorted(f.path for f in counted)


def test_what_base_had_is_unchanged_and_a_finding_keeps_its_code() -> None:
    old = Failure(id="a.py: F401 unused", message="F401 unused", path="a.py", line=3)
    new = Failure(id="tests/test_a.py::test_b", message="assert 1 == 2", path="tests/test_a.py", line=7)
    base = GateResult(gate="g", kind="pytest", status="fail", summary="", failures=(old,))
    judged = GateResult(gate="g", kind="pytest", status="fail", summary="1 failed", failures=(old, new))
    (run,) = export([judged], {"g": base}, version="1")["runs"]
    assert [(r["ruleId"], r["baselineState"]) for r in run["results"]] == [
        ("F401", "unchanged"),
        ("pytest-failed", "new"),
    ]
    assert run["results"][1]["locations"][0]["physicalLocation"]["region"] == {"startLine": 7}
