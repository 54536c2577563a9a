"""The tools, in a real sandbox: what they are, and what they make of everything that is wrong with a call."""

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
from harness.models import ToolCall
from sandboxes.base import Sandbox, SandboxGone
from sandboxes.workspace import agent_uid
from tests.agent_support import TREE, call, opened_sandbox

MAKER = ("bash", "read", "grep", "glob", "background", "write", "edit", "finish", "blocked")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory, base_image: str) -> Iterator[Sandbox]:
    with opened_sandbox(tmp_path_factory.mktemp("tools"), base_image, TREE, {"PYTHONPATH": "/w"}) as sandbox:
        yield sandbox


@pytest.fixture
def tools(sandbox: Sandbox) -> Toolbox:
    return maker_tools(sandbox)


def test_each_role_has_its_tools_in_a_fixed_order(sandbox: Sandbox) -> None:
    assert tuple(tool.name for tool in maker_tools(sandbox).schemas) == MAKER
    assert tuple(tool.name for tool in checker_tools(lambda: sandbox).schemas) == MAKER[:4]


def test_the_schemas_are_those_that_models_are_trained_on(sandbox: Sandbox) -> None:
    fields = {tool.name: tool.input_schema for tool in maker_tools(sandbox).schemas}
    assert {name: (set(schema["required"]), set(schema["properties"])) for name, schema in fields.items()} == {
        "bash": (set(), {"command", "timeout_ms", "restart"}),
        "read": ({"file_path"}, {"file_path", "view_range"}),
        "grep": ({"pattern"}, {"pattern", "path"}),
        "glob": ({"pattern"}, {"pattern", "path"}),
        "background": (set(), {"command", "job", "kill"}),
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
        ("background", {"job": 0}, "job"),
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
        ("background", {}),
        ("background", {"command": "\0"}),
        ("background", {"command": "true", "job": 1}),
        ("background", {"job": 99}),
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


FETCH = """
import time, urllib.request
for _ in range(100):
    try: print(urllib.request.urlopen('http://localhost:8123/a.py').read().decode()); break
    except OSError: time.sleep(0.1)
"""


def test_a_server_stays_up_in_the_background_until_it_is_killed(tools: Toolbox, sandbox: Sandbox) -> None:
    assert call(tools, "background", command="echo up; exec python3 -m http.server 8123").output == "started as job 1"
    fetched = call(tools, "bash", command=f'python3 -c "{FETCH}"').output
    assert "def f():" in fetched
    assert call(tools, "background", job=1).output.startswith("up\n")
    assert call(tools, "background", job=1, kill=True).output.endswith("[job 1 has ended with exit code 137]")
    assert call(tools, "background", job=1).output == "[job 1 has ended with exit code 137]"
    assert call(tools, "background", command="seq 1 100000; exit 3").output == "started as job 2"
    call(tools, "bash", command="sleep 0.5")
    ended = call(tools, "background", job=2).output
    assert ended.startswith("... 5")
    assert ended.endswith("\n100000\n[job 2 has ended with exit code 3]")
    assert "there is no job 1" in call(maker_tools(sandbox), "background", job=1).output  # another hand on the sandbox


def test_restart_is_understood(tools: Toolbox) -> None:
    assert call(tools, "bash", restart=True).status == "ok"
    assert call(tools, "bash", command="echo still", restart=True).output == "still"


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
