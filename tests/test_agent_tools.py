"""The tools, in a real sandbox: what they do, and what they make of everything that is wrong with a call."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from harness.agent import Toolbox, checker_tools, maker_tools
from harness.clean import Cleaner
from harness.events import ToolFinished
from harness.models import ToolCall
from sandboxes.base import Sandbox, SandboxGone
from sandboxes.workspace import agent_uid
from tests.agent_support import opened_sandbox

MAKER = ("bash", "read", "grep", "glob", "write", "edit", "finish", "blocked")
FILES: dict[str, str | bytes] = {
    "a.py": "def f():\n    return 1\n",
    "src/b.py": "import a\n\n\ndef g():\n    return a.f()\n",
    "src/-v.py": "needle = 1\n",
    "latin.txt": "caf\xe9 one\ntwo\n".encode("latin-1"),
    "dos.txt": b"one\r\ntwo\r\nthree\r\n",
    "broken.py": "def f(:\n",
    "binary.bin": b"\x00\x01needle\n",
    "empty.txt": b"",
    ".git/config": "needle\n",
    "secrets.py": 'KEY = "ghp_' + "a" * 36 + '"\nuse = 1\n',
}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory, base_image: str) -> Iterator[Sandbox]:
    with opened_sandbox(tmp_path_factory.mktemp("tools"), base_image, FILES, {"PYTHONPATH": "/w"}) as sandbox:
        yield sandbox


@pytest.fixture
def tools(sandbox: Sandbox) -> Toolbox:
    return maker_tools(sandbox)


def call(tools: Toolbox, name: str, **given: Any) -> ToolFinished:
    return tools.run("maker.1", ToolCall("t1", name, given))


def test_each_role_has_its_tools_in_a_fixed_order(sandbox: Sandbox) -> None:
    assert tuple(tool.name for tool in maker_tools(sandbox).schemas) == MAKER
    assert tuple(tool.name for tool in checker_tools(sandbox).schemas) == MAKER[:4]


def test_the_schemas_are_those_that_models_are_trained_on(sandbox: Sandbox) -> None:
    fields = {tool.name: tool.input_schema for tool in maker_tools(sandbox).schemas}
    assert {name: (set(schema["required"]), set(schema["properties"])) for name, schema in fields.items()} == {
        "bash": (set(), {"command", "timeout_ms", "restart"}),
        "read": ({"file_path"}, {"file_path", "view_range"}),
        "grep": ({"pattern"}, {"pattern", "path"}),
        "glob": ({"pattern"}, {"pattern", "path"}),
        "write": ({"file_path", "content"}, {"file_path", "content"}),
        "edit": (
            {"file_path", "old_string", "new_string"},
            {"file_path", "old_string", "new_string", "replace_all"},
        ),
        "finish": ({"summary"}, {"summary", "evidence"}),
        "blocked": ({"reason"}, {"reason", "tried"}),
    }
    for schema in fields.values():
        assert schema["type"] == "object"
        assert schema["additionalProperties"] is False
        assert all(field["description"] for field in schema["properties"].values())
        assert not re.search(r"\$ref|\$defs|anyOf", str(schema)), "local servers make grammars of these"


def test_the_schemas_are_the_same_bytes_in_every_process(sandbox: Sandbox) -> None:
    code = "from harness.agent import maker_tools; import msgspec, sys;"
    code += "sys.stdout.buffer.write(msgspec.json.encode(maker_tools(None).schemas))"
    here = msgspec.json.encode(maker_tools(sandbox).schemas)
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=env).stdout == here


# Calls that are wrong


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("read", {}, "missing required field `file_path`"),
        ("read", {"path": "a.py"}, "It takes: file_path, view_range (optional)"),
        ("read", {"file_path": None}, "missing required field `file_path`"),
        ("read", {"file_path": 3}, "Expected `str`, got `int`"),
        ("read", {"file_path": "a.py", "view_range": [1]}, "view_range"),
        ("bash", {"command": "true", "timeout_ms": 600_001}, "600000"),
        ("bash", {"command": "true", "timeout_ms": 0}, "timeout_ms"),
        ("finish", {"summary": "done", "evidence": "all of it"}, "evidence"),
        ("finish", {}, "summary"),
        ("rm_rf", {"path": "/"}, "there are: bash, read"),
    ],
)
def test_a_malformed_call_is_one_clear_error(tools: Toolbox, name: str, given: dict[str, Any], words: str) -> None:
    finished = call(tools, name, **given)
    assert finished.status == "environment"
    assert words in finished.output
    assert finished.final is None
    assert "\n" not in finished.output


def test_an_optional_argument_may_be_null(tools: Toolbox) -> None:
    assert call(tools, "read", file_path="a.py", view_range=None).status == "ok"


def test_a_call_without_input_or_with_text_that_cannot_be_sent_is_not_run(tools: Toolbox) -> None:
    assert tools.intent("maker.1", ToolCall("t1", "bash", None)) is None
    assert tools.intent("maker.1", ToolCall("t1", "bash", {"command": "echo \ud800"})) is None
    assert tools.intent("maker.1", ToolCall("t1", "bash", ["ls"])) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("bash", {"command": "a\0b"}),
        ("bash", {"command": " "}),
        ("bash", {}),
        ("bash", {"command": ": " + "x" * 120_000}),
        ("read", {"file_path": "a\0.py"}),
        ("read", {"file_path": ""}),
        ("read", {"file_path": "x/" * 3_000}),
        ("read", {"file_path": "n" * 300}),
        ("read", {"file_path": "missing.py"}),
        ("read", {"file_path": "src"}),
        ("read", {"file_path": "/dev/zero"}),
        ("read", {"file_path": "binary.bin"}),
        ("read", {"file_path": "a.py", "view_range": [3, 3]}),
        ("read", {"file_path": "a.py", "view_range": [0, 1]}),
        ("read", {"file_path": "a.py", "view_range": [2, 1]}),
        ("write", {"file_path": "/etc/passwd", "content": "root::0:0"}),
        ("write", {"file_path": "src", "content": ""}),
        ("write", {"file_path": "a.py/b", "content": ""}),
        ("write", {"file_path": "big", "content": "x" * (256 * 1024 + 1)}),
        ("edit", {"file_path": "missing.py", "old_string": "a", "new_string": "b"}),
        ("edit", {"file_path": "a.py", "old_string": "", "new_string": "b"}),
        ("edit", {"file_path": "a.py", "old_string": "f", "new_string": "f"}),
        ("grep", {"pattern": "("}),
        ("grep", {"pattern": ""}),
        ("grep", {"pattern": "x" * 3_000}),
        ("grep", {"pattern": "x", "path": "nowhere"}),
        ("grep", {"pattern": "x", "path": ""}),
        ("glob", {"pattern": "../*"}),
        ("glob", {"pattern": "[z-a]"}),
        ("glob", {"pattern": "*", "path": "nowhere"}),
    ],
)
def test_the_models_mistakes_are_told_and_raise_nothing(tools: Toolbox, name: str, given: dict[str, Any]) -> None:
    finished = call(tools, name, **given)
    assert finished.status == "error"
    assert finished.output.startswith(f"{name}: ")
    assert len(finished.output) < 1_200


# bash


def test_every_command_gets_a_fresh_shell_in_the_work_tree(tools: Toolbox) -> None:
    assert call(tools, "bash", command="cd src; export A=1; pwd; id -u").output == f"/w/src\n{agent_uid()}"
    assert call(tools, "bash", command='pwd; echo "[$A]"').output == "/w\n[]"
    assert call(tools, "bash", command="cat; echo end").output == "end"
    assert call(tools, "bash", command="[[ a == a ]] && echo bash").output == "bash"


def test_a_failing_command_did_what_was_asked(tools: Toolbox) -> None:
    finished = call(tools, "bash", command="echo out; echo err >&2; exit 3")
    assert (finished.status, finished.output) == ("ok", "out\nerr\n[exit code 3]")
    assert call(tools, "bash", command="true").output == "(no output)"
    assert "[exit code 139]" in call(tools, "bash", command="kill -SEGV $$").output


def test_a_hanging_command_is_killed_with_all_it_started_and_work_goes_on(tools: Toolbox) -> None:
    finished = call(tools, "bash", command="sleep 987 & setsid sleep 987 & echo begun; sleep 987", timeout_ms=700)
    assert finished.status == "environment"
    assert finished.output.startswith("begun\n[killed")
    assert "0.7 s" in finished.output
    assert call(tools, "bash", command="cat /proc/[0-9]*/comm | grep -c sleep").output.startswith("0\n")


def test_the_deadline_of_commands_that_name_none(sandbox: Sandbox) -> None:
    assert "0.3 s" in call(maker_tools(sandbox, timeout=0.3), "bash", command="sleep 5").output


def test_ten_megabytes_of_output_show_head_and_tail_and_a_place_to_read_on(tools: Toolbox) -> None:
    finished = call(tools, "bash", command="seq 1 1400000")
    assert finished.output.startswith("1\n2\n")
    assert finished.output.endswith("\n1399999\n1400000")
    assert len(finished.output) < 10_200
    elided = re.search(r"\.\.\. (\d+) bytes elided, whole output at (\S+): read or grep it", finished.output)
    assert elided
    whole = sum(len(f"{n}\n") for n in range(1, 1_400_001))
    assert int(elided[1]) == whole - 10_000
    spill = elided[2]
    assert "     5\t700005" in call(tools, "bash", command=f"sed -n 700001,700005p {spill} | cat -n").output
    assert call(tools, "read", file_path=spill, view_range=[700_000, 700_000]).output.startswith("700000\t700000")
    assert call(tools, "grep", pattern="^1234567$", path=spill).output == f"{spill}:1234567:1234567"


def test_output_that_is_no_text_does_no_harm(tools: Toolbox) -> None:
    output = call(tools, "bash", command=r"printf '\xff\xfe\x00ok'").output
    assert "ok" in output
    output.encode()
    cut = call(tools, "bash", command="printf 'é%.0s' $(seq 9000)").output
    assert cut.count("é") > 4_900


def test_restart_is_understood(tools: Toolbox) -> None:
    assert call(tools, "bash", restart=True).status == "ok"
    assert call(tools, "bash", command="echo still", restart=True).output == "still"


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


# finish, blocked, events


def test_finish_and_blocked_end_the_conversation(tools: Toolbox) -> None:
    assert call(tools, "finish", summary="Done.", evidence={"a": "ran it"}).final == "finish"
    assert call(tools, "blocked", reason="No.").final == "blocked"
    assert call(tools, "bash", command="echo finish").final is None


def test_what_is_told_is_clean_before_it_is_an_event(sandbox: Sandbox) -> None:
    tools = maker_tools(sandbox, Cleaner(["hunter22"]))
    wanted = ToolCall("t1", "bash", {"timeout_ms": 9_000, "command": "printf '\\033[31mred\\033[0m'\necho hunter22"})
    intent = tools.intent("maker.1", wanted)
    assert intent is not None
    assert intent.summary == "printf '\\033[31mred\\033[0m' echo [redacted:secret]"
    assert "hunter22" not in intent.input
    assert tools.run("maker.1", wanted).output == "red[redacted:secret]"
    odd = ToolCall("t2", "\x1b[2J" + "x" * 500, {})
    finished = tools.run("maker.1", odd)
    assert "\x1b" not in finished.name + finished.output
    assert len(finished.name) <= 40


def test_a_summary_is_one_short_line(tools: Toolbox) -> None:
    intent = tools.intent("m", ToolCall("t", "write", {"content": "body", "file_path": "a\nb" * 200}))
    assert intent is not None
    assert intent.summary.startswith("a b")
    assert len(intent.summary) == 120


def test_a_dead_sandbox_is_no_result(tmp_path_factory: pytest.TempPathFactory, base_image: str) -> None:
    with opened_sandbox(tmp_path_factory.mktemp("dead"), base_image, {"a": "a"}) as sandbox:
        sandbox.close()
        for name, given in (
            ("bash", {"command": "true"}),
            ("read", {"file_path": "a"}),
            ("glob", {"pattern": "*"}),
        ):
            with pytest.raises(SandboxGone):
                call(maker_tools(sandbox), name, **given)
