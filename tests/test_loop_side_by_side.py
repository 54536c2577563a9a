"""Gates at the same time: within the cores, each begun before it is done, proof after the tests it reads."""

from collections.abc import Sequence
from threading import Barrier, current_thread
from typing import Any

import pytest

from gates import Failure, Gate, GateResult, Seen, order
from harness.events import GateFinished
from harness.goal import Goal, Limits
from harness.journal import State
from harness.loop.judging import failed_last
from harness.loop.side_by_side import side_by_side, width
from tests.loop_support import done

FAILED, OTHER_FAILED = (Failure(id=name, message="") for name in ("a.py::test_a[1]", "a.py::test_b"))

LINT, TESTS, PROOF, OTHER = (
    Gate(name=name, kind=kind)
    for name, kind in (("lint", "ruff"), ("tests", "pytest"), ("proof", "proof"), ("other", "command"))
)


def keyed(*gates: Gate) -> Sequence[tuple[Gate, str]]:
    return [(gate, f"key of {gate.name}") for gate in gates]


def names(steps: object) -> list[str]:
    return [step.name if isinstance(step, Gate) else f"{step[0].name} done" for step in steps]


def test_two_gates_meet_and_proof_waits_for_the_tests() -> None:
    met = Barrier(2, timeout=120)

    def run(gate: Gate) -> int:
        return met.wait() if gate in (LINT, TESTS) else -1

    said = names(side_by_side(keyed(LINT, TESTS, PROOF), run, 3))
    assert said[:2] == ["lint", "tests"]
    assert said.index("proof") > said.index("tests done")
    assert sorted(said[2:]) == ["lint done", "proof", "proof done", "tests done"]


def test_no_more_than_the_cores_hold() -> None:
    running: set[str] = set()
    most = []

    def run(gate: Gate) -> None:
        running.add(gate.name)
        most.append(len(running))
        running.discard(gate.name)

    said = names(side_by_side(keyed(LINT, TESTS, OTHER, PROOF), run, 2))
    assert len(said) == 8
    assert max(most) <= 2


def test_one_at_a_time_is_the_callers_own_thread() -> None:
    threads = []
    said = names(side_by_side(keyed(LINT, TESTS), lambda gate: threads.append(current_thread()), 1))
    assert said == ["lint", "lint done", "tests", "tests done"]
    assert set(threads) == {current_thread()}


def test_what_a_gate_raises_is_raised() -> None:
    def run(gate: Gate) -> None:
        raise ValueError(gate.name)

    with pytest.raises(ValueError, match="lint"):
        list(side_by_side(keyed(LINT, TESTS), run, 2))


@pytest.mark.parametrize(("cpus", "cores", "wanted"), [(2.0, 2, 1), (2.0, 8, 4), (0.5, 2, 4), (4.0, 2, 1), (1.5, 8, 5)])
def test_the_cores_are_shared_out(cpus: float, cores: int, wanted: int) -> None:
    assert width(cpus, cores) == wanted


def test_what_failed_last_is_tried_first_but_never_twice_in_a_row_nor_at_the_end() -> None:
    def spoke(*failed: str, early: bool = False, gate: str = "tests") -> dict[str, GateFinished]:
        found = GateResult(gate=gate, kind="pytest", status="fail", summary="", early=early)
        said: dict[str, Any] = {"place": "candidate", "iteration": 1, "tree": "t", "key": "", "status": "fail"}
        return {gate: GateFinished(**said, gate=gate, summary="", green=False, new_failures=failed, result=found)}

    old = GateResult(gate="tests", kind="pytest", status="fail", summary="", failures=(FAILED, OTHER_FAILED))
    goal = Goal(text="x", must_pass=("a.py::test_a",), limits=Limits(iterations=4))

    def first(n: int, *gates: dict[str, GateFinished]) -> object:
        iterations = tuple(done(k, gates=spoken) for k, spoken in enumerate(gates, 1))
        return failed_last(goal, State(baseline={"tests": old}, iterations=iterations), (LINT, TESTS, PROOF), n)

    assert first(1) == {"tests": ("a.py::test_a[1]",)}  # what is required and fails at base
    assert first(2, spoke("b", "required: c")) == {"tests": ("b", "c")}
    assert first(3, spoke("b"), {}) == {"tests": ("b",)}  # an iteration without a verdict says nothing
    assert first(3, spoke("b"), spoke("b", early=True)) == {}
    assert first(2, spoke("b", gate="lint")) == first(2, spoke()) == {}
    assert first(4, spoke("b")) == {}


def test_what_is_cheap_and_often_red_comes_first() -> None:
    integrity = Gate(name="integrity", kind="integrity")
    assert order([PROOF, TESTS, OTHER, LINT, integrity]) == (integrity, LINT, OTHER, TESTS, PROOF)
    seen = {"tests": Seen(2_000_000, 4, 4), "other": Seen(9_000_000, 4, 0), "lint": Seen(3_000_000, 4, 0)}
    assert order([OTHER, LINT, TESTS, PROOF], seen) == (TESTS, LINT, OTHER, PROOF)
