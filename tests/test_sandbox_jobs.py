"""Background processes: they outlive commands, keep what they print, and nothing else profits from them."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sandboxes.base import FileRefused, Process, Progress, Resources, Sandbox, SandboxGone
from sandboxes.docker import DockerEngine
from tests.sandbox_support import Opener, processes

pytest_plugins = ("tests.sandbox_fixtures",)

SERVER = "python3 -u -m http.server --bind 127.0.0.1 8123"


def until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not look():
        assert time.monotonic() < deadline, "it does not come to pass"
        time.sleep(0.02)


def ended(process: Process) -> tuple[Progress, bytes]:
    """Wait for its end: the last progress, and all it printed."""
    printed = b""
    while True:
        told = process.poll()
        printed += told.output
        if told.exit_code is not None:
            return told, printed
        time.sleep(0.02)


def test_a_server_in_the_background_serves_the_commands(box: Sandbox) -> None:
    server = box.start(SERVER)
    get = "python3 -c \"import urllib.request as u; print(u.urlopen('http://127.0.0.1:8123/README').read())\""
    until(lambda: box.run(get).stdout == b"b'hello\\n'\n")
    assert box.run(get).stdout == b"b'hello\\n'\n"
    assert box.read("README") == b"hello\n"
    told = server.poll()
    assert (told.exit_code, b"GET /README" in told.output) == (None, True)
    assert server.poll().output == b""
    assert server.kill().exit_code == 137
    assert (server.poll().exit_code, server.kill().exit_code) == (137, 137)
    assert processes(box) == []


def test_output_and_exit_code_are_kept_until_they_are_asked_for(box: Sandbox) -> None:
    done = box.start("echo out; echo err >&2; exit 7")
    box.run("sleep 0.2")
    told, printed = ended(done)
    assert (told.exit_code, printed, told.elided) == (7, b"out\nerr\n", 0)
    missing, said = ended(box.start(["/no/such"]))
    assert (missing.exit_code, said) == (127, b"/no/such: No such file or directory\n")


def test_of_much_output_the_end_is_kept(box: Sandbox) -> None:
    loud = box.start("seq 1 1000000; echo done; sleep 1000")
    total, last = 0, b""
    while not last.endswith(b"done\n"):
        told = loud.poll(cap=1_000)
        assert len(told.output) <= 1_000
        total, last = total + told.elided + len(told.output), (last + told.output)[-1_000:]
    loud.kill()
    assert total == 6_888_896 + 5


def test_a_command_takes_its_own_leftovers_along_and_spares_the_job(box: Sandbox) -> None:
    job = box.start("while true; do sleep 1; done")
    for line in ("sleep 1000 & true", "setsid sleep 1000 & true", "(setsid sh -c 'sleep 1000 & sleep 1000' &)"):
        assert box.run(f"echo said; {line}").stdout == b"said\n"
        assert [line for line in processes(box) if "1000" in line] == []
    assert box.run("sleep 1000", timeout=0.2).timed_out
    assert box.run("kill -9 $$").exit_code == 137
    assert job.poll().exit_code is None
    job.kill()
    assert processes(box) == []


def test_a_daemon_of_a_job_is_nobodys(box: Sandbox) -> None:
    job = box.start("setsid sleep 1000 & sleep 2000 & wait")
    box.run("sleep 0.1")
    assert [line.split(" ", 1)[1].strip() for line in processes(box) if "bash" not in line] == ["sleep 2000"]
    job.kill()
    assert processes(box) == []


def test_a_fork_bomb_beside_a_job_ends_all_the_same(open_box: Opener) -> None:
    box = open_box(resources=Resources(pids=64))
    job = box.start("sleep 1000")
    bomb = box.run("bomb() { bomb | bomb & }; bomb; sleep 1000", timeout=0.5)
    assert (bomb.exit_code != 0, bomb.bomb) == (True, "pids")
    assert box.run("echo alive").stdout == b"alive\n"
    assert job.poll().exit_code in (None, 137)  # bred too fast to be told apart, it is taken along
    job.kill()
    assert processes(box) == []


def test_a_job_that_is_a_bomb_stays_within_its_bounds(open_box: Opener) -> None:
    box = open_box(resources=Resources(pids=64, memory_mb=128, tmp_mb=16))
    breeding = box.start("bomb() { bomb | bomb & }; bomb; sleep 1000")
    eating = box.start(["python3", "-c", "x = []\nwhile True: x.append(bytearray(1 << 20))"])
    until(lambda: eating.poll().exit_code is not None)
    breeding.kill()
    until(lambda: box.run("echo alive").stdout == b"alive\n")
    assert processes(box) == []


def test_there_are_only_so_many(open_box: Opener) -> None:
    box = open_box()
    jobs = [box.start("sleep 1000") for _ in range(8)]
    with pytest.raises(FileRefused, match="8 background processes"):
        box.start("sleep 1000")
    jobs[3].kill()
    jobs[3] = box.start("sleep 1000")
    assert len({job.kill().exit_code for job in jobs}) == 1
    survivor = box.start("sleep 1000")
    box.close()
    with pytest.raises(SandboxGone):
        survivor.poll()


def test_the_directory_of_a_shell_is_kept_for_who_wants_it(box: Sandbox) -> None:
    first = box.run("cd src && export LOST=1", cwd=None)
    assert (first.cwd, first.exit_code) == ("/w/src", 0)
    assert box.run('pwd; echo "[$LOST]"', cwd=None).stdout == b"/w/src\n[]\n"
    assert (box.run("pwd").stdout, box.run("pwd").cwd) == (b"/w\n", "")
    assert box.run(["pwd"], cwd=None).stdout == b"/w/src\n"
    assert box.run("cd deep; exit 3", cwd=None).cwd == "/w/src/deep"
    assert box.run("cd /; sleep 1000", cwd=None, timeout=0.2).timed_out
    assert box.run("mkdir /tmp/gone; cd /tmp/gone", cwd=None).cwd == "/tmp/gone"
    box.run("rmdir /tmp/gone")
    assert box.run("pwd", cwd=None).stdout == b"/w\n"
    assert box.run("nonsense(", cwd=None).exit_code == 2
    for trick in ("mkdir $'/tmp/\\xff'; cd $'/tmp/\\xff'", "echo ../.. >&9; exec true", "exec 9>&-"):
        assert box.run(f"cd /w; {trick}", cwd=None).cwd.startswith("/")
    assert box.run("pwd", cwd=None).exit_code == 0
    assert box.run("cd /w", cwd=None).cwd == "/w"


REACH = """
import ctypes, os, time
libc = ctypes.CDLL(None, use_errno=True)
def attempt(what):
    try:
        return f"reached {what()!r}"
    except OSError as error:
        return error.strerror
def ptrace(pid):
    if libc.ptrace(16, pid, 0, 0):  # PTRACE_ATTACH
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
me, seen = os.getpid(), set()
while len(seen) < 2:
    seen |= {int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != me}
for pid in sorted(seen):
    for what in (
        lambda: os.kill(pid, 9), lambda: ptrace(pid), lambda: os.listdir(f"/proc/{pid}/fd"),
        lambda: open(f"/proc/{pid}/mem", "r+b"), lambda: open(f"/proc/{pid}/environ", "rb").read(),
    ):
        print(pid, attempt(what))
"""


def test_the_fork_that_waits_for_the_next_command_is_out_of_reach(box: Sandbox) -> None:
    told, printed = ended(box.start(["python3", "-c", REACH]))
    assert told.exit_code == 0, printed
    rows = [line.partition(" ") for line in printed.decode().splitlines()]
    assert len({pid for pid, _, _ in rows}) == 2, "PID 1 and the one that stands by"
    assert {said for _, _, said in rows} <= {"Operation not permitted", "Permission denied"}, printed
    assert box.run("echo next").stdout == b"next\n"


def test_the_death_of_the_fork_that_waits_is_made_good(box: Sandbox, docker_engine: DockerEngine) -> None:
    titles = docker_engine.client.top(box.id)
    number, parent = titles["Titles"].index("PID"), titles["Titles"].index("PPID")
    kin = {int(row[number]): int(row[parent]) for row in titles["Processes"]}
    waiting = next(pid for pid in kin if kin[pid] in kin)
    first = kin[waiting]
    os.kill(waiting, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{waiting}").exists())
    for number in range(3):
        assert box.run(f"echo {number}").stdout == f"{number}\n".encode()
    assert Path(f"/proc/{first}").exists()
