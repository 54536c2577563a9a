"""What a user waits for at every command: the start of the program, and the commands that only look."""

import sys
from collections.abc import Iterator
from statistics import median

from bench import figures, process
from bench.context import Context
from bench.figures import Figure, Unmeasurable
from bench.history import MANY, home
from bench.house import environ, program

TIMES = 4
"""These take a tenth of a second: this many for each of the `runs`."""
FLOOR = "python"
COMMANDS = {
    "help": (["--help"], 10),
    "ls_help": (["ls", "--help"], 10),
    "ls_10": (["ls"], 10),
    "ls_10000": (["ls"], MANY),
    "show": (["show", "last"], 10),
}
"""Arguments, and how many runs the journal lists."""


def measure(context: Context) -> Iterator[Figure]:
    """All of them in turn, so that a busy minute is everyone's. The first turn only fills the bytecode."""
    bare = environ(context.scratch, context.bytecode)
    commands = {FLOOR: ([sys.executable, "-c", "pass"], bare)}
    for name, (arguments, runs) in COMMANDS.items():
        if context.wants(name):
            commands[name] = [program(), *arguments], environ(home(context.scratch, runs), context.bytecode)
    walls: dict[str, list[float]] = {name: [] for name in commands}
    cpus: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(1 + TIMES * context.runs):
        for name, (command, env) in commands.items():
            ran = process.run(command, cwd=context.scratch, env=env)
            if ran.code != 0:
                raise Unmeasurable(f"{' '.join(command)} ended with {ran.code}: {ran.err}")
            if turn:
                walls[name].append(ran.wall * 1000)
                cpus[name].append(ran.cpu * 1000)
    for name, samples in walls.items():
        floor = None if name == FLOOR else ("python -c pass", walls[FLOOR])
        yield figures.of(name, samples, beside=floor, note=f"CPU {median(cpus[name]):.0f} ms")
