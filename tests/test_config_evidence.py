"""`[gates]`: what is asked of the tests themselves, beside the tables of the gates."""

from pathlib import Path

import pytest

from harness.config import Config, ConfigError, settle
from harness.loop.wanted import wanted_gates


def read(text: str, tmp_path: Path, user: str = "") -> Config:
    settings = tmp_path / "config.toml"
    settings.write_text(user)
    return settle(lambda path: text.encode() if path == "loopwright.toml" else None, settings)[0]


def test_keys_stand_beside_the_gates_and_reach_the_kinds_they_are_for(tmp_path: Path) -> None:
    config = read('[gates]\nmutation = true\n[gates.tests]\nkind = "pytest"\n', tmp_path, "[gates]\ncoverage = 70\n")
    assert (config.evidence.mutation, config.evidence.coverage, list(config.gates)) == (True, 70, ["tests"])
    found = {gate.kind: gate for gate in wanted_gates(config, ("a.py",), lambda path: None)}
    assert (found["pytest"].coverage, found["pytest"].mutation) == (70, False)
    assert (found["proof"].coverage, found["proof"].mutation) == (0, True)
    assert {found[kind].mutation for kind in ("integrity", "security")} == {False}


def test_keys_alone_leave_the_gates_to_detection(tmp_path: Path) -> None:
    config = read("[gates]\ncoverage = 100\n", tmp_path)
    found = wanted_gates(config, ("a.py", "tests/test_a.py"), lambda path: None)
    assert {gate.kind: gate.coverage for gate in found} | {"pytest": 100} == {
        gate.kind: gate.coverage for gate in found
    }
    assert sum(gate.coverage for gate in found) == 100


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[gates]\nmutaton = true\n", "did you mean gates.mutation?"),
        ("[gates]\nfast = true\n", "keys here: coverage, failed_first, mutation"),
        ("[evidence]\nmutation = true\n", "write its keys into [gates]"),
        ("[gates]\ncoverage = '80'\n", "a value of that type"),
        ("[gates]\ncoverage = 101\n", "correct it"),
        ("[gates]\ncoverage = -1\n", "correct it"),
        ("gates = 3\n", "a value of that type"),
    ],
)
def test_what_is_no_key_or_no_share_is_refused(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text, tmp_path)
    assert said in caught.value.fix
