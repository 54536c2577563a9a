"""Lock files, the packages of the test runner, and the files that gates' commands name."""

import pytest

from gates import Gate, Rules
from gates.kinds import run
from tests.gates_support import Files, paper_room

UV = '[[package]]\nname = "a"\nversion = "1"\n\n[[package]]\nname = "pytest"\nversion = "9"\n'
NPM = '{"packages": {"node_modules/jest": {"version": "29"}, "node_modules/left-pad": {"version": "1"}}}'
YARN = 'left-pad@^1:\n  version "1.0"\n\njest@^29:\n  version "29.0"\n'
BASE: Files = {
    "uv.lock": UV,
    "pyproject.toml": '[project]\nname = "p"\ndependencies = ["a>=1"]\n[dependency-groups]\ndev = ["pytest>=8"]\n',
    "web/package-lock.json": NPM,
    "web/package.json": '{"dependencies": {"left-pad": "1"}, "devDependencies": {"jest": "29"}}',
    "js/yarn.lock": YARN,
    "requirements-dev.txt": "pytest==9.0\nhttpx==1\n",
}


def judge(changed: Files, scope: tuple[str, ...] = ("**",)) -> list[tuple[str, str, str]]:
    head = {path: text for path, text in {**BASE, **changed}.items() if text is not None}
    room = paper_room(BASE, head, Rules(scope=scope))
    found = run(Gate(name="integrity", kind="integrity"), room).violations
    return [(v.rule, v.severity, v.message.partition(" ")[0]) for v in found]


DECLARED = str(BASE["pyproject.toml"]).replace("a>=1", "a>=2")


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"uv.lock": UV.replace('"1"', '"2"')}, [("lock-changed", "block", "the")]),
        ({"uv.lock": None}, [("lock-changed", "block", "the"), ("runner-swapped", "block", "pytest")]),
        ({"uv.lock": UV.replace('"1"', '"2"'), "pyproject.toml": DECLARED}, [("lock-changed", "warn", "the")]),
        (
            {"uv.lock": UV.replace('"9"', '"8"'), "pyproject.toml": DECLARED},
            [("runner-swapped", "block", "pytest"), ("lock-changed", "warn", "the")],
        ),
        (
            {
                "web/package-lock.json": NPM.replace("29", "1"),
                "web/package.json": '{"dependencies": {"left-pad": "2"}}',
            },
            [("runner-swapped", "block", "jest")] * 2 + [("lock-changed", "warn", "the")],
        ),
        (
            {"js/yarn.lock": YARN.replace("29.0", "1.0")},
            [("lock-changed", "block", "the"), ("runner-swapped", "block", "jest")],
        ),
        (
            {"requirements-dev.txt": "pytest==9.0\npytest-green\nhttpx==1\n"},
            [("runner-swapped", "block", "pytest-green")],
        ),
        ({"requirements-dev.txt": "pytest==9.0\nhttpx==2\n"}, []),
        ({"pyproject.toml": DECLARED}, []),
        ({"uv.lock": "[[package"}, [("lock-changed", "block", "the"), ("runner-swapped", "block", "pytest")]),
    ],
)
def test_locks_and_runners(changed: Files, found: list[tuple[str, str, str]]) -> None:
    assert judge(changed) == found


def test_a_goal_that_names_the_file_may_change_it() -> None:
    changed: Files = {"uv.lock": UV.replace('"9"', '"8"')}
    assert judge(changed, ("uv.lock",)) == []
    assert judge(changed, ("**",)) != []


def test_the_places_are_named() -> None:
    head: Files = {**BASE, "uv.lock": UV.replace('"9"', '"8"'), "requirements-dev.txt": "httpx==1\n\npytest==1\n"}
    found = run(Gate(name="integrity", kind="integrity"), paper_room(BASE, head)).violations
    assert {(v.rule, v.path, v.line) for v in found} >= {("runner-swapped", "requirements-dev.txt", 3)}


@pytest.mark.parametrize(
    ("command", "path", "scope", "severity"),
    [
        ("make test", "Makefile", ("**",), "block"),
        ("sh ci/check.sh", "ci/check.sh", ("**",), "block"),
        ("./ci/check.sh && true", "ci/check.sh", ("**",), "block"),
        ("python tool.py", "tool.py", ("**",), "warn"),
        ("make test", "Makefile", ("Makefile",), None),
        ("make test", "other.sh", ("**",), None),
    ],
)
def test_what_a_gate_runs_by_name_is_part_of_the_gate(
    command: str, path: str, scope: tuple[str, ...], severity: str | None
) -> None:
    base: Files = {"Makefile": "a", "ci/check.sh": "a", "tool.py": "a = 1\n", "other.sh": "a"}
    room = paper_room(base, {**base, path: "b = 1\n"}, Rules(scope=scope))
    found = run(Gate(name="integrity", kind="integrity", command=command), room).violations
    assert [v.severity for v in found if v.rule == "gate-command-changed"] == ([severity] if severity else [])
