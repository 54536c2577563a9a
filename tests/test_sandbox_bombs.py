"""Bombs: each is contained, reported as what it was, and the next command answers."""

import contextlib
import resource
import signal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandboxes.base import FileRefused, Resources, SandboxGone
from sandboxes.hardening import INODES
from sandboxes.inside.disk import OFTEN, SELDOM, SPEED, pause
from tests.sandbox_support import GROW, Opener, processes

pytest_plugins = ("tests.sandbox_fixtures",)


def test_a_fork_bomb(open_box: Opener) -> None:
    box = open_box(resources=Resources(pids=64))
    result = box.run("bomb() { bomb | bomb & }; bomb; sleep 1000", timeout=1)
    assert result.exit_code != 0
    assert result.bomb == "pids"
    assert processes(box) == []
    assert box.run("echo alive").bomb == ""
    assert box.run(["python3", "-c", "import os\nwhile True: os.fork()"], timeout=1).bomb == "pids"
    assert box.run("echo alive").stdout == b"alive\n"


def test_a_memory_bomb_is_told_from_other_kills(open_box: Opener) -> None:
    box = open_box(resources=Resources(memory_mb=128, tmp_mb=16))
    result = box.run(["python3", "-c", "x = []\nwhile True: x.append(bytearray(1 << 20))"])
    assert (result.exit_code, result.oom, result.timed_out, result.bomb) == (137, True, False, "oom")
    child = box.run("python3 -c 'x = bytearray(1 << 30)'; echo survived $?", timeout=60)
    assert (child.stdout.splitlines()[-1], child.oom) == (b"survived 137", True)
    own = box.run("kill -9 $$")
    assert (own.exit_code, own.oom) == (137, False)


def test_many_processes_that_eat_memory(open_box: Opener) -> None:
    box = open_box(resources=Resources(memory_mb=128, tmp_mb=16))
    eat = "for i in $(seq 30); do python3 -c 'import time; x = bytearray(20 << 20); time.sleep(30)' & done; wait"
    assert box.run(eat, timeout=4).oom
    assert processes(box) == []
    assert box.run("echo alive").stdout == b"alive\n"


@pytest.mark.parametrize("place", ["/tmp", "/home/agent", "/dev/shm"])
def test_a_full_memory_disk_is_an_error_of_the_command_alone(open_box: Opener, place: str) -> None:
    box = open_box(resources=Resources(tmp_mb=8))
    result = box.run(f"cat /dev/zero > {place}/fill")
    assert result.exit_code != 0
    assert b"No space left on device" in result.stdout
    if place == "/tmp":
        many = "rm /tmp/fill; i=0; while : > /tmp/f$i; do i=$((i+1)); [ $i -lt 200000 ] || break; done; echo $i"
        assert int(box.run(many).stdout.split()[-1]) <= INODES
    assert box.run("echo alive").stdout == b"alive\n"
    # An output that is spilled has a place of its own, which the agent cannot fill.
    spill = box.run("seq 1 100000", cap=10).spill
    assert spill is not None
    assert box.read(spill).endswith(b"\n100000\n")


def test_a_full_disk_does_not_cost_the_old_content(open_box: Opener) -> None:
    box = open_box(resources=Resources(tmp_mb=8))
    box.write("/tmp/kept", b"precious")
    box.run("cat /dev/zero > /tmp/fill")
    for path in ("/tmp/kept", "/tmp/new"):
        with pytest.raises(FileRefused) as refused:
            box.write(path, b"x" * 100_000)
        assert refused.value.why == "No space left on device"
    assert box.read("/tmp/kept") == b"precious"
    assert box.run("ls /tmp").stdout == b"fill\nkept\n"


def test_one_file_has_a_limit(open_box: Opener) -> None:
    box = open_box(resources=Resources(file_mb=4))
    result = box.run("cat /dev/zero > /w/huge")
    assert (result.exit_code, result.bomb) == (128 + signal.SIGXFSZ, "file")
    assert box.run("stat -c %s /w/huge").stdout == b"%d\n" % (4 << 20)
    assert box.run("truncate -s 10G /w/sparse").exit_code != 0


def test_many_files_fill_the_workspace_and_are_stopped(open_box: Opener) -> None:
    box = open_box(resources=Resources(disk_mb=16, file_mb=4))
    for _ in range(2):  # the second finds the disk full, and may not make it fuller
        result = box.run(GROW, timeout=100)
        assert (result.exit_code, result.disk, result.timed_out, result.bomb) == (137, True, False, "disk")
    assert 16 <= int(box.run("du -sm /w | cut -f1").stdout) <= 1_000
    cleaned = box.run("sleep 0.3; rm -f /w/f*; sleep 0.3")
    assert (cleaned.exit_code, cleaned.disk) == (0, False)
    assert box.run("head -c 1000000 /dev/zero > /w/more; sleep 0.3").bomb == ""
    hidden = box.run(f"mkdir h; chmod 300 h; cd h; {GROW}", timeout=100)  # nobody but root can list that
    assert hidden.bomb == "disk"


@given(st.integers(min_value=0, max_value=1 << 40), st.integers(min_value=1 << 20, max_value=1 << 40))
@settings(max_examples=50, deadline=None)
def test_the_disk_is_looked_at_before_it_can_be_a_tenth_over_its_limit(room: int, limit: int) -> None:
    assert pause(room, limit) * SPEED <= max(room + limit / 10, SPEED * OFTEN) * 1.000_001
    assert OFTEN <= pause(-room, limit) <= SELDOM


def test_many_empty_files_count_too(open_box: Opener) -> None:
    box = open_box(resources=Resources(disk_mb=4))
    many = "import itertools\nfor i in itertools.count(): open(f'/w/{i}', 'w').close()"
    assert box.run(["python3", "-c", many], timeout=100).bomb == "disk"
    assert box.run("echo alive").stdout == b"alive\n"


@pytest.mark.parametrize("size", [100_000_000, pytest.param(1_000_000_000, marks=pytest.mark.soak)])
def test_endless_output_leaves_no_trace_in_the_harness(open_box: Opener, size: int) -> None:
    box = open_box()
    box.run("head -c 5000000 /dev/zero")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = box.run(f"head -c {size} /dev/zero", timeout=300)
    assert result.elided == size - 100_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000
    assert result.spill is not None
    assert box.run(f"stat -c %s {result.spill}").stdout == b"67108864\n"


def test_a_command_that_reads_no_limits_cannot_raise_them(open_box: Opener) -> None:
    box = open_box()
    assert box.run("ulimit -c; ulimit -Hn; ulimit -f").stdout == b"0\n4096\n1048576\n"
    for line in ("ulimit -Hn 9999", "ulimit -f unlimited", "ulimit -c 1"):
        assert box.run(line).exit_code != 0


def test_a_bomb_in_a_file_operation_ends_at_worst_in_a_named_way(open_box: Opener) -> None:
    box = open_box(resources=Resources(memory_mb=64, tmp_mb=40))
    box.run("head -c 38000000 /dev/zero > /tmp/data")
    with contextlib.suppress(FileRefused, SandboxGone):
        assert len(box.read("/tmp/data", limit=100_000_000)) == 38_000_000
    with contextlib.suppress(SandboxGone):
        assert box.run("echo alive").stdout == b"alive\n"
