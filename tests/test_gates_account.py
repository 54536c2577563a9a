"""What a run told: read whole and in order, or not at all."""

import ast
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gates.account import Account, read
from gates.inside import witness

TOLD: list[dict[str, Any]] = [
    {"t": "hello", "pytest": "9.0.0"},
    {"t": "broken", "id": "tests/test_b.py", "text": "E   no"},
    {"t": "ids", "ids": ["t.py::a", "t.py::b"]},
    {"t": "control", "id": "t.py::a", "state": "failed"},
    {"t": "test", "n": 0, "raised": {}, "reports": [["call", "passed", "", ""]], "swapped": False},
    {"t": "mark", "event": "gc.get_objects", "path": "a.py", "line": 3},
    {"t": "test", "n": 1, "raised": {"call": "E"}, "reports": [["call", "failed", "m", "t"]], "swapped": False},
    {"t": "end", "exit": 1, "patched": [], "changed": [], "strange": [], "ran": [["a.py", 3]]},
]


def written(records: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps({"s": n, **record}).encode() + b"\n" for n, record in enumerate(records))


def test_a_whole_account_is_read() -> None:
    told = read(written(TOLD))
    assert (told.problem, told.ids, told.began) == ("", ("t.py::a", "t.py::b"), True)
    assert [(test.n, test.outcome, test.whitewashed) for test in told.tests] == [
        (0, "passed", False),
        (1, "failed", False),
    ]
    assert (told.broken[0].id, told.controls[0].state, told.marks[0].line) == ("tests/test_b.py", "failed", 3)
    assert told.end is not None
    assert (told.end.exit, told.end.ran) == (1, (("a.py", 3),))
    assert read(b"") == Account()


@pytest.mark.parametrize(
    ("records", "lost", "said"),
    [
        (TOLD[1:], 0, "more than one beginning"),
        ([*TOLD, TOLD[4]], 0, "more than one beginning or end"),
        ([*TOLD[:-1], TOLD[0], TOLD[-1]], 0, "more than one beginning"),
        ([*TOLD[:-1], TOLD[4], TOLD[-1]], 0, "a test has two results"),
        ([*TOLD[:4], {**TOLD[4], "n": 2}, TOLD[-1]], 0, "was not collected"),
        ([TOLD[0], {**TOLD[3], "s": 5}, TOLD[-1]], 0, "added to the account or left out"),
        ([TOLD[0], {**TOLD[4], "more": 1}], 0, "does not write"),
        ([TOLD[0], {**TOLD[4], "n": -1}], 0, "does not write"),
        ([{"t": "exec"}], 0, "does not write"),
        (TOLD, 7, "7 bytes more"),
    ],
)
def test_what_was_added_doubled_or_left_out_is_no_result(records: list[dict[str, Any]], lost: int, said: str) -> None:
    assert said in read(written(records), lost).problem


@given(st.integers(0, len(written(TOLD)) - 1))
@settings(max_examples=60)
def test_a_cut_account_never_has_an_end(at: int) -> None:
    told = read(written(TOLD)[:at])
    assert told.problem or told.end is None


@given(
    st.one_of(
        st.binary(max_size=300), st.recursive(st.integers(), lambda x: st.lists(x)).map(lambda x: repr(x).encode())
    )
)
@settings(max_examples=60)
def test_no_bytes_make_it_raise(data: bytes) -> None:
    told = read(data + b"\n")
    assert told.problem
    assert told.end is None


@pytest.mark.parametrize(
    ("raised", "outcomes", "whitewashed"),
    [
        ({"call": "AssertionError"}, ["passed"], True),
        ({"teardown": "OSError"}, ["passed"], True),
        ({"call": "AssertionError"}, ["skipped"], False),
        ({"call": "Skipped"}, ["passed"], False),
        ({"call": "AssertionError"}, ["passed", "failed"], False),
        ({}, ["passed"], False),
    ],
)
def test_what_raised_cannot_have_passed(raised: dict[str, str], outcomes: list[str], whitewashed: bool) -> None:
    test = {**TOLD[4], "raised": raised, "reports": [["call", outcome, "", ""] for outcome in outcomes]}
    (found,) = read(written([*TOLD[:3], test, TOLD[-1]])).tests
    assert found.whitewashed is whitewashed


def test_the_parts_of_the_witness_make_one_program_that_needs_nothing_of_ours() -> None:
    tree = ast.parse(witness(), feature_version=(3, 8))
    defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    defined += [node.id for each in tree.body if isinstance(each, ast.Assign) for node in each.targets]  # type: ignore[attr-defined]
    assert len(defined) == len(set(defined)) > 20
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {name for name in imported if name.split(".")[0] in ("gates", "sandboxes", "harness", "")}
