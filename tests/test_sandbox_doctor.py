"""`probe()`: true on this machine, and able to say no."""

from pathlib import Path

import pytest

from sandboxes.base import Image, Resources, Spec
from sandboxes.docker import DockerEngine
from sandboxes.doctor import SECOND_BEST, limits, walls
from sandboxes.inside.disk import usage

pytest_plugins = ("tests.sandbox_fixtures",)

FINE = {
    "Uid": ["1000"] * 4, "CapEff": ["0" * 16], "CapPrm": ["0" * 16], "NoNewPrivs": ["1"], "Seccomp": ["2"],
    "Root": ["ro"], "Links": ["lo"], "Memory": ["1000"], "Pids": ["10"], "Cpu": ["1000", "100000"],
}  # fmt: skip
SPEC = Spec(image="x", seed=Path("/"), run="r", purpose="p", resources=Resources(memory_mb=1, pids=10, millicpus=10))


def test_every_check_is_made_and_explained(docker_engine: DockerEngine, docker_image: Image) -> None:
    checks = {check.name: check for check in docker_engine.probe()}
    assert list(checks) == ["docker", "disk", "image", "workspace", "limits", "isolation"]
    assert all(check.what for check in checks.values())
    assert all(check.why and check.fix for check in checks.values() if not check.ok)
    assert {name for name in ("docker", "image", "workspace", "isolation") if checks[name].ok} == {
        "docker", "image", "workspace", "isolation",
    }  # fmt: skip
    assert checks["workspace"].what in ("overlay", SECOND_BEST)
    assert not list((docker_engine.home).glob("probe-*"))


def test_the_reason_for_the_slower_workspace_is_told(tmp_path: Path, docker_image: Image) -> None:
    engine = DockerEngine(tmp_path / "ho,me")
    (check,) = [check for check in engine.probe() if check.name == "workspace"]
    assert (check.ok, check.what, "has a character" in check.why) == (True, SECOND_BEST, True)


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("Uid", ["0", "1000", "1000", "1000"], "an unprivileged user"),
        ("CapEff", ["00000000a80425fb"], "no capabilities"),
        ("NoNewPrivs", ["0"], "no new privileges"), ("Seccomp", ["0"], "seccomp"), ("Root", ["rw"], "a read-only root"),
        ("Links", ["eth0", "lo"], "no network"), ("Seccomp", [], "seccomp"),
    ],
)  # fmt: skip
def test_a_hole_in_the_wall_is_named(name: str, value: list[str], named: str) -> None:
    (good,) = walls(FINE, 1000)
    (bad,) = walls({**FINE, name: value}, 1000)
    assert (good.ok, good.why) == (True, "")
    assert (bad.ok, bad.why) == (False, f"missing: {named}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Memory", ["9223372036854771712"]),
        ("Memory", []),
        ("Pids", ["max"]),
        ("Cpu", ["-1"]),
        ("Cpu", ["max", "100000"]),
    ],
)
def test_a_limit_that_is_not_held_is_named(name: str, value: list[str]) -> None:
    (good,) = limits(FINE, SPEC)
    (bad,) = limits({**FINE, name: value}, SPEC)
    assert good.ok
    assert (bad.ok, name.lower() in bad.what) == (False, True)


def test_usage_counts_blocks_not_lengths_and_follows_nothing(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/file").write_bytes(b"x" * 1_000_000)
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    (tmp_path / "up").symlink_to("/usr")
    (tmp_path / "loop").symlink_to(tmp_path)
    total, hidden = usage(str(tmp_path))
    assert (1_000_000 <= total <= 1_200_000, hidden) == (True, False)
    assert usage(str(tmp_path), 4_096)[0] < 1_000_000  # enough is enough
    assert usage(str(tmp_path / "gone")) == (0, False)
