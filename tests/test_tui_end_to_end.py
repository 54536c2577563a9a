"""Two terminals: a run in one, its supervisor in the other; and what either sees when the other is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.events import CommandReceived, ModelReplied, NotesInjected, QuestionAnswered, RunFinished, Told
from harness.exits import PARKED
from harness.journal import Journal
from tests.conftest import House, Play, commit_all, step, tool
from tests.scripted.script import Ask, Conversation, Step, Tool
from tests.tui_support import created, open_journal, whole_run
from tests.tui_terminal import DEADLINE, Terminal
from tui.control import person


@pytest.fixture
def terminals() -> Iterator[Any]:
    started: list[Terminal] = []

    def start(*args: str, **options: Any) -> Terminal:
        started.append(Terminal(*args, **options))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for one in started:
        one.close()


def eventually(journal: Journal, run: str, *kinds: type) -> None:
    until = time.monotonic() + DEADLINE
    while not all(any(isinstance(record.event, kind) for record in journal.read(run)) for kind in kinds):
        assert time.monotonic() < until, f"{kinds} never came"
        time.sleep(0.1)


WORDS = "Retry-After comes in two forms, and the second one is a date."


def second_maker(ask: Ask) -> Step:
    """Works until it is told something; then it begins to speak, and never ends."""
    if "look at the header" in json.dumps(ask.body):
        return Step(text=WORDS, chunk=12, hang_after=6)
    return Step(text=f"Step {ask.step}.", tools=(Tool(name="bash", input={"command": f"sleep 0.4; echo {ask.step}"}),))


def test_a_run_is_answered_steered_and_stopped_from_other_terminals_one_of_which_is_killed(
    house: House, play: Play, terminals: Any
) -> None:
    with (house.repo / "loopwright.toml").open("a") as settings:
        settings.write('\n[scope]\ntools = ["bash"]\n')
    commit_all(house.repo)
    change = step(tool("bash", command="echo '# why' >> httprange/parse.py"))
    play([[change, *[step(tool("grep", pattern="Retry"))] * 3], Conversation(default=second_maker)])
    env = {name: value for name, value in house.environ.items() if name.startswith(("ANTHROPIC", "NO_PROXY"))}
    flags = ("--repo", str(house.repo), "--progress", "plain")
    run = terminals(house.home, "Look around", *flags, command="run", **env)
    viewer = terminals(house.home, **env)
    viewer.until("making")
    viewer.settle()
    viewer.send("\r", shows="Transcript")
    viewer.until("asks you")
    assert run.end() == PARKED, "a run that asks lets go of its terminal"
    (row,) = house.journal.runs()
    viewer.type(b"a")
    viewer.until("this run")
    time.sleep(0.6)  # keys in flight are no answers
    viewer.type(b"\r")  # and Enter never is one
    viewer.settle()
    assert not house.journal.commands(row.run)
    viewer.type(b"A")
    eventually(house.journal, row.run, QuestionAnswered)
    viewer.until("Step 1.")
    viewer.process.kill()  # the run that it has resumed is not its own
    viewer = terminals(house.home, "last", **env)
    viewer.until("Step 3.")
    viewer.settle()
    viewer.type(b"s")
    viewer.until("keeps the draft")
    viewer.type(b"look at the header\r")
    eventually(house.journal, row.run, CommandReceived, Told)
    viewer.until("two forms, and")
    assert not any(isinstance(each.event, ModelReplied) and "two forms" in each.event.text for each in house.records())
    viewer.type(b"x")
    viewer.until("let it go on")
    time.sleep(0.6)
    viewer.type(b"y")
    viewer.until("stopping")
    eventually(house.journal, row.run, RunFinished)
    viewer.until("cancelled")
    viewer.settle()
    viewer.type(b"q")
    assert viewer.end() == 0
    people = [each.event for each in house.records() if isinstance(each.event, CommandReceived)]
    assert [event.kind for event in people] == ["answer", "steer", "stop"]
    assert {event.principal for event in people} == {person()}
    (said,) = [each.event for each in house.records() if isinstance(each.event, QuestionAnswered)]
    assert (said.answer, said.principal) == ("allow_run", person())


HOLDER = """
import sys, time
from pathlib import Path
from tests.tui_support import open_journal, working
with open_journal(Path(sys.argv[1])) as journal:
    author = working(journal)
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_run_that_is_killed_is_shown_as_such_with_the_way_on(tmp_path: Path, terminals: Any) -> None:
    root = Path(__file__).parent.parent
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], cwd=root, stdout=subprocess.PIPE, env=os.environ
    )
    try:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        viewer = terminals(tmp_path, "live")
        viewer.until("making")
        holder.send_signal(signal.SIGKILL)
        viewer.until("interrupted")
        viewer.until("loopwright resume live")
        viewer.until("Resume")
    finally:
        holder.kill()
        holder.wait()


def test_the_bare_command_opens_the_fleet_on_a_terminal_and_lists_elsewhere(tmp_path: Path, terminals: Any) -> None:
    with open_journal(tmp_path) as journal:
        whole_run(journal, "done")
    screen = terminals(tmp_path, command="--")
    screen.until("succeeded")
    screen.until("Help")
    screen.settle()
    screen.type(b"q")
    assert screen.end() == 0
    assert "\x1b[?1049h" in screen.text
    loopwright = Path(sys.executable).with_name("loopwright")
    environ = os.environ | {"LOOPWRIGHT_HOME": str(tmp_path)}
    listed = subprocess.run([loopwright], env=environ, capture_output=True, text=True, check=False)
    assert listed.returncode == 0
    assert listed.stdout.startswith("done  succeeded")
    assert "\x1b" not in listed.stdout


EDITOR = """\
#!/bin/sh
test -t 0 && test -t 1 && echo "the editor has the terminal"
echo "Ask the fixtures first." >> "$1"
"""


def test_a_note_is_edited_on_the_whole_terminal_and_retired(house: House, tmp_path: Path, terminals: Any) -> None:
    assert house("memory", "add", "The clock is frozen in tests.", "--repo", str(house.repo)).code == 0
    note = house("memory", "ls", "--repo", str(house.repo)).out.split()[0]
    told = json.dumps([{"id": note, "text": "The clock is frozen in tests.", "kind": "fact"}])
    begun = msgspec.structs.replace(created(), repo=str(house.repo))
    house.journal.create("noted", begun)
    house.journal.append("noted", house.journal.claim("noted", "box:1"), NotesInjected(notes=(note,), told=told))
    editor = tmp_path / "editor"
    editor.write_text(EDITOR)
    editor.chmod(0o755)
    viewer = terminals(house.home, "noted", EDITOR=str(editor), VISUAL="")
    viewer.until("Help")
    viewer.settle()
    viewer.send("4", shows="The clock is frozen in tests.")
    viewer.type(b"G")
    viewer.settle()
    since = len(viewer.written)
    viewer.type(b"e")
    viewer.until("the editor has the terminal", since)
    viewer.until("\x1b[?1049h", since)  # and gives it back
    shown = viewer.text.encode()[since:]
    assert shown.index(b"\x1b[?1049l") < shown.index(b"the editor has") < shown.rindex(b"\x1b[?1049h")
    viewer.settle()
    viewer.send("\r", shows="Ask the fixtures first.")
    viewer.settle()
    viewer.send("\x1b", shows="TOLD TO ITS MAKER")
    viewer.settle()
    viewer.send("d", shows=f"{note} retired")
    viewer.settle()
    viewer.type(b"q")
    assert viewer.end() == 0
    assert "retired" in house("memory", "show", note, "--repo", str(house.repo)).out
