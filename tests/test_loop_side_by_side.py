"""Gates at the same time: within the cores, each begun before it is done, proof after the tests it reads."""

from collections.abc import Sequence
from threading import Barrier, current_thread

import pytest

from gates import Gate, Seen, order
from harness.loop.side_by_side import side_by_side, width

LINT, TESTS, PROOF, OTHER = (
    Gate(name=name, kind=kind)
    for name, kind in (("lint", "ruff"), ("tests", "pytest"), ("proof", "proof"), ("other", "command"))
)


def keyed(*gates: Gate) -> Sequence[tuple[Gate, str]]:
    return [(gate, f"key of {gate.name}") for gate in gates]


def names(steps: object) -> list[str]:
    return [step.name if isinstance(step, Gate) else f"{step[0].name} done" for step in steps]


def test_two_gates_meet_and_proof_waits_for_the_tests() -> None:
    met = Barrier(2, timeout=20)

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


def test_what_is_cheap_and_often_red_comes_first() -> None:
    integrity = Gate(name="integrity", kind="integrity")
    assert order([PROOF, TESTS, OTHER, LINT, integrity]) == (integrity, LINT, OTHER, TESTS, PROOF)
    seen = {"tests": Seen(2_000_000, 4, 4), "other": Seen(9_000_000, 4, 0), "lint": Seen(3_000_000, 4, 0)}
    assert order([OTHER, LINT, TESTS, PROOF], seen) == (TESTS, LINT, OTHER, PROOF)
