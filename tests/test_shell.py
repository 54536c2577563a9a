"""`loopwright shell` in a real terminal, beside a run that is under way."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest

from harness.events import CandidateMade, SandboxOpened, ShellClosed, ShellOpened
from sandboxes.base import SandboxGone
from sandboxes.docker import DockerEngine
from tests.conftest import FIX, House, Play, finish, git, step, tool
from tests.sandbox_support import containers
from tests.scripted.script import Ask, Step
from tests.tui_terminal import Terminal


@contextmanager
def typed(house: House, *args: str) -> Iterator[Terminal]:
    terminal = Terminal(house.home, *args, command="shell", NO_COLOR="")
    try:
        yield terminal
    finally:
        terminal.close()


def from_the_screen(house: House) -> None:
    """`e` lends the whole terminal to the shell, and what is pressed for that one never ends the screen."""
    screen = Terminal(house.home, "last", NO_COLOR="")
    try:
        screen.until("making")
        screen.until("Shell")
        screen.settle()
        since = len(screen.written)
        screen.type(b"e")
        screen.until("read-only]", since)
        assert b"\x1b[?1049l" in screen.written[since:]
        screen.send("ls httprange; echo li''sted\r", "listed")
        assert b"parse.py" in screen.written[since:]
        screen.resize(90, 30)
        screen.send("until stty size | grep '^30 90'; do sleep 0.1; done\r", "30 90\r\n")
        screen.send("sh -c \"echo aw''ake; exec sleep 100\"\r", "awake")
        screen.send("\x03", "read-only]")
        screen.send("exit 7\r", "exit code 7; Enter goes back")
        screen.settle()
        screen.send("\x03", "^C")  # the kernel sends it to everybody at this terminal
        since = len(screen.written)
        screen.type(b"\x04")
        screen.until("\x1b[?1049h", since)
        screen.until("Transcript", since)
        screen.settle()
        screen.send("3", "GATE")
        screen.settle()
        screen.type(b"q")
        assert screen.end() == 0
    finally:
        screen.close()


def test_a_person_looks_into_a_run_and_it_is_on_the_record(house: House, play: Play) -> None:
    looked, arrived = threading.Event(), threading.Event()

    def wait(_: Ask) -> Step:
        arrived.set()
        assert looked.wait(120)
        return msgspec.convert(step(FIX), Step)

    play([[step(tool("bash", command="true")), wait, step(finish())]])
    run = house.start("run", "fix it", "--progress", "none")
    assert arrived.wait(120)
    engine = DockerEngine(house.home)
    try:
        with typed(house) as terminal:
            terminal.until("read-only]")
            terminal.send("id -u; grep -c . /proc/self/status\r", str(engine.uid))
            terminal.send("grep CapEff /proc/self/status\r", "0000000000000000")
            terminal.send("ls /sys/class/net; cat httprange/parse.py | head -3; echo li''sted\r", "listed")
            terminal.send("touch httprange/new; echo co''de $?\r", "code 1")
            assert "Read-only file system" in terminal.text
            terminal.send("stty size\r", "40 120")
            terminal.resize(70, 20)
            terminal.send("until stty size | grep '^20 70'; do sleep 0.1; done\r", "20 70\r\n")
            # It speaks when it has the terminal: before that a Ctrl-C is for the shell that starts it.
            terminal.send("sh -c \"echo aw''ake; exec sleep 100\"\r", "awake")
            terminal.send("\x03", "read-only]")  # Ctrl-C ends the command in there, not the session
            terminal.send("exit 7\r", "exit")
            assert terminal.end() == 7
        from_the_screen(house)
        with typed(house, "last", "--write") as terminal:
            terminal.until("read-write]")
            terminal.send("echo from a person > person.txt; echo do''ne\r", "done")
            shells = containers(engine, purpose="shell")
            assert len(shells) == 1
            host = engine.client.inspect_container(shells[0]["Id"])["HostConfig"]
            assert (host["CapDrop"], host["CapAdd"], host["ReadonlyRootfs"]) == (["ALL"], None, True)
            assert host["NetworkMode"].startswith("container:")
            terminal.process.kill()  # whatever becomes of the person, nothing stays behind
            terminal.process.wait()
            while containers(engine, purpose="shell"):
                time.sleep(0.05)
    finally:
        looked.set()
    assert run.wait(120) == 0
    events = [record.event for record in house.records()]
    maker = next(e.sandbox for e in events if isinstance(e, SandboxOpened) and e.purpose == "maker")
    opened = [event for event in events if isinstance(event, ShellOpened)]
    assert [(event.sandbox, event.writable) for event in opened] == [(maker, False), (maker, False), (maker, True)]
    assert all(event.principal for event in opened)
    assert len([e for e in events if isinstance(e, ShellClosed) and e.micros > 0]) == 2  # the other one was killed
    candidate = next(event for event in events if isinstance(event, CandidateMade))
    assert "person.txt" in candidate.paths
    assert git(house.repo, "status", "--porcelain") == ""
    log = house("log", "last").out
    assert "opens a shell" in log
    with pytest.raises(SandboxGone):
        engine.terminal(maker, writable=False)
    refused = house("shell", "last")
    assert (refused.code, "needs a terminal" in refused.err) == (2, True)
    with typed(house) as terminal:
        assert terminal.end() == 3
        assert "has no sandbox to look into now" in terminal.text
