"""After a command nothing of it is left: at its deadline, at its end, when it is interrupted."""

import threading
import time

import pytest

from sandboxes.base import Result, Sandbox
from tests.sandbox_support import processes

pytest_plugins = ("tests.sandbox_fixtures",)

TRICKS = {
    "plain": "sleep 1000",
    "child": "sleep 1000 & sleep 1000",
    "setsid": "setsid sleep 1000 & sleep 1000",
    "double fork": "(setsid sh -c 'sleep 1000 & sleep 1000' &) ; sleep 1000",
    "sigterm ignored": "trap '' TERM; while true; do sleep 1000; done",
    "everything ignored": "trap '' TERM HUP INT QUIT USR1; setsid sh -c 'while true; do sleep 1; done' & wait",
    "stopped": "kill -STOP $$",
    "stopped child": "sleep 1000 & kill -STOP $!; wait",
    "child holds stdout": "sleep 1000 >&1 & exec sleep 1000",
    "breeding": "f() { sleep 0.05; f & f & wait; }; ulimit -u 200; f",
    "exits on sigterm": "trap 'exit 0' TERM; sleep 1000 & wait",
}


@pytest.mark.parametrize("line", TRICKS.values(), ids=TRICKS)
def test_at_the_deadline_everything_dies(box: Sandbox, line: str) -> None:
    result = box.run(f"echo begun; {line}", timeout=0.4)
    assert (result.exit_code, result.timed_out) == (124, True)
    assert result.stdout.startswith(b"begun\n")
    assert processes(box) == []


@pytest.mark.parametrize(
    "line",
    [
        "sleep 1000 & true",
        "setsid sleep 1000 & true",
        "(setsid sh -c 'sleep 1000 & sleep 1000' &)",
        "nohup sleep 1000 >/dev/null 2>&1 &",
        "sleep 1000 >/dev/null & disown",
        "python3 -c 'import os, time\nif os.fork() == 0:\n os.setsid()\n if os.fork() == 0: time.sleep(1000)'",
    ],
)
def test_what_a_finished_command_leaves_behind_dies_too(box: Sandbox, line: str) -> None:
    result = box.run(f"echo said; {line}", timeout=60)
    assert (result.exit_code, result.timed_out, result.stdout) == (0, False, b"said\n")
    assert processes(box) == []


def test_a_late_writer_of_the_same_command_is_heard(box: Sandbox) -> None:
    result = box.run("echo first > >(sleep 0.05; cat; echo last)")
    assert result.stdout == b"first\nlast\n"


def test_output_before_the_deadline_is_kept(box: Sandbox) -> None:
    result = box.run("seq 1 100000; sleep 1000", timeout=1, cap=1_000_000)
    assert result.timed_out
    assert result.stdout.endswith(b"\n100000\n")


def test_what_is_said_on_sigterm_is_kept(box: Sandbox) -> None:
    result = box.run("trap 'echo saved; exit 5' TERM; sleep 1000 & wait", timeout=0.4)
    assert (result.exit_code, result.stdout) == (124, b"saved\n")


def interrupted(box: Sandbox, line: str) -> Result:
    """Run until the command has said something, then interrupt it from another thread."""
    box.run("rm -f /tmp/begun")
    results: list[Result] = []
    runner = threading.Thread(target=lambda: results.append(box.run(f"touch /w/begun; {line}", timeout=300)))
    runner.start()
    while runner.is_alive() and not results:
        time.sleep(0.2)
        box.interrupt()
    runner.join()
    return results[0]


@pytest.mark.parametrize("line", ["sleep 1000", "trap '' TERM; sleep 1000", "setsid sleep 1000; true"])
def test_an_interrupted_command_ends_and_the_next_one_runs(box: Sandbox, line: str) -> None:
    result = interrupted(box, line)
    assert (result.exit_code, result.timed_out, result.oom) == (137, False, False)
    assert processes(box) == []
    assert box.run("echo next").stdout == b"next\n"


def test_an_interrupt_of_nothing_hits_nothing(box: Sandbox) -> None:
    for _ in range(20):
        box.interrupt()
    assert box.run("echo fine").exit_code == 0


def test_an_interrupt_that_comes_too_late_spares_the_next_command(box: Sandbox) -> None:
    stop = threading.Event()

    def hammer() -> None:
        while not stop.wait(0.001):
            box.interrupt()

    thread = threading.Thread(target=hammer)
    thread.start()
    try:
        assert {box.run("true").exit_code for _ in range(30)} <= {0, 137}
    finally:
        stop.set()
        thread.join()
    assert [box.run("echo $((1+1))").stdout for _ in range(10)] == [b"2\n"] * 10


def test_threads_take_turns(box: Sandbox) -> None:
    answers: dict[int, bytes] = {}

    def ask(number: int) -> None:
        answers[number] = box.run(f"sleep 0.0{number % 5}; echo {number}").stdout

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: f"{number}\n".encode() for number in range(16)}
