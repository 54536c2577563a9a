"""What is measured: the words of each row, its target, and what the best peers need for the same.

Peers and targets come from one survey: mini-swe-agent 2.4.6, SWE-agent, inspect_ai 0.3.285, the OpenHands SDK, Codex
CLI and pi on one machine with 2 cores, Python 3.11 and Docker 20.10, with the same scripted model and the same
scenario: turns that each run one shell command of about 200 bytes of output, then the end. That machine is not this
one: compare ratios rather than times. `bare` peers execute without a sandbox.
"""

from typing import Literal

import msgspec

Unit = Literal["ms", "s", "MB", "x", "/s", "%"]


class Measure(msgspec.Struct, frozen=True):
    """One row of the table. `target` is the most it may be, `p95` the most in 19 of 20; None where none was set."""

    text: str
    unit: Unit
    target: float | None = None
    peer: str = ""
    p95: float | None = None


CATALOGUE: dict[str, Measure] = {
    "python": Measure("python -c pass", "ms", None, "10 ms: that machine's floor"),
    "help": Measure("loopwright --help", "ms", 120, "77 ms Codex"),
    "ls_help": Measure("loopwright ls --help", "ms", 100),
    "ls_10": Measure("loopwright ls, 10 runs", "ms", 120),
    "ls_10000": Measure("loopwright ls, 10,000 runs", "ms", 120),
    "show": Measure("loopwright show", "ms", 120),
    "first_request": Measure("start to first model request, warm", "s", 1.3, "3.4 s mini-swe-agent; bare 0.24 s Codex"),
    "gap": Measure("gap per turn, 50 turns", "ms", None, "77 (96) ms mini-swe-agent; bare 10.6 (22) ms pi"),
    "wall_50": Measure("run of 50 turns: wall", "s", 2.0, "8.8 s mini-swe-agent; bare 1.5 s pi"),
    "cpu_50": Measure("run of 50 turns: CPU of the harness", "s", 1.8, "6.1 s mini-swe-agent; bare 1.9 s pi"),
    "memory_50": Measure("run of 50 turns: peak memory", "MB", 110, "259 MB inspect_ai; bare 148 MB pi"),
    "gap_5": Measure("gap at turn 5", "ms", 6, "80 ms mini-swe-agent; bare 20 ms pi"),
    "gap_50": Measure("gap at turn 50", "ms", 8, "88 ms mini-swe-agent; bare 21 ms pi"),
    "gap_200": Measure("gap at turn 200", "ms", 12, "111 ms mini-swe-agent; bare 14 ms pi"),
    "growth": Measure("gap growth, turn 200 over 5", "x", 2.5, "1.2 x inspect_ai; bare 0.7 x pi"),
    "eight_wall": Measure("eight agents, 8 x 50 turns: wall", "s", 6, "41 s mini-swe-agent; bare 10.6 s pi"),
    "eight_memory": Measure("eight agents: peak memory", "MB", 150, "1,830 MB inspect_ai; bare 576 MB Codex"),
    "each_memory": Measure("each further agent: memory", "MB", 4, "a process each: 72 MB Codex"),
    "open": Measure("sandbox: open to first answer", "s", 0.5, "0.32 s mini-swe-agent", 1.0),
    "open_hosts": Measure("sandbox: the same, with named hosts", "s", 1.0),
    "command": Measure("sandbox: command overhead", "ms", 5, "74 ms mini-swe-agent"),
    "close": Measure("sandbox: close", "ms", 100),
    "gone": Measure("sandbox: close until it is gone", "ms", None, "200 ms inspect_ai"),
    "refused": Measure("sandbox: the slowest of ten refusals, no network", "ms", 1_000),
    "outgrown": Measure("sandbox: a disk bomb's growth over its limit of 1 GB", "%", 10),
    "ready_2000": Measure("2,000 files: sandbox ready, first `git status`", "s", 0.5, "", 1.0),
    "commits_out": Measure("2,000 files: commits out, verified", "ms", 150),
    "checkpoint": Measure("2,000 files: checkpoint", "ms", 150),
    "rollback": Measure("2,000 files: rollback in place", "ms", 150),
    "gate_ready": Measure("2,000 files: gate container ready at a candidate", "s", 0.7),
    "eight_2000": Measure("2,000 files: eight sandboxes ready together", "s", 3),
    "crash": Measure("crash cleanup: harness killed, container gone", "s", 1),
    "flat": Measure("harness's peak memory while 1 GB is printed", "MB", 20),
    "seed_50000": Measure("50,000 files: seed, once", "s"),
    "ready_50000": Measure("50,000 files: sandbox ready, first `git status`", "s", 1),
    "cached_gate": Measure("verdict of a cached gate", "ms", 50),
    "clean_room": Measure("clean room ready", "s", 0.5),
    "tests_gate": Measure("tests gate on a candidate", "s"),
    "demo": Measure("make demo", "s"),
    "integrity_5000": Measure("integrity gate, 5,000 changed lines", "s", 0.5),
    "suite_over_bare": Measure("gates of a candidate less 1 s, over the bare commands in one sandbox", "x", 1.25),
    "append": Measure("journal: durable append", "ms", None, "0.13-0.38 ms: that machine's prototype"),
    "append_floor": Measure("journal: durable append over a page written and fsynced", "x", 3),
    "batch": Measure("journal: 1,000 appends in a batch", "ms", 200),
    "open_100000": Measure("journal: open a run of 100,000 events", "ms", 250),
    "list_10000": Measure("journal: list 10,000 runs", "ms", 150),
    "first_paint": Measure("full screen: first paint", "ms", 350),
    "key": Measure("full screen: key to paint, p95", "ms", 60),
    "fleet_cpu": Measure("full screen: 20 live runs x 20 events/s, share of a core", "%", 15),
    "fleet_memory": Measure("full screen: the same, memory", "MB", 90),
    "fleet_key": Measure("full screen: the same, key to paint, p95", "ms", 250),
    "screen_open": Measure("full screen: open a run of 100,000 events", "ms", 250),
    "screen_page": Measure("full screen: a page of it", "ms", 20),
    "screen_find": Measure("full screen: a word 5,000 events before", "ms", 50),
    "screen_diff": Measure("full screen: diff of 20 x 1,000 lines, CPU", "s", 0.5),
    "screen_growth": Measure("full screen: memory, 500,000 events over 100,000", "x", 1.1),
    "action_cold": Measure("GitHub Action, install, nothing cached", "s", 15),
    "action_warm": Measure("GitHub Action, install, packages cached", "s", 3),
}
