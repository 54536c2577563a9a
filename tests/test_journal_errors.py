"""Whatever a disk, a lock or a stranger does to the file: one clear error, and nothing half stored."""

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness.events import Notice
from harness.journal import Journal, JournalUnavailable
from tests.journal_support import open_run


def explained(error: JournalUnavailable) -> bool:
    return bool(error.what and error.why and error.fix)


def test_no_room_for_the_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "journal.db", tmp_path / "file" / "a" / "journal.db", tmp_path):
        with pytest.raises(JournalUnavailable) as caught:
            Journal(path)
        assert explained(caught.value)
        assert str(path) in caught.value.what


@pytest.mark.parametrize(
    "content", [b"hello, I am no database\n" * 40, os.urandom(8192), b"SQLite format 3\0" + b"\xff" * 4080]
)
def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(content)
    with pytest.raises(JournalUnavailable) as caught:
        Journal(path)
    assert explained(caught.value)
    assert path.read_bytes() == content


def test_a_lock_that_is_not_given_up(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    open_run(path)[0].close()
    journal = Journal(path, patience=0.05)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalUnavailable, match="locked") as caught:
        journal.append("r1", 1, Notice(what="x"))
    assert explained(caught.value)
    assert len(list(journal.read("r1"))) == 2  # reading goes on
    other.execute("ROLLBACK")
    journal.append("r1", 1, Notice(what="x"))


def test_a_lock_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal, epoch = open_run(path)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.2, lambda: other.execute("COMMIT"))
    release.start()
    assert journal.append("r1", epoch, Notice(what="x"))[0].seq == 3
    release.join()


def test_a_file_that_was_taken_away_is_not_written_into_the_void(tmp_path: Path) -> None:
    """SQLite would go on writing to a deleted file, and all of it would be gone with the process."""
    path = tmp_path / "journal.db"
    journal, epoch = open_run(path)
    path.rename(tmp_path / "elsewhere.db")
    for _ in range(2):
        with pytest.raises(JournalUnavailable, match="moved or deleted") as caught:
            journal.append("r1", epoch, Notice(what="x"))
        assert explained(caught.value)
    (tmp_path / "elsewhere.db").rename(path)
    assert journal.append("r1", epoch, Notice(what="x"))[0].seq == 3
    path.unlink()
    with pytest.raises(JournalUnavailable, match="moved or deleted"):
        journal.append("r1", epoch, Notice(what="x"))
    path.write_bytes(b"")  # another file in its place is not ours
    with pytest.raises(JournalUnavailable, match="moved or deleted"):
        journal.append("r1", epoch, Notice(what="x"))


def test_a_damaged_file_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal, epoch = open_run(path)
    journal.append("r1", epoch, *(Notice(what=f"{n}" * 50) for n in range(200)))
    journal.close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        root = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'events'").fetchone()[0]
        page = db.execute("PRAGMA page_size").fetchone()[0]
    with path.open("r+b") as file:
        file.seek((root - 1) * page)
        file.write(b"\xff" * page)
    with Journal(path) as again, pytest.raises(JournalUnavailable, match="damaged") as caught:
        list(again.read("r1"))
    assert explained(caught.value)


FULL = """
import resource, sys
from pathlib import Path
from harness.events import Notice
from harness.journal import Journal, JournalUnavailable
journal = Journal(Path(sys.argv[1]))
epoch = journal.claim("r1", "host:2")
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))  # the kernel refuses writes beyond: a full disk
stored = 0
try:
    while True:
        journal.append("r1", epoch, *(Notice(what="x" * 500) for _ in range(7)))
        stored += 7
except JournalUnavailable as error:
    print(stored, bool(error.what and error.why and error.fix), "free some space" in error.fix)
assert len(list(journal.read("r1"))) == 3 + stored
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
journal.append("r1", epoch, Notice(what="there is room again"))
print(journal.verify("r1").ok, journal.verify("r1").events - stored)
"""


def test_a_full_disk_loses_nothing_and_tears_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    open_run(path)[0].close()
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.split("\n")[:2]
    assert int(first.split()[0]) > 0
    assert first.split()[1:] == ["True", "True"]
    assert second == "True 4"


def test_the_files_are_private(tmp_path: Path) -> None:
    path = tmp_path / "home" / "journal.db"
    journal, epoch = open_run(path)
    journal.append("r1", epoch, Notice(what="x"))
    assert path.parent.stat().st_mode & 0o077 == 0
    for file in path.parent.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file
