"""Mutants of changed lines, and which statements are a change's own."""

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gates import coverage, trees
from gates.coverage import measure, own_lines, probes
from gates.mutants import mutants
from tests.gates_support import paper_room

SOURCE = '''"""A module."""
from __future__ import annotations

LIMIT = 3


@cache
def pick(items: list[int] = [1], *, last: bool = True) -> int | None:
    """Pick é."""
    if not items and LIMIT >= 2:
        raise ValueError("nothing")
    for item in items:
        if item % 2 == 0: continue
        print("é", item + 1)
    else:
        log(f"{LIMIT + 1}")
    return items[-1] if last else items[0]
'''


def made(source: str, *lines: int) -> dict[str, str]:
    data = source.encode()
    wanted = frozenset(lines or range(1, source.count("\n") + 2))
    return {m.what: m.source.decode() for m in mutants("m.py", data, ast.parse(data), wanted)}


def test_each_mutant_is_the_module_with_one_thing_wrong() -> None:
    found = made(SOURCE)
    assert set(found) >= {
        "3 -> 4",
        "True -> False",
        "not items and LIMIT >= 2 -> (not items or LIMIT >= 2)",
        "not items -> (items)",
        "LIMIT >= 2 -> (LIMIT > 2)",
        'raise ValueError("nothing") -> pass',
        "item % 2 == 0 -> (item % 2 != 0)",
        "item % 2 -> (item * 2)",
        "continue -> break",
        'print("é", item + 1) -> pass',
        "item + 1 -> (item - 1)",
        "items[-1] if last else items[0] -> (items[0] if last else items[-1])",
        "return items[-1] if last else items[0] -> return None",
    }
    assert not any("cache" in what or "annotations" in what for what in found)
    for what, text in found.items():
        assert len(text.splitlines()) == len(SOURCE.splitlines()), what
        assert sum(a != b for a, b in zip(text.splitlines(), SOURCE.splitlines(), strict=True)) == 1, what


def test_only_changed_lines_are_mutated_and_the_place_is_named() -> None:
    data = SOURCE.encode()
    found = list(mutants("m.py", data, ast.parse(data), frozenset({14})))
    assert {m.line for m in found} == {14}
    assert {m.id for m in found} >= {"m.py: mutant survives in pick: item + 1 -> (item - 1)"}


@given(
    st.sampled_from(["a+b", "a<b", "not a", "f(a)", "-1", "a and b", "[1, 2]", "'é' + a", "a if b else c"]),
    st.booleans(),
)
@settings(max_examples=30)
def test_mutants_can_be_parsed_and_differ(expression: str, nested: bool) -> None:
    whole = f"f({expression})[{expression}]" if nested else expression
    source = f"def g(a, b, c):\n    é = 1; x = ({whole})\n    return x\n"
    for text in made(source).values():
        ast.parse(text)
        assert text != source


def test_the_statements_of_a_change_and_what_was_missed() -> None:
    base = SOURCE.replace("    return items[-1] if last else items[0]\n", "    return None\n")
    head = SOURCE.replace("LIMIT = 3", "LIMIT = (\n    4\n)") + "# a comment\n"
    room = paper_room({"m.py": base}, {"m.py": head, "tests/test_m.py": "x = 1\n", "broken.py": "def ("})
    changed = coverage.statements(room, trees.layout(room))
    assert changed == {"m.py": {4: (4, 5, 6), 19: (19,)}}
    assert probes(changed) == {"m.py": (4, 19)}
    some = measure(changed, frozenset({("m.py", 4), ("x.py", 1)}))
    assert (some.lines, some.executed, some.percent) == (4, 3, 75)
    assert some.note() == "coverage of the change: 3 of 4 lines (75 %); not executed: m.py:19"
    assert measure(changed, frozenset({("m.py", 4), ("m.py", 19)})).percent == 100
    assert measure({}, frozenset()).percent == 100


def test_heads_of_compound_statements_and_decorators_are_own_lines() -> None:
    found = {first: (lines.start, lines.stop - 1) for first, lines in own_lines(ast.parse(SOURCE))}
    assert found[8] == (7, 8)
    assert found[10] == (10, 10)
    assert 1 not in found
    assert 2 not in found
    assert 9 not in found


@pytest.mark.parametrize("bad", ["\0", "é" * 10 + "(", "x = 1\n" * 3])
def test_nothing_is_made_of_what_did_not_change(bad: str) -> None:
    room = paper_room({"m.py": bad}, {"m.py": bad, "a.txt": "x"})
    assert coverage.statements(room, trees.layout(room)) == {}
