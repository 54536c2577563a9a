"""Our SARIF: what the standard requires is there, and reading it back gives the same findings."""

import gzip
import json
from pathlib import Path
from typing import Any, get_args

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from gates.base import Failure, GateResult, Severity, Status, Violation
from gates.parsers import parse
from gates.sarif import export
from gates.tools import relative

DATA = Path(__file__).parent / "data"
SCHEMA = Draft4Validator(
    json.loads(gzip.decompress((DATA / "sarif_schema.json.gz").read_bytes())),
    format_checker=Draft4Validator.FORMAT_CHECKER,
)
"""The standard's schema without its descriptions, as `npm pack @microsoft/jest-sarif@1.0.0-beta.0` has it
(`lib/schemas/sarif-2.1.0-rtm.5.json`)."""

text = st.text(min_size=1, max_size=20)
paths = st.text(st.sampled_from("ab/ .%é"), max_size=8).map(lambda path: path.strip("/"))
paths = paths.filter(lambda path: relative(path) == path)
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
    """The standard's schema, and what it says in words alone (3.4.4, 3.19.23, 3.27.5, 3.27.6)."""
    assert [error.message for error in SCHEMA.iter_errors(log)] == []
    for run in log["runs"]:
        driver = run["tool"]["driver"]
        assert driver["name"]
        assert len({rule["id"] for rule in driver["rules"]}) == len(driver["rules"])
        for result in run["results"]:
            assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
            for location in result.get("locations", ()):
                physical = location["physicalLocation"]
                uri = physical["artifactLocation"]["uri"]
                assert uri.isascii()
                assert not set(uri) & set(' <>"{}|\\^`')


@settings(max_examples=20, deadline=None)
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


def test_the_schema_refuses_what_is_none_and_takes_the_scanners_logs_that_we_read() -> None:
    (log,) = [export([GateResult(gate="g", kind="k", status="pass", summary="")], {}, version="1")]
    assert SCHEMA.is_valid(log)
    for wrong in ({"version": "2.0.0"}, {"runs": [{"results": []}]}, {"runs": [{"tool": {"driver": {}}}]}):
        assert not SCHEMA.is_valid({**log, **wrong})
    read = sorted((DATA / "reports").glob("*.sarif"))
    assert read
    for path in read:
        assert SCHEMA.is_valid(json.loads(path.read_bytes())), path
        assert not parse("sarif", path.read_bytes()).problem
