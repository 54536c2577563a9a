"""Drills: "present is not proven". Every gate is tried in both directions on the repository it guards.

A planted defect of its kind has to turn it red, a cheat has to be named, a harmless change has to leave it green.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from gates import plants
from gates.base import Gate, GateResult, is_green
from gates.plants import Files, Read, beside
from gates.projects import looks_at

Expected = Literal["red", "green", "named"]
"""`named`: a violation says what was done, though it may be no more than a warning."""

NAME = "loopwright_drill"
"""What planted files are called."""

DANGER = b"import subprocess\n\n\ndef drill(line):\n    return subprocess.call(line, shell=True), eval(line)\n"
SLOPPY = b"import os\n\n\ndef drill():\n    return undefined_name_of_a_drill\n"
FAILING = b"def test_drill():\n    assert 1 == 2\n"
HOLLOW = b"def test_drill():\n    assert True\n"
HOOK = (
    b"import pytest\n\n\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport(item, call):\n"
    b"    out = yield\n    out.get_result().outcome = 'passed'\n"
)
WORKFLOW = b"on: push\njobs:\n  drill:\n    runs-on: ubuntu-latest\n    steps: []\n"


class Exercise(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is played against one gate."""

    gate: str
    what: str
    expected: Expected
    attempts: tuple[Files, ...]
    """Changes of base, tried in this order until one has the expected effect."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one exercise."""

    gate: str
    what: str
    expected: Expected
    ok: bool
    said: str
    """The gate's own summary, or what kept the exercise from being played."""
    micros: int = 0


def exercises(gates: Sequence[Gate], paths: Sequence[str], read: Read) -> tuple[Exercise, ...]:
    """What to play against these gates on a base with these `paths`; `read` gives a file of it."""
    return tuple(exercise for gate in gates for exercise in _of(gate, paths, read))


def expects(exercise: Exercise, result: GateResult, base: GateResult | None) -> bool:
    """Whether a result is what the exercise expects. A gate that could not run has shown nothing."""
    if result.status in ("error", "timeout") and not result.violations:
        return False
    match exercise.expected:
        case "green":
            return is_green(result, base)
        case "red":
            return not is_green(result, base)
        case "named":
            return bool(result.violations)


def _of(gate: Gate, paths: Sequence[str], read: Read) -> Iterator[Exercise]:
    seen = [path for path in paths if _belongs(gate, path)]
    yield Exercise(gate=gate.name, what="a harmless change", expected="green", attempts=(plants.harmless(seen, read),))
    planted = _PLANTS.get(gate.kind, _unknown)(gate, seen, read)
    for what, expected, attempts in planted:
        used = tuple(files for files in attempts if files)
        yield Exercise(gate=gate.name, what=what, expected=expected, attempts=used)


def _belongs(gate: Gate, path: str) -> bool:
    return looks_at(gate, path) and (not gate.project or path.startswith(f"{gate.project}/"))


Planted = Iterator[tuple[str, Expected, Sequence[Files]]]


def _lint(gate: Gate, paths: Sequence[str], read: Read) -> Planted:
    python = [path for path in plants.sources(paths) if path.endswith(".py")]
    where = beside(python[0], f"{NAME}.py") if python else f"{NAME}.py"
    yield "an undefined name", "red", ({where: SLOPPY}, {where: b"def (\n"})


def _security(gate: Gate, paths: Sequence[str], read: Read) -> Planted:
    found = plants.sources(paths)
    data = read(found[0]) if found else b""
    yield "a credential", "red", ({found[0] if found else f"{NAME}.txt": (data or b"") + plants.credential()},)
    yield "a file of keys", "red", ({f"{NAME}/id_ed25519": b"drill\n"},)
    if any(path.endswith(".py") for path in found):
        where = beside(next(path for path in found if path.endswith(".py")), f"{NAME}.py")
        yield "a shell with foreign input", "red", ({where: DANGER},)


def _tests(gate: Gate, paths: Sequence[str], read: Read) -> Planted:
    modules = plants.modules(paths)
    raising = plants.raising(paths, read)[:3]
    if raising:
        yield "functions that raise", "red", [{path: data} for path, data in raising]
    if modules:
        yield "a new test that fails", "red", ({beside(modules[0], f"test_{NAME}.py"): FAILING},)


def _proof(gate: Gate, paths: Sequence[str], read: Read) -> Planted:
    if modules := plants.modules(paths):
        yield "a test that proves nothing", "named", ({beside(modules[0], f"test_{NAME}.py"): HOLLOW},)


def _integrity(gate: Gate, paths: Sequence[str], read: Read) -> Planted:
    modules = plants.modules(paths)
    if modules:
        yield "a test file deleted", "red", ({modules[0]: None},)
    edits: tuple[tuple[str, Callable[[bytes], bytes | None]], ...] = (
        ("a test skipped", plants.skipped),
        ("a test removed", plants.removed),
        ("an assertion loosened", plants.loosened),
    )
    for what, edit in edits:
        edited = ((path, edit(read(path) or b"")) for path in modules)
        first = next(((path, data) for path, data in edited if data is not None), None)
        if first:
            yield what, "red", ({first[0]: first[1]},)
    at = modules[0] if modules else "tests/x"
    yield "a reporter rewritten", "red", ({beside(at, "conftest.py"): (read(beside(at, "conftest.py")) or b"") + HOOK},)
    yield "another test configuration", "red", ({"pytest.ini": b"[pytest]\naddopts = --co\n"},)
    yield "the runner shadowed", "red", ({"pytest.py": b"raise SystemExit(0)\n"},)
    yield "a start-up hook", "red", ({"sitecustomize.py": b"import os\nos._exit(0)\n"},)
    yield "a workflow added", "red", ({f".github/workflows/{NAME}.yml": WORKFLOW},)
    if python := [path for path in plants.sources(paths) if path.endswith(".py")]:
        data = read(python[0]) or b""
        yield "an exit on import", "red", ({python[0]: data + b"\nimport os\nos._exit(0)\n"},)


def _unknown(gate: Gate, paths: Sequence[str], read: Read) -> Planted:
    """For commands and other packages' kinds: what no tool of any language can take, then what scanners look for."""
    found = plants.sources(paths)
    where = beside(found[0], f"{NAME}.py") if found else f"{NAME}.py"
    scan = {where: DANGER + plants.credential()}
    attempts = (plants.broken(paths, read), scan)
    yield "a planted defect", "red", attempts[::-1] if gate.format == "sarif" else attempts


_PLANTS: Mapping[str, Callable[[Gate, Sequence[str], Read], Planted]] = {
    "ruff": _lint,
    "security": _security,
    "pytest": _tests,
    "proof": _proof,
    "integrity": _integrity,
}
