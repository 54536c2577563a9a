"""Kill -9 at any moment loses nothing that was acknowledged, and many processes share one file."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.journal import Journal
from tests.journal_support import created

WRITER = """
import os, sys
from pathlib import Path
from harness.events import Notice, ToolFinished
from harness.journal import Journal, StaleEpoch
path, run, name, batches = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
journal = Journal(path)
epoch = journal.claim(run, name)
for n in range(batches):
    events = [Notice(what=f"{name}:{n}:{i}") for i in range(n % 3 + 1)]
    call = f"{name}:{n}"
    events.append(ToolFinished(conversation="m", call=call, name="bash", status="ok", micros=1, output="x" * 400))
    try:
        records = journal.append(run, epoch, *events)
    except StaleEpoch:
        epoch = journal.claim(run, name)
        continue
    os.write(1, f"{records[-1].seq} {call}\\n".encode())  # said only after it is durable
"""


def writer(path: Path, run: str, name: str, batches: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), run, name, str(batches)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def acknowledged(output: bytes) -> dict[str, int]:
    """What a writer said was stored: batch -> sequence number. A line that was cut by the kill says nothing."""
    lines = output.decode().split("\n")[:-1]
    return {line.split()[1]: int(line.split()[0]) for line in lines}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_kills_lose_no_acknowledged_event(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    path = tmp_path / "journal.db"
    with Journal(path) as journal:
        journal.create("r1", created())
    said: dict[str, int] = {}
    for life in range(6):
        process = writer(path, "r1", f"life{life}", 100_000)
        assert process.stdout is not None
        first = process.stdout.readline()  # it is at work
        time.sleep(chance.uniform(0, 0.08))
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        said |= acknowledged(first + rest)
        with Journal(path) as journal:
            found = journal.verify("r1")
            assert found.ok, f"seed {seed}, life {life}: {found}"
            records = list(journal.read("r1"))
        stored = {getattr(record.event, "call", ""): record.seq for record in records}
        for batch, seq in said.items():
            assert stored[batch] == seq, f"seed {seed}, life {life}: batch {batch} is lost"
        whole = [record for record in records if getattr(record.event, "call", "")]
        for record in whole:  # a batch is there as a whole: its notices stand before its last event
            name, n = record.event.call.split(":")  # type: ignore[union-attr]
            before = records[record.seq - 1 - (int(n) % 3 + 1) : record.seq - 1]
            assert [r.event.what for r in before] == [f"{name}:{n}:{i}" for i in range(int(n) % 3 + 1)]  # type: ignore[union-attr]
        assert len(records) == 1 + (life + 1) + sum(int(r.event.call.split(":")[1]) % 3 + 2 for r in whole)  # type: ignore[union-attr]
    assert len(said) > 6


def test_processes_append_to_runs_of_their_own_at_once(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal(path) as journal:
        for n in range(3):
            journal.create(f"r{n}", created())
        processes = [writer(path, f"r{n}", f"host:{n}", 60) for n in range(3)]
        for process in processes:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors.decode()
        for n in range(3):
            found = journal.verify(f"r{n}")
            assert (found.ok, found.events) == (True, 2 + sum(batch % 3 + 2 for batch in range(60)))


def test_processes_that_fight_for_one_run_never_mix(tmp_path: Path) -> None:
    """Each claim fences the others; what was acknowledged is there, in the epoch of who wrote it."""
    path = tmp_path / "journal.db"
    with Journal(path) as journal:
        journal.create("r1", created())
        processes = [writer(path, "r1", f"host:{n}", 60) for n in range(3)]
        said: dict[str, int] = {}
        for process in processes:
            output, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors.decode()
            said |= acknowledged(output)
        assert journal.verify("r1").ok
        records = list(journal.read("r1"))
        owners = {record.epoch: record.event.owner for record in records if hasattr(record.event, "owner")}
        stored = {record.event.call: record for record in records if hasattr(record.event, "call")}
        assert {batch: record.seq for batch, record in stored.items()} == said
        assert all(owners[record.epoch] == batch.rsplit(":", 1)[0] for batch, record in stored.items())
        assert len(owners) >= 3


def test_a_journal_is_light_to_import() -> None:
    """`ls` must not wait for an SDK: nothing heavy comes in with the journal."""
    code = (
        "import sys, harness.journal; "
        "heavy = {'anthropic', 'docker', 'textual', 'git', 'rich', 'click', 'asyncio', 'httpx', 'pydantic', 'difflib',"
        " 'subprocess'}; print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


GREEDY = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
try:
    print(db.execute("PRAGMA journal_mode = DELETE").fetchone()[0])
except sqlite3.OperationalError:
    print("locked")
"""


def test_a_second_journal_in_the_process_does_not_drop_the_locks_of_the_first(tmp_path: Path) -> None:
    """Closing any descriptor of the file would; another process could then take the log away, and reads go wrong."""
    path = tmp_path / "journal.db"
    with Journal(path) as first:
        first.create("run-1", created())
        with Journal(path):
            pass
        taken = subprocess.run([sys.executable, "-c", GREEDY, str(path)], capture_output=True, text=True, check=True)
        assert taken.stdout.strip() == "locked"
