"""The report of a command: a one-way pipe to PID 1 that nothing in the sandbox can read, take back or replace."""

from sandboxes.base import Sandbox

pytest_plugins = ("tests.sandbox_fixtures",)

ATTACK = """
import os, signal
os.write(3, b"first\\n")
for reach in (
    lambda: os.read(3, 100),
    lambda: os.open("/proc/self/fd/3", os.O_RDONLY),
    lambda: os.open("/proc/self/fd/3", os.O_WRONLY),
    lambda: os.ftruncate(3, 0),
    lambda: os.lseek(3, 0, 0),
    lambda: os.open("/proc/1/mem", os.O_RDONLY),
    lambda: os.listdir("/proc/1/fd"),
    lambda: os.kill(1, signal.SIGSTOP),
):
    try:
        reach()
        os.write(3, b"reached\\n")
    except OSError as error:
        os.write(3, f"{type(error).__name__}\\n".encode())
print("printed, not reported")
"""


def test_what_was_reported_stays_reported_and_is_nobodys_to_read(box: Sandbox) -> None:
    result = box.run(["python3", "-c", ATTACK], report=10_000)
    first, *said = result.report.decode().splitlines()
    assert first == "first"
    assert len(said) == 8
    assert "reached" not in said
    assert result.stdout == b"printed, not reported\n"
    assert result.report_lost == 0


def test_a_report_that_is_too_long_says_so_and_none_was_asked_for_without_one(box: Sandbox) -> None:
    long = box.run("head -c 300000 /dev/zero >&3; echo out; echo err >&2", report=1_000, merge=False)
    assert (long.stdout, long.stderr) == (b"out\n", b"err\n")
    assert (len(long.report), long.report_lost) == (1_000, 299_000)
    assert box.run("echo x >&3").exit_code != 0
    assert box.run("echo x >&3", report=1).report_lost == 1
