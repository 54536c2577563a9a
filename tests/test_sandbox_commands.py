"""What a command sees and gives: arguments, input, environment, output, files."""

import ast
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandboxes import inside
from sandboxes.base import WORKSPACE, FileRefused, Sandbox
from sandboxes.inside.output import Output, Spills

pytest_plugins = ("tests.sandbox_fixtures",)


@pytest.mark.parametrize(("line", "code"), [("true", 0), ("exit 3", 3), ("kill -9 $$", 137), ("kill -15 $$", 143)])
def test_exit_code_says_how_it_ended(box: Sandbox, line: str, code: int) -> None:
    result = box.run(line)
    assert (result.exit_code, result.timed_out, result.oom) == (code, False, False)


def test_arguments_reach_the_program_untouched(box: Sandbox) -> None:
    nasty = ["a b", "$(id)", "'", '"', "*", "\n", "", "-n", "\udcff\udcfe"]
    result = box.run(["printf", r"%s\0", *nasty])
    assert result.stdout == b"\0".join(os.fsencode(word) for word in nasty) + b"\0"


def test_a_line_is_run_by_a_shell(box: Sandbox) -> None:
    assert box.run("echo $((6*7)) | tr 4 5").stdout == b"52\n"


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 40, b"line\n" * 400_000])
def test_standard_input_is_given_whole(box: Sandbox, data: bytes) -> None:
    assert box.run("cat", stdin=data, cap=4_000_000).stdout == data


def test_input_that_nobody_reads_hurts_nobody(box: Sandbox) -> None:
    assert box.run("exec 0<&-; echo done", stdin=b"x" * 3_000_000).stdout == b"done\n"


def test_the_environment_is_a_fixed_list(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_TOKEN", "host-secret")
    names = {line.split(b"=")[0].decode() for line in box.run(["env", "-0"]).stdout.split(b"\0") if line}
    assert names == {
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TERM", "CI", "NO_COLOR", "PAGER", "GIT_PAGER",
        "GIT_EDITOR", "GIT_TERMINAL_PROMPT", "PIP_NO_INPUT", "PIP_DISABLE_PIP_VERSION_CHECK", "DEBIAN_FRONTEND",
        "PYTHONDONTWRITEBYTECODE",
    }  # fmt: skip


def test_a_command_can_be_given_variables_for_itself_alone(box: Sandbox) -> None:
    assert box.run("echo $MINE $CI", env={"MINE": "1", "CI": "no"}).stdout == b"1 no\n"
    assert box.run("echo $MINE $CI").stdout == b"1\n"


def test_it_runs_in_the_clone_and_elsewhere_on_request(box: Sandbox) -> None:
    assert box.run("pwd; git status --porcelain; cat README").stdout == b"/w\nhello\n"
    assert box.run("pwd", cwd="/w/src/deep").stdout == b"/w/src/deep\n"


def test_what_cannot_start_says_why(box: Sandbox) -> None:
    missing = box.run(["no-such-program", "x"])
    assert (missing.exit_code, missing.stdout) == (127, b"no-such-program: No such file or directory\n")
    closed = box.run(["/w/README"])
    assert (closed.exit_code, closed.stdout) == (126, b"/w/README: Permission denied\n")
    nowhere = box.run("true", cwd="/w/none")
    assert (nowhere.exit_code, nowhere.stdout) == (126, b"/w/none: No such file or directory\n")
    huge = box.run(["echo", "x" * 200_000])
    assert (huge.exit_code, huge.stdout) == (126, b"echo: Argument list too long\n")


def test_merged_output_keeps_its_order_and_apart_it_is_apart(box: Sandbox) -> None:
    line = "echo 1; echo 2 >&2; echo 3; echo 4 >&2"
    merged, apart = box.run(line), box.run(line, merge=False)
    assert (merged.stdout, merged.stderr) == (b"1\n2\n3\n4\n", b"")
    assert (apart.stdout, apart.stderr) == (b"1\n3\n", b"2\n4\n")


def test_output_is_bytes(box: Sandbox) -> None:
    data = random.Random(1).randbytes(90_000)
    box.write("/tmp/data", data)
    assert box.run("cat /tmp/data").stdout == data


def test_long_output_keeps_head_and_tail_and_the_rest_in_a_file(box: Sandbox) -> None:
    result = box.run("seq 1 1500000", cap=1_001)
    whole = "".join(f"{n}\n" for n in range(1, 1_500_001)).encode()
    assert len(whole) > 10_000_000
    assert result.stdout == whole[:500] + whole[-501:]
    assert result.elided == len(whole) - 1_001
    assert result.spill is not None
    assert box.read(result.spill, limit=20_000_000) == whole
    assert box.run(["tail", "-1", result.spill]).stdout == b"1500000\n"


def test_each_stream_has_its_own_cap(box: Sandbox) -> None:
    result = box.run("seq 1 1000 >&2; seq 1 10", cap=100, merge=False)
    assert result.stdout == "".join(f"{n}\n" for n in range(1, 11)).encode()
    assert len(result.stderr) == 100
    assert result.stderr.startswith(b"1\n2\n")
    assert result.stderr.endswith(b"\n1000\n")
    assert result.spill is not None
    assert box.read(result.spill).splitlines()[500] == b"501"


def test_the_agent_cannot_forge_the_whole_output(box: Sandbox) -> None:
    spill = box.run("seq 1 1000", cap=10).spill
    assert spill is not None
    for line in (f"echo forged > {spill}", f"rm -f {spill}", f"mv /run/output /run/x || touch {spill}.x"):
        assert box.run(line).exit_code != 0
    assert box.read(spill).startswith(b"1\n2\n3\n")


def test_a_cap_of_nothing_keeps_nothing(box: Sandbox) -> None:
    result = box.run("echo 12345", cap=0)
    assert (result.stdout, result.elided) == (b"", 6)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=30), st.integers(0, 400), st.integers(1, 3_000))
def test_head_tail_and_spill_fit_together(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes], cap: int, limit: int
) -> None:
    directory = tmp_path_factory.mktemp("spills")
    output = Output(cap, Spills(limit, directory=str(directory)))
    for chunk in chunks:
        output.add(chunk)
    whole, kept = b"".join(chunks), output.kept()
    if len(whole) <= cap:
        assert kept == whole
        assert output.number is None
    else:
        half = cap // 2
        assert kept == whole[:half] + whole[len(whole) - (cap - half) :]
        assert (directory / str(output.number)).read_bytes() == whole[:limit]


def test_only_the_last_spills_are_kept(tmp_path: Path) -> None:
    spills = Spills(10, keep=2, directory=str(tmp_path))
    for _ in range(5):
        output = Output(0, spills)
        output.add(b"x")
        output.kept()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["4", "5"]


@pytest.mark.parametrize("data", [b"", b"text\n", bytes(range(256)) * 5_000])
def test_a_file_comes_back_as_it_was_written(box: Sandbox, data: bytes) -> None:
    box.write("new/deep/file", data)
    assert box.read("new/deep/file", limit=2_000_000) == data
    assert box.read(f"{WORKSPACE}/new/deep/file", limit=2_000_000) == data
    assert box.run("stat -c %U:%a new/deep/file; rm -r new").stdout in (b"agent:644\n", b"UNKNOWN:644\n")


def test_writing_keeps_mode_links_and_shortens(box: Sandbox) -> None:
    box.run("mkdir /tmp/t; cd /tmp/t; echo long content > real; chmod 755 real; ln -s real link; ln real hard")
    box.write("/tmp/t/link", b"new")
    shown = box.run("cd /tmp/t; cat hard; stat -c ' %a' real; readlink link; rm -r /tmp/t").stdout
    assert shown == b"new 755\nreal\n"


def test_a_name_that_is_no_utf8(box: Sandbox) -> None:
    name = os.fsdecode(b"/tmp/\xff\xfe")
    box.write(name, b"data")
    assert box.run("cat $'/tmp/\\xff\\xfe'").stdout == b"data"
    assert box.read(name) == b"data"


@pytest.mark.parametrize(
    ("prepare", "path", "why"),
    [
        ("true", "/tmp/none", "No such file or directory"),
        ("mkdir -p /tmp/dir", "/tmp/dir", "it is a directory"),
        ("mkfifo /tmp/fifo", "/tmp/fifo", "it is not a regular file"),
        ("true", "/dev/zero", "it is not a regular file"),
        ("ln -sf /dev/zero /tmp/zero", "/tmp/zero", "it is not a regular file"),
        ("ln -sf /tmp/loop /tmp/loop", "/tmp/loop", "Too many levels of symbolic links"),
        ("touch /tmp/shut; chmod 0 /tmp/shut", "/tmp/shut", "Permission denied"),
        ("seq 1 1000000 > /tmp/big", "/tmp/big", "it has 6888896 bytes, more than the 1000000 allowed here"),
        (
            "truncate -s 1000M /tmp/sparse",
            "/tmp/sparse",
            "it has 1048576000 bytes, more than the 1000000 allowed here",
        ),
        ("true", "/proc/1/environ", "Permission denied"),
        ("true", "/etc/shadow", "Permission denied"),
        ("true", "/tmp/nul\0byte", "embedded null byte"),
    ],
)
def test_reading_refuses(box: Sandbox, prepare: str, path: str, why: str) -> None:
    assert box.run(prepare).exit_code == 0
    with pytest.raises(FileRefused) as refused:
        box.read(path)
    assert refused.value.why == why


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/etc/passwd", "Permission denied"),
        ("/proc/1/mem", "Permission denied"),
        ("/run/x", "Permission denied"),
        ("/w/src", "it is a directory"),
        ("/w/README/x", "File exists"),
        ("/dev/full", "it is not a regular file"),
    ],
)
def test_writing_refuses(box: Sandbox, path: str, why: str) -> None:
    with pytest.raises(FileRefused) as refused:
        box.write(path, b"x")
    assert refused.value.why == why


def test_a_fifo_with_a_reader_is_no_file_to_write(box: Sandbox) -> None:
    box.run("mkfifo /tmp/trap")
    with pytest.raises(FileRefused):
        box.write("/tmp/trap", b"x")


def test_what_grows_while_it_has_no_size_is_bounded(box: Sandbox) -> None:
    assert b"Linux" in box.read("/proc/version")
    with pytest.raises(FileRefused):
        box.read("/proc/kallsyms", limit=1_000)


def test_absurd_requests_are_the_callers_fault(box: Sandbox) -> None:
    with pytest.raises(ValueError, match="empty"):
        box.run([])
    with pytest.raises(ValueError, match="limited"):
        box.run("true", cap=1 << 40)
    assert box.run("kill -s SEGV $$").exit_code == 128 + signal.SIGSEGV


def test_what_travels_into_containers_is_plain_old_python() -> None:
    # Images bring their own Python: nothing newer than 3.8, and nothing that is not in its standard library.
    for path in sorted(Path(inside.__file__).parent.glob("*.py")):
        if path.stem == "__init__":
            continue
        assert path.stem in inside.MODULES
        for node in ast.walk(ast.parse(path.read_text(), feature_version=(3, 8))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert name.startswith("sandboxes.inside.") or name.partition(".")[0] in sys.stdlib_module_names
    assert len(inside.payload()) < 100_000


def test_the_runner_refuses_to_be_anything_but_the_first_process() -> None:
    done = subprocess.run([sys.executable, "-I", "-S", "-c", inside.payload()], capture_output=True, check=False)
    assert (done.returncode, b"PID 1 of a container only" in done.stderr) == (1, True)
