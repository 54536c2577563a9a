"""Drills: a gate that sees is shown to see, one that is blind is shown to be blind."""

import re
from pathlib import Path

import pytest

from gates import Gate, GateResult, run
from gates.drill import Exercise, exercises, expects
from gates.plants import loosened, raising, removed, skipped
from harness.events import DrillFinished
from tests.conftest import House, commit_all, fingerprint, git
from tests.gates_support import paper_room

BASE = {
    "pkg/__init__.py": "",
    "pkg/calc.py": '"""Sums."""\n\n\n@staticmethod\ndef add(a, b):\n    """Add."""\n    return a + b\n',
    "pkg/other.py": "X = 1\n",
    "tests/test_calc.py": "import pytest\n\nfrom pkg.calc import add\n\n\n@pytest.mark.parametrize('n', [1])\n"
    "def test_add(n):\n    assert add(1, n) == 2\n",
    "pyproject.toml": '[tool.ruff]\nexclude = ["*"]\n',
}
INTEGRITY = Gate(name="integrity", kind="integrity")
KINDS = [
    INTEGRITY,
    *(Gate(name=kind, kind=kind) for kind in ("ruff", "security", "pytest", "proof")),
    Gate(name="own", kind="command", command="make check"),
]


def read(path: str) -> bytes | None:
    data = BASE.get(path)
    return None if data is None else data.encode()


def test_every_cheat_of_a_drill_is_named_by_the_integrity_gate() -> None:
    played = [e for e in exercises([INTEGRITY], tuple(BASE), read) if e.expected == "red"]
    assert len(played) == 10
    for exercise in played:
        (files,) = exercise.attempts
        head = {p: c for p, c in {**BASE, **files}.items() if c is not None}
        result = run(INTEGRITY, paper_room(BASE, head))
        assert expects(exercise, result, None), (exercise.what, result)


def test_every_gate_is_tried_in_both_directions() -> None:
    played = exercises(KINDS, tuple(BASE), read)
    for gate in KINDS:
        mine = {exercise.expected for exercise in played if exercise.gate == gate.name}
        assert "green" in mine
        assert mine & {"red", "named"}
    assert all(exercise.attempts for exercise in played)


def test_a_repository_without_anything_has_exercises_too() -> None:
    assert all(e.attempts or e.expected == "red" for e in exercises(KINDS, (), lambda path: None))


def test_plants_are_python_and_do_what_they_say() -> None:
    test = BASE["tests/test_calc.py"].encode()
    assert b"assert True" in (loosened(test) or b"")
    assert b"mark.skip" in (skipped(test) or b"")
    assert b"test_add" not in (removed(test) or b"test_add")
    ((path, data), *_) = raising(tuple(BASE), read)
    assert path == "pkg/calc.py"
    for text in (data, loosened(test), skipped(test), removed(test)):
        compile(text or b"(", "plant", "exec")
    for broken in (b"def (", b"\xff", b""):
        assert (loosened(broken), skipped(broken), removed(broken)) == (None, None, None)


@pytest.mark.parametrize(
    ("expected", "status", "ok"),
    [
        ("red", "fail", False),
        ("red", "pass", False),
        ("red", "error", False),
        ("green", "pass", True),
        ("green", "timeout", False),
        ("named", "pass", False),
    ],
)
def test_a_gate_that_could_not_run_has_shown_nothing(expected: str, status: str, ok: bool) -> None:
    exercise = Exercise(gate="g", what="w", expected=expected, attempts=())
    result = GateResult(gate="g", kind="command", status=status, summary="")
    assert expects(exercise, result, None) is ok


def test_a_blind_linter_is_found_out_and_the_record_stands(tmp_path: Path, base_image: str) -> None:
    repo = tmp_path / "repo"
    for path, text in BASE.items():
        (repo / path).parent.mkdir(parents=True, exist_ok=True)
        (repo / path).write_text(text)
    git(tmp_path, "init", "-q", "-b", "main", str(repo))
    commit_all(repo)
    house, before = House(tmp_path, repo), fingerprint(repo)
    blind = house("drill", "--gate", "lint")
    assert (blind.code, blind.out.count("✓"), blind.out.count("✗")) == (1, 1, 1), blind.out + blind.err
    assert fingerprint(repo) == before
    (event,) = (r.event for r in house.records() if isinstance(r.event, DrillFinished))
    assert [(e.gate, e.expected, e.ok) for e in event.exercises] == [("lint", "green", True), ("lint", "red", False)]
    shown = house("show").out.splitlines()
    assert [row.split()[:2] for row in shown[-2:]] == [["✓", "lint"], ["✗", "lint"]]
    assert all(row in shown for row in blind.out.splitlines()[:2])
    said = house("doctor").out
    assert re.search(r"drill .*\d{4}-\d\d-\d\d \d\d:\d\d: 1 of 2 exercises went as they must; not proven: lint", said)
    assert house("drill", "--gate", "lnt").code == 2
    house("gc", "--all")
