"""Drills: every breaker trips in a whole run, and is listed with its value and limit. No breaker is without one."""

import re

import msgspec
import pytest

from harness.events import ConversationOpened, RunFinished, RunParked, Told
from tests.conftest import ROOT, TEST, WRONG, edit, finish, step, tool
from tests.loop_support import MAKER, Rig
from tests.scripted.script import Step

pytest_plugins = ("tests.loop_fixtures",)

TRUE = step(tool("bash", command="true"))
LONG = {"text": "and on, and on", "stop_reason": "max_tokens"}
MALFORMED = {"tools": [{"name": "bash", "partial": '{"command": "ls'}] * 20}
SILENT = {**TRUE, "hang_after": 0}


def ended(how: RunFinished | RunParked) -> tuple[str, int]:
    assert isinstance(how, RunFinished), how
    assert how.next_step
    return how.outcome, how.exit_code


@pytest.mark.replayed("tokens, money, time, errors and repetition, each taken on with more")
@pytest.mark.drills("tokens", "money", "wall_clock", "error_rate", "repetition")
def test_a_run_that_meets_one_limit_after_the_other(rig: Rig) -> None:
    waits = ["a reply that never comes"]
    server = rig.play({MAKER: [[lambda ask: msgspec.convert(SILENT if waits else MALFORMED, Step)], [TRUE] * 9]})
    assert ended(rig.run(limits={"tokens": 1_000})) == ("exhausted", 5)
    assert ended(rig.resume(tokens=10**7, micro_usd=1_000)) == ("exhausted", 5)
    assert server.requests == []  # what could pass a limit is never sent
    limit = rig.state.active // 10**6 + 2
    assert ended(rig.resume(micro_usd=5 * 10**6, seconds=limit)) == ("exhausted", 5)
    waits.clear()  # it was not waited for
    assert ended(rig.resume(seconds=3_600)) == ("failed", 3)
    assert ended(rig.resume()) == ("stuck", 1)  # in a conversation of its own: what failed may have been mended
    assert [talk.conversation for talk in rig.of(ConversationOpened)] == ["maker.1", "maker.1.2"]
    assert [told.why for told in rig.of(Told)].count("repeat") == 1  # told at three
    tokens, money, clock, errors, repeats = rig.trips
    assert (tokens, money) == (("tokens", 0, 1_000, "tokens"), ("money", 0, 1_000, "micro-usd"))
    assert (clock[0], clock[1] >= limit, *clock[2:]) == ("wall_clock", True, limit, "s")
    assert (errors, repeats) == (("error_rate", 100, 60, "percent"), ("repetition", 4, 4, "calls"))


@pytest.mark.replayed("a model that does not stop talking")
@pytest.mark.drills("output_runaway")
def test_a_model_that_does_not_stop_talking_is_stopped(rig: Rig) -> None:
    rig.play({MAKER: [[LONG] * 9]})
    assert ended(rig.run()) == ("stuck", 1)
    assert rig.trips == [("output_runaway", 3, 3, "replies")]


@pytest.mark.replayed("the same failures, out of scope, out of iterations")
@pytest.mark.drills("iterations", "scope_paths", "unchanged_failures")
def test_two_iterations_that_get_nowhere(rig: Rig) -> None:
    again = edit("int(first), size\n", "int(first), size  # still\n")
    rig.play({MAKER: [[step(WRONG, TEST), step(finish())], [step(again), step(finish())]]})
    assert ended(rig.run(limits={"iterations": 2}, scope={"paths": ["docs/**"]}, escalation={"ask": ()})) == (
        "exhausted", 1,
    )  # fmt: skip
    assert ended(rig.resume(iterations=6)) == ("blocked", 7)
    assert ended(rig.resume(iterations=6, unchanged=2)) == ("stuck", 1)
    assert rig.trips == [
        ("iterations", 2, 2, "iterations"),
        ("scope_paths", 2, 2, "iterations"),
        ("unchanged_failures", 2, 2, "iterations"),
    ]


def test_no_breaker_is_without_a_drill() -> None:
    source = "".join((ROOT / "harness" / "loop" / name).read_text() for name in ("limits.py", "endings.py"))
    breakers = set(re.findall(r'\("([a-z_]+)", [^"]+?, [^"]+?, (?:"[a-z -]+"|unit)\)', source))
    tests = "".join(path.read_text() for path in (ROOT / "tests").glob("test_*.py"))
    drilled = {name for names in re.findall(r"\.drills\(([^)]*)\)\ndef ", tests) for name in re.findall(r"\w+", names)}
    listed = re.findall(r"^\| (`.+?`) \| ", (ROOT / "docs" / "runs.md").read_text().split("## Limits")[1], re.MULTILINE)
    assert len(breakers) == 14
    assert drilled == breakers
    assert {name for row in listed for name in re.findall(r"`(\w+)`", row)} == breakers
