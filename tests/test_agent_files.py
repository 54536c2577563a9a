"""The tools for files, in a real sandbox: read, write, edit, grep and glob."""

import re
from collections.abc import Iterator
from functools import partial

import pytest

from gates import Gate, instant
from harness.agent import Toolbox, maker_tools
from harness.clean import Cleaner
from sandboxes.base import Sandbox
from tests.agent_support import TREE, call, opened_sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory, base_image: str) -> Iterator[Sandbox]:
    with opened_sandbox(tmp_path_factory.mktemp("files"), base_image, TREE, {"PYTHONPATH": "/w"}) as sandbox:
        yield sandbox


@pytest.fixture
def tools(sandbox: Sandbox) -> Toolbox:
    return maker_tools(sandbox)


# read


def test_lines_are_numbered_like_cat_does(tools: Toolbox) -> None:
    assert call(tools, "read", file_path="a.py").output == "     1\tdef f():\n     2\t    return 1"
    assert call(tools, "read", file_path="/w/a.py", view_range=[2, -1]).output == "     2\t    return 1"
    assert call(tools, "read", file_path="a.py", view_range=[1, 99]).output.endswith("return 1")
    assert call(tools, "read", file_path="dos.txt", view_range=[2, 2]).output == "     2\ttwo"
    assert call(tools, "read", file_path="empty.txt").output == "(the file is empty)"
    assert call(tools, "read", file_path="latin.txt").output.splitlines()[0] == "     1\tcaf\ufffd one"


def test_a_long_file_is_read_in_parts(tools: Toolbox) -> None:
    call(tools, "bash", command="seq 1 5000 > /tmp/long; seq -f '%0900g' 1 200 > /tmp/wide")
    first = call(tools, "read", file_path="/tmp/long").output.splitlines()
    assert (first[0], first[1999]) == ("     1\t1", "  2000\t2000")
    assert first[2000] == "(lines 1 to 2000 of 5000; go on with view_range [2001, -1])"
    wide = call(tools, "read", file_path="/tmp/wide").output
    assert len(wide) < 51_000
    rest = re.search(r"\(lines 1 to (\d+) of 200; go on with view_range \[(\d+), -1\]\)$", wide)
    assert rest
    assert int(rest[2]) == int(rest[1]) + 1
    assert call(tools, "read", file_path="/tmp/wide", view_range=[int(rest[2]), -1]).output.startswith(
        f"{rest[2]:>6}\t0"
    )


def test_a_long_line_is_cut(tools: Toolbox) -> None:
    call(tools, "bash", command="printf 'é%.0s' $(seq 60000) > /tmp/line")
    output = call(tools, "read", file_path="/tmp/line").output
    assert output == f"     1\t{'é' * 2_000}... (58000 more characters)"


# write and edit


def test_the_linter_says_at_once_what_a_change_brings_and_that_it_is_no_evidence(sandbox: Sandbox) -> None:
    lint = partial(instant.remark, [Gate(name="lint", kind="ruff")])
    tools = maker_tools(sandbox, remark=lint)
    assert call(tools, "write", file_path="lint/a.py", content="x = 1\n").output.endswith("6 bytes")
    dirty = call(tools, "edit", file_path="lint/a.py", old_string="x = 1\n", new_string="import os\n").output
    assert "a hint, no evidence" in dirty
    assert "line 1: F401 `os` imported but unused" in dirty
    again = call(tools, "edit", file_path="lint/a.py", old_string="import os\n", new_string="import os\n\ny = z\n")
    assert again.output.splitlines()[2:] == ["  line 3: F821 Undefined name `z`"]  # what was there before is not said
    broken = call(tools, "write", file_path="lint/a.py", content="def (\n").output
    assert ("ruff" in broken, "syntax error" in broken) == (False, True)
    assert "ruff" not in call(maker_tools(sandbox, remark=partial(instant.remark, [])), "write", file_path="b.py",
                              content="import os\n").output  # fmt: skip


def on_disk(sandbox: Sandbox, path: str) -> bytes:
    return sandbox.read(path)


def test_write_makes_directories_and_keeps_every_byte(sandbox: Sandbox, tools: Toolbox) -> None:
    text = "tab\tcr\r\n\x00 é 😀 $HOME `id` 'q'\nno newline at the end"
    assert call(tools, "write", file_path="new/deep/er.txt", content=text).status == "ok"
    assert on_disk(sandbox, "/w/new/deep/er.txt") == text.encode()
    assert call(tools, "write", file_path="new/deep/er.txt", content="").status == "ok"
    assert on_disk(sandbox, "/w/new/deep/er.txt") == b""


def test_edit_demands_one_match_and_says_how_many_there_are(sandbox: Sandbox, tools: Toolbox) -> None:
    call(tools, "write", file_path="e.txt", content="one\ntwo\none\n")
    twice = call(tools, "edit", file_path="e.txt", old_string="one", new_string="1")
    assert twice.status == "error"
    assert "2 times" in twice.output
    assert "lines 1, 3" in twice.output
    assert on_disk(sandbox, "/w/e.txt") == b"one\ntwo\none\n"
    assert (
        call(tools, "edit", file_path="e.txt", old_string="two\none", new_string="2\n\\1").output
        == "edited e.txt at line 2"
    )
    assert on_disk(sandbox, "/w/e.txt") == b"one\n2\n\\1\n"
    call(tools, "write", file_path="e.txt", content="a a a")
    assert "3 places" in call(tools, "edit", file_path="e.txt", old_string="a", new_string="b", replace_all=True).output
    assert on_disk(sandbox, "/w/e.txt") == b"b b b"


def test_a_miss_names_the_line_that_differs_in_whitespace_only(tools: Toolbox) -> None:
    output = call(tools, "edit", file_path="a.py", old_string="return 1\n\n", new_string="return 2").output
    assert "a.py" in output
    assert "line 2" in output


def test_edit_keeps_line_ends_modes_and_bytes_that_are_no_text(sandbox: Sandbox, tools: Toolbox) -> None:
    call(tools, "edit", file_path="dos.txt", old_string="two\nthree", new_string="2\nand\nthree")
    assert on_disk(sandbox, "/w/dos.txt") == b"one\r\n2\r\nand\r\nthree\r\n"
    call(tools, "edit", file_path="latin.txt", old_string="two", new_string="zwei é")
    assert on_disk(sandbox, "/w/latin.txt") == "caf\xe9 one\n".encode("latin-1") + "zwei é\n".encode()
    call(tools, "bash", command="printf 'echo 1\n' > run.sh; chmod 750 run.sh")
    call(tools, "edit", file_path="run.sh", old_string="1", new_string="2")
    assert call(tools, "bash", command="stat -c %a run.sh; ./run.sh 2>/dev/null || sh run.sh").output == "750\n2"


def test_a_new_syntax_error_is_reported_and_an_old_one_is_not(tools: Toolbox) -> None:
    new = call(tools, "write", file_path="s.py", content="def f(:\n    pass\n")
    assert new.status == "ok"
    assert "syntax error" in new.output
    assert "line 1" in new.output
    assert "syntax error" not in call(tools, "write", file_path="s.py", content="x = (\n").output, "it had one before"
    assert "syntax error" not in call(tools, "edit", file_path="broken.py", old_string="f", new_string="g").output
    assert "syntax error" not in call(tools, "write", file_path="s.py", content="x = 1\n").output
    assert (
        "'return' outside function"
        in call(tools, "edit", file_path="s.py", old_string="x = 1", new_string="return").output
    )
    assert "syntax error" not in call(tools, "write", file_path="s.txt", content="def f(:\n").output


def test_the_check_for_syntax_runs_nothing_of_the_repository(sandbox: Sandbox, tools: Toolbox) -> None:
    trap = "open('/tmp/trapped', 'w').write('x')\n"
    for name in ("sitecustomize.py", "usercustomize.py", "ast.py", "sys.py", "encodings.py"):
        call(tools, "write", file_path=name, content=trap)
    call(tools, "write", file_path="module.py", content=trap)
    call(tools, "write", file_path="module.py", content="x = (")
    assert call(
        tools, "bash", command="ls /tmp/trapped; rm *customize.py ast.py sys.py encodings.py"
    ).output.startswith("ls: ")


def test_source_that_breaks_parsers_breaks_nothing(tools: Toolbox) -> None:
    for content in (
        "(" * 100_000,
        "-" * 200_000 + "1",
        "# coding: utf-7\n+AAA-\n",
        "x = '\x00'\n",
        "\ufeffx = 1\n",
    ):
        assert call(tools, "write", file_path="deep.py", content=content).status == "ok"
    assert call(tools, "bash", command="rm deep.py; echo alive").output == "alive"


def test_a_redaction_mark_is_never_written_where_a_secret_stands(sandbox: Sandbox) -> None:
    tools = maker_tools(sandbox, Cleaner())
    seen = call(tools, "read", file_path="secrets.py").output
    assert "[redacted:github]" in seen
    whole = '# mine\nKEY = "[redacted:github]"\nuse = 2\n'
    assert "use edit" in call(tools, "write", file_path="secrets.py", content=whole).output
    edited = call(tools, "edit", file_path="secrets.py", old_string="use = 1", new_string='K = "[redacted:github]"')
    assert edited.status == "error"
    assert call(tools, "edit", file_path="secrets.py", old_string="use = 1", new_string="use = 2").status == "ok"
    assert on_disk(sandbox, "/w/secrets.py") == f'KEY = "ghp_{"a" * 36}"\nuse = 2\n'.encode()
    call(tools, "bash", command="echo 'MARK = \"[redacted:x]\"' > marks.py")
    assert call(tools, "write", file_path="marks.py", content='MARK = "[redacted:y]"\n').status == "ok"


# grep and glob


def test_grep_names_path_and_line(tools: Toolbox) -> None:
    assert call(tools, "grep", pattern=r"^def \w+\(\)", path="src").output == "src/b.py:4:def g():"
    assert call(tools, "grep", pattern="return 1$", path="a.py").output == "a.py:2:    return 1"
    assert call(tools, "grep", pattern="needle").output == "src/-v.py:1:needle = 1", "neither .git nor binary files"
    assert call(tools, "grep", pattern="no such thing").output == "no matches"
    assert "[0-9]" in call(tools, "grep", pattern=r"\d\d\d\d").output


def test_no_argument_of_a_search_is_an_option_or_a_command(tools: Toolbox) -> None:
    assert call(tools, "grep", pattern="-v").output == "no matches"
    assert call(tools, "grep", pattern="needle", path="-l").status == "error"
    assert call(tools, "grep", pattern="$(touch /tmp/owned)`touch /tmp/owned`;touch /tmp/owned").status != "environment"
    assert call(tools, "glob", pattern="*;touch /tmp/owned").output.startswith("no matches")
    assert call(tools, "glob", pattern="*", path="-delete").status == "error"
    assert call(tools, "glob", pattern="*", path="$(touch /tmp/owned)").status == "error"
    assert call(tools, "bash", command="ls /tmp/owned a.py").output.startswith("ls: ")


def test_a_search_with_much_to_show_is_cut(tools: Toolbox) -> None:
    call(tools, "bash", command="mkdir -p /tmp/many; for n in $(seq 3000); do echo match $n; done > /tmp/many/a")
    call(tools, "bash", command="printf 'match%.0s' $(seq 1000) > /tmp/many/b")
    output = call(tools, "grep", pattern="match", path="/tmp/many").output
    assert len(output) < 21_000
    assert "bytes elided" in output
    assert max(map(len, output.splitlines())) <= 510


def test_glob_is_newest_first_and_knows_its_limit(tools: Toolbox) -> None:
    command = "mkdir -p g/d; for n in $(seq 250); do touch -d @$((1000000 + n)) g/d/$n.x; done; ln -s nowhere g/link.x"
    call(tools, "bash", command=command)
    lines = call(tools, "glob", pattern="**/*.x").output.splitlines()
    assert lines[:3] == ["g/link.x", "g/d/250.x", "g/d/249.x"]
    assert len(lines) == 201
    assert lines[200] == "(51 more; narrow the pattern)"
    assert call(tools, "glob", pattern="d/1.?", path="g").output == "g/d/1.x"
    assert call(tools, "glob", pattern="1.x", path="/w/g/d").output == "/w/g/d/1.x"
    assert "**/" in call(tools, "glob", pattern="1.x").output
