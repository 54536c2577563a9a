"""Kill -9 at any moment loses nothing: no event, no candidate, no money, and never a second branch."""

import random
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from harness.events import BranchMade, CandidateMade, ModelFailed, ModelReplied, ModelRequested, ToolStarted
from tests.conftest import (
    FIX,
    GOAL,
    MAKER,
    TEST,
    House,
    Play,
    fingerprint,
    finish,
    git,
    step,
    tool,
    verdict,
)
from tests.forked import Forked
from tests.scripted.script import Ask, Step

KILLS, SEEDS = 25, 8
"""200 kills in all; every seed is a repository of its own, so that the workers share them."""

SLEEP = tool("bash", command="sleep 600")
LOOK, READ = tool("bash", command="ls"), tool("read", file_path="httprange/parse.py")


def stubborn(*steps: dict[str, Any]) -> Callable[[Ask], Step]:
    """Plays the steps in order, and one whose call a crash interrupted once more, as a model would."""

    def play_on(ask: Ask) -> Step:
        heard = [message["content"] for message in ask.body["messages"] if message["role"] == "user"][1:]
        done = sum("harness was restarted" not in str(content) for content in heard)
        return msgspec.convert(steps[min(done, len(steps) - 1)], Step)

    return play_on


# Both repairs work from whatever a crash left of the line, and the test is added once.
SPOIL = tool("bash", command="sed -i 's/int(first), size - 2/int(first), size/' httprange/parse.py")
MEND = tool("bash", command="sed -i -E 's/(= int\\(first\\), size)( - 2)?$/\\1 - 1/' httprange/parse.py")
ONCE = tool("bash", command=f"grep -q test_open_ended tests/test_parse.py || {TEST['input']['command']}")
SCRIPT = [
    {
        "match": "Iteration 1 of",
        "again": True,
        "default": stubborn(step(LOOK), step(SPOIL), step(READ), step(finish())),
    },
    {"match": "Iteration ", "again": True, "default": stubborn(step(MEND), step(ONCE), step(finish()))},
]
CHECKS = [{"again": True, "steps": [verdict()]}]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_random_kills(house: House, play: Play, seed: int) -> None:
    chance = random.Random(seed)
    server = play(SCRIPT, CHECKS)
    before = fingerprint(house.repo)
    kills, runs, idle, seen = 0, 0, 0, 0
    while kills < KILLS:
        args = ["run", GOAL, "--progress", "none", "--max-cost", "100"]  # every kill may cost a whole reservation
        runs += 1
        while True:
            process = house.fork(*args)
            if not process.wait(min(chance.expovariate(2.0) * (1 + idle), 10.0)):
                process.kill()
                kills += 1
                events = check_chain(house)
                begun = house.journal.runs()
                idle, seen = (idle + 1 if events <= seen + 1 else 0), events  # a claim alone gets nowhere
                if begun and len(begun) == runs:
                    args = ["resume", begun[0].run, "--progress", "none"]
                continue
            assert process.returncode == 0, f"seed {seed}: {process.output()}"
            break
    finished = [row for row in house.journal.runs() if row.outcome]
    assert all(row.outcome == "succeeded" for row in finished)
    made = house.branches()
    assert len(made) == len(finished) == len(set(made))
    for row in finished:
        check_run(house, row.run)
    changed = {name for name, data in fingerprint(house.repo).items() if before.get(name) != data}
    assert {name for name in changed if "refs/heads/loopwright" not in name} == set()
    assert server.breaches == []


def check_chain(house: House) -> int:
    """What was acknowledged is there, in order, unbroken; how many events that is."""
    verified = [house.journal.verify(row.run) for row in house.journal.runs()]
    assert all(one.ok for one in verified), verified
    return sum(one.events for one in verified)


def check_run(house: House, run: str) -> None:
    """One branch at the judged tree; every candidate exists; every attempt is accounted for."""
    events = [record.event for record in house.records(run)]
    made = [event for event in events if isinstance(event, BranchMade)]
    assert len(made) == 1
    assert git(house.repo, "rev-parse", made[0].branch) == made[0].commit
    store = next((house.home / "store").glob("*.git"))
    for event in events:
        if isinstance(event, CandidateMade):
            assert git(store, "rev-parse", f"{event.commit}^{{tree}}") == event.tree
    requested = sum(isinstance(event, ModelRequested) for event in events)
    replied = sum(isinstance(event, ModelReplied) for event in events)
    failed = sum(isinstance(event, ModelFailed) for event in events)
    open_holds = house.state(run).accounts.holds
    assert requested == replied + failed + len(open_holds)


def test_a_killed_maker_goes_on_in_its_conversation_and_its_tree(house: House, play: Play) -> None:
    """The tool call that was running is answered as interrupted; nothing before it is asked or done again."""
    slow = tool("bash", command="touch httprange/began; sleep 600")
    server = play([[step(FIX), step(slow), step(TEST), step(finish())]])
    process = sleeping(house)
    assert containers(house)
    time.sleep(0.5)
    process.kill()
    wait_for(lambda: not containers(house))  # the sandbox dies with its harness
    done = house("resume", "last", "--json")
    assert done.code == 0, done.err
    assert done.document["iterations"] == 1
    maker = [request for request in server.requests if request.body["model"] == MAKER]
    assert [len(request.body["messages"]) for request in maker] == [1, 3, 5, 7]
    assert "restarted" in str(maker[2].body["messages"][-1])
    assert git(house.repo, "show", f"{done.document['branch']}:httprange/parse.py").count("size - 1") == 3


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_salvages_and_resume_goes_on_where_it_was(house: House, play: Play, number: int, code: int) -> None:
    server = play([[step(FIX), step(SLEEP), step(TEST), step(finish())]])
    process = sleeping(house, "--max-iterations", "1")
    second = house("resume", "last")
    assert second.code == 3
    assert "being pursued" in second.err
    process.signal(number)
    assert process.wait(120)
    assert process.returncode == code, process.output()
    assert house.state().finished is not None
    assert house.state().finished.outcome == "cancelled"
    assert "size - 1" in house("diff").out
    wait_for(lambda: not containers(house))
    assert house.branches() == []
    done = house("resume", "last", "--json")
    assert done.code == 0, done.err
    assert house.branches() == [done.document["branch"]]
    assert done.document["iterations"] == 1  # it is the same iteration that goes on
    maker = [request for request in server.requests if request.body["model"] == MAKER]
    assert [len(request.body["messages"]) for request in maker] == [1, 3, 5, 7]


def test_stop_from_another_terminal(house: House, play: Play) -> None:
    play([[step(SLEEP), step(finish())]])
    process = sleeping(house)
    assert house("stop").code == 0
    assert process.wait(120)
    assert process.returncode == 130
    assert house.state().finished.reason == "stopped by stop"


def test_a_stop_is_heard_in_a_busy_run(house: House, play: Play) -> None:
    play([{"steps": [step(tool("bash", command="date +%N"))], "repeat": 149, "then": [step(finish())]}])
    process = house.fork("run", GOAL, "--progress", "none")
    wait_for(lambda: house.journal.runs() and house.state().turns > 3)
    assert house("stop").code == 0
    assert process.wait(60)
    assert process.returncode == 130
    assert house.state().turns < 140


def test_more_money_takes_an_exhausted_run_on(house: House, play: Play) -> None:
    play([[step(FIX, TEST), step(finish())]])
    poor = house.run("--max-cost", "0.0001")
    assert (poor.code, poor.document["outcome"], poor.document["cost_usd"]) == (5, "exhausted", 0)
    done = house("resume", "last", "--max-cost", "5", "--json")
    assert done.code == 0, done.err


def sleeping(house: House, *more: str) -> Forked:
    """A run whose maker is in the midst of a long command."""
    process = house.fork("run", GOAL, "--progress", "none", *more)
    wait_for(lambda: house.journal.runs() and any("sleep 600" in begun for begun in commands(house)))
    return process


def commands(house: House) -> list[str]:
    """What the last run's tools were told to do."""
    return [record.event.input for record in house.records() if isinstance(record.event, ToolStarted)]


def wait_for(true: object, seconds: float = 60) -> None:
    """Wait until a condition holds."""
    assert callable(true)
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it never came about"
        time.sleep(0.05)


def containers(house: House) -> list[str]:
    """The running containers of the house's last run."""
    run = house.journal.runs()[0].run
    listed = ["docker", "ps", "-q", "--filter", f"label=loopwright.run={run}"]
    return subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
