"""`loopwright watch` as a user runs it: a process of its own beside the processes that write."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.journal import Journal, Record
from tests.tui_support import (
    Author,
    accepted,
    baseline,
    judged,
    made,
    open_journal,
    rejected,
    succeeded,
    turn,
    whole_run,
)

LOOPWRIGHT = Path(sys.executable).with_name("loopwright")
DEADLINE = 120
"""Seconds after which a test gives up waiting; no test asserts how long anything took."""
WRITER = """
import sys, time
from pathlib import Path
from tests.tui_support import Author, baseline, open_journal
author = Author(open_journal(Path(sys.argv[1])), sys.argv[2])
author.write(*baseline())
print("ready", flush=True)
for line in sys.stdin:
    author.write(*baseline())
"""


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path) as opened:
        yield opened


class Watching:
    """A `watch` under way; its lines as they come."""

    def __init__(self, home: Path, *args: str) -> None:
        self.process = subprocess.Popen(
            [LOOPWRIGHT, "watch", *args],
            env=os.environ | {"LOOPWRIGHT_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.out: queue.Queue[str | None] = queue.Queue()
        self.err: queue.Queue[str | None] = queue.Queue()
        for stream, lines in ((self.process.stdout, self.out), (self.process.stderr, self.err)):
            threading.Thread(target=self._pump, args=(stream, lines), daemon=True).start()

    @staticmethod
    def _pump(stream: Iterator[str], lines: "queue.Queue[str | None]") -> None:
        for line in stream:
            lines.put(line.rstrip("\n"))
        lines.put(None)

    def begun(self) -> str:
        """The first line on stderr: from here on nothing is missed."""
        return self.err.get(timeout=DEADLINE) or ""

    def line(self) -> str | None:
        return self.out.get(timeout=DEADLINE)

    def rest(self) -> list[str]:
        found = []
        while (line := self.line()) is not None:
            found.append(line)
        return found

    def end(self) -> int:
        return self.process.wait(DEADLINE)


Start = Callable[..., Watching]


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Start]:
    started: list[Watching] = []

    def start(*args: str) -> Watching:
        started.append(Watching(tmp_path, *args))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()


def finish(author: Author) -> None:
    author.write(*accepted(1), *succeeded())
    author.leave()


def test_a_named_run_is_followed_until_it_ends(journal: Journal, watch: Start) -> None:
    author = Author(journal, "one")
    author.write(*baseline())
    seen = watch("one")
    assert seen.begun() == "one: baseline, iteration 0/6, $0.00 of $2.00"
    author.write(*made(1))
    first = seen.line() or ""
    assert first.split()[1:] == ["·", "iteration", "1", "with", "maker-model"], "only what is new"
    author.write(*judged(1))
    finish(author)
    lines = seen.rest()
    assert any("✓ gate tests on candidate 1" in line for line in lines)
    assert "succeeded" in lines[-1]
    assert seen.end() == 0


def test_json_gives_each_record_once_from_the_first(journal: Journal, watch: Start) -> None:
    author = Author(journal, "one")
    author.write(*baseline(), *made(1))
    seen = watch("one", "--all", "--json")
    seen.begun()
    author.write(*judged(1), *rejected(1))
    finish(author)
    records = [json.loads(line) for line in seen.rest()]
    stored = list(journal.read("one"))
    assert [(record["seq"], record["hash"]) for record in records] == [(r.seq, r.hash) for r in stored]
    assert {record["run"] for record in records} == {"one"}
    assert set(records[0]) == set(Record.__struct_fields__)
    assert seen.end() == 0


def test_all_living_runs_are_followed_and_new_ones_join(journal: Journal, watch: Start) -> None:
    whole_run(journal, "old")
    dead = Author(journal, "dead", held=False)
    one = Author(journal, "one")
    seen = watch()
    assert seen.begun() == "one: starting, iteration 0/6, $0.00 of $2.00"
    assert (seen.begun(), dead.run) == ("interrupted, to be resumed with `loopwright resume RUN`: dead", "dead")
    one.write(*baseline())
    assert (seen.line() or "").startswith("one  ")
    two = Author(journal, "two")
    while not (line := seen.line() or "").startswith("two  "):
        assert line.startswith("one  ")
    assert "run: " in line, "a new run is followed from its first event"
    finish(one)
    finish(two)
    lines = seen.rest()
    assert {line.split()[0] for line in lines} == {"one", "two"}
    assert seen.end() == 0


def test_a_killed_writer_is_reported_with_the_way_on(journal: Journal, watch: Start, tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, tmp_path, "one"],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert writer.stdout
        assert writer.stdin
        assert writer.stdout.readline() == "ready\n"
        seen, as_json = watch("one"), watch("one", "--json")
        seen.begun(), as_json.begun()
        writer.stdin.write("go on\n")
        writer.stdin.flush()
        assert "gate tests on base" in (seen.line() or "")
        assert json.loads(as_json.line() or "")["event"]["type"] == "gate.started"
    finally:
        writer.kill()
        writer.wait()
    assert seen.rest()[-1] == "interrupted: its process is gone; go on with: loopwright resume one"
    assert all(json.loads(line)["run"] == "one" for line in as_json.rest()), "stdout holds records alone"
    assert "loopwright resume one" in as_json.begun()
    assert (seen.end(), as_json.end()) == (0, 0)


def test_a_run_that_has_ended_is_said_to_have(journal: Journal, watch: Start) -> None:
    whole_run(journal, "one")
    seen = watch("one")
    assert seen.begun().startswith("one has ended: succeeded: every gate is green")
    assert seen.rest() == []
    assert seen.end() == 0


def test_nothing_to_watch_is_said(journal: Journal, watch: Start) -> None:
    seen = watch()
    assert "no run is going on" in seen.begun()
    assert seen.end() == 0


def test_an_unknown_run_is_an_error_of_use(journal: Journal, watch: Start) -> None:
    seen = watch("nothing")
    assert "no run 'nothing'" in seen.begun()
    assert seen.end() == 2


def test_ctrl_c_ends_the_watching_and_leaves_the_run_alone(journal: Journal, watch: Start) -> None:
    author = Author(journal, "one")
    seen = watch("one")
    seen.begun()
    author.write(*turn(1, 1))
    assert "says: I will parse both forms." in (seen.line() or "")
    seen.process.send_signal(signal.SIGINT)
    assert seen.end() == 130
    assert "Traceback" not in "".join(filter(None, iter(seen.begun, "")))
    assert journal.is_held("one")
    assert journal.commands("one") == ()


def test_a_reader_that_goes_away_ends_it_quietly(journal: Journal, tmp_path: Path) -> None:
    author = Author(journal, "one")
    author.write(*baseline())
    process = subprocess.Popen(
        [LOOPWRIGHT, "watch", "one", "--all"],
        env=os.environ | {"LOOPWRIGHT_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    process.stdout.readline()
    process.stdout.close()
    author.write(*made(1))
    assert process.wait(DEADLINE) in (0, 1), "it ended although the run goes on"
    assert process.stderr
    with process.stderr as said:
        assert said.read() == "one: baseline, iteration 0/6, $0.00 of $2.00\n"
    author.leave()
