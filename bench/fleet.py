"""The full screen over many living runs: another process writes them, and this one is the terminal's other end."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench import figures
from bench.context import Context
from bench.figures import Figure
from bench.house import ROOT, environ, program
from bench.screen import DOWN, Screen

RUNS, RATE = 20, 20
"""Living runs, and events a second in each."""
SECONDS = 8
KEYS = 20
WRITER = f"""
import sys, time
from contextlib import ExitStack
from pathlib import Path
from bench.history import CREATED
from harness.events import ModelReplied, ModelRequested, ToolFinished, ToolStarted, Usage
from harness.journal import Journal

def turn(call):
    talk = {{"conversation": "maker.1", "call": call, "model": "maker"}}
    tool = {{"conversation": "maker.1", "call": f"t{{call}}", "name": "bash"}}
    yield ModelRequested(**talk, attempt=1, reserved=1000)
    yield ModelReplied(**talk, stop_reason="tool_use", usage=Usage(input=9, output=9), cost=500, calls=1, micros=9,
                       text=f"Looking at place {{call}}.")
    yield ToolStarted(**tool, summary="ls")
    yield ToolFinished(**tool, status="ok", micros=1000, output="." * 200)

with Journal(Path(sys.argv[1])) as journal, ExitStack() as held:
    epochs = {{}}
    for n in range({RUNS}):
        held.enter_context(journal.hold(f"live{{n:02}}"))
        journal.create(f"live{{n:02}}", CREATED)
        epochs[f"live{{n:02}}"] = journal.claim(f"live{{n:02}}", "bench:1")
    print("ready", flush=True)
    call, due = 0, time.monotonic()
    while True:
        call += 1
        for run, epoch in epochs.items():
            journal.append(run, epoch, *turn(call))
        due += 4 / {RATE}
        time.sleep(max(0, due - time.monotonic()))
"""


def measure(context: Context) -> Iterator[Figure]:
    """CPU and memory of the viewer while all runs go on, then keys."""
    home = context.scratch / "home-fleet"
    home.mkdir(exist_ok=True)
    env = environ(home, context.bytecode) | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(home / "journal.db")], cwd=ROOT, env=env, stdout=subprocess.PIPE
    )
    try:
        if not writer.stdout or writer.stdout.readline() != b"ready\n":
            raise figures.Unmeasurable("the runs cannot be written")
        with Screen([program(), "tui"], context.scratch, env) as screen:
            screen.until(b"live19")
            _drain(screen, 3)
            before, began = _cpu(screen.pid), time.monotonic()
            _drain(screen, SECONDS)
            share = (_cpu(screen.pid) - before) / (time.monotonic() - began) * 100
            memory = _memory(screen.pid)
            keys = [screen.press(DOWN) * 1000 for _ in range(KEYS)]
    finally:
        writer.kill()
        writer.wait()
    yield figures.of("fleet_cpu", [share], note=f"{RUNS} runs, {RATE} events/s each")
    yield figures.of("fleet_memory", [memory])
    yield figures.tail("fleet_key", keys)


def _drain(screen: Screen, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        screen.take(0.1)


def _cpu(pid: int) -> float:
    """Seconds of user and system time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> float:
    """The resident set in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024
