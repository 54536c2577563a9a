"""Who pursues a run: a lock that the kernel takes back from the dead."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness.journal import Journal, RunHeld, UnknownRun
from tests.journal_support import open_run

HOLDER = """
import sys, time
from pathlib import Path
from harness.journal import Journal
with Journal(Path(sys.argv[1])).hold("r1"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_run_is_held_by_one_and_let_go_of(tmp_path: Path) -> None:
    journal, _ = open_run(tmp_path / "journal.db")
    assert not journal.is_held("r1")
    with journal.hold("r1"):
        assert journal.is_held("r1")
        assert not journal.is_held("r2")
        with pytest.raises(RunHeld) as caught, Journal(journal.path).hold("r1"):
            pass
        assert caught.value.run == "r1"
        assert caught.value.fix
        assert journal.is_held("r1")
    assert not journal.is_held("r1")
    assert list((tmp_path / "runs").iterdir()) == []


def test_an_error_lets_go_too(tmp_path: Path) -> None:
    journal, _ = open_run(tmp_path / "journal.db")
    with pytest.raises(RuntimeError), journal.hold("r1"):
        raise RuntimeError
    assert not journal.is_held("r1")


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal, _ = open_run(path)
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    assert journal.is_held("r1")
    with pytest.raises(RunHeld), journal.hold("r1"):
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not journal.is_held("r1")
    with journal.hold("r1"):  # over the file that the dead one left
        assert journal.is_held("r1")


def test_looking_never_keeps_anybody_from_holding(tmp_path: Path) -> None:
    journal, _ = open_run(tmp_path / "journal.db")
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            journal.is_held("r1")

    thread = threading.Thread(target=look)
    thread.start()
    for _ in range(50):
        with journal.hold("r1"):
            pass
    over.set()
    thread.join()


def test_of_many_who_want_to_hold_one_does(tmp_path: Path) -> None:
    journal, _ = open_run(tmp_path / "journal.db")
    inside, most, refused = [0], [0], [0]
    lock = threading.Lock()

    def want() -> None:
        for _ in range(20):
            try:
                with journal.hold("r1"):
                    with lock:
                        inside[0] += 1
                        most[0] = max(most[0], inside[0])
                    with lock:
                        inside[0] -= 1
            except RunHeld:
                refused[0] += 1

    threads = [threading.Thread(target=want) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 1
    assert refused[0] < 120


@pytest.mark.parametrize("run", ["../../etc/passwd", "", "a/b", ".", ".."])
def test_a_name_leads_nowhere_else(tmp_path: Path, run: str) -> None:
    journal, _ = open_run(tmp_path / "journal.db")
    with pytest.raises(UnknownRun):
        journal.is_held(run)
    with pytest.raises(UnknownRun):
        journal.hold(run)
