"""Replay: runs of every shape, recorded with the real sandbox, come again offline: same bytes, same tree, same end."""

import re
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.agent import instructions
from harness.events import CandidateMade, CommandReceived, ModelReplied, RunClaimed, StopTaken, ToolStarted
from harness.journal import Journal
from harness.loop.replay import Replayed, replay
from harness.loop.scene import Scene, recorded
from tests.conftest import FIX, ROOT, TEST, WRONG, House, Play, edit, finish, git, step, tool, verdict

BASH = lambda line, **more: tool("bash", command=line, **more)  # noqa: E731 - a word for a table
RIGHT = edit("int(first), size\n", "int(first), size - 1\n")
DONE = step(finish())
Shape = tuple[list[Any], dict[str, Any]]
SECRET = "AKIA" + "Q7" * 8
BINARY = "head -c 3000 /dev/urandom; printf '\\033]0;x\\007\\342\\200\\256'; echo; echo " + SECRET

SHAPES: dict[str, Shape] = {
    "odd_replies": (
        [[{"tools": [{"name": "bash", "partial": '{"command": "ls'}]}, {"text": "long", "stop_reason": "max_tokens"},
          [{"status": 529}, step(BASH(BINARY))],
          [{**step(BASH("true")), "cut_after": 3}, step(BASH("sleep 9", timeout_ms=300), tool("nope"))],
          step(tool("read", file_path="httprange/parse.py"), tool("grep", pattern="size"), tool("glob", pattern="*")),
          step(tool("background", command="echo up; sleep 99")),
          step(tool("background", job=1), tool("background", job=1, kill=True), tool("background", job=2)),
          step(tool("write", file_path="notes.txt", content="x\n")), step(FIX, TEST), DONE]], {},
    ),
    "refused_tree": (
        [[step(BASH("ln -s /etc/passwd stolen && mkdir -p .git2/hooks && ln -s ../../.git/hooks h")), DONE],
         [step(FIX, TEST), DONE]], {"checker": [[step(BASH("git diff HEAD~0; ls")), verdict()]]},
    ),
}  # fmt: skip
FULL: dict[str, Shape] = {
    "green": ([[step(FIX, TEST), DONE]], {}),
    "red_then_green": ([[step(WRONG), DONE], [step(RIGHT, TEST), DONE]], {"detect": True}),
    "checker_says_no_then_yes": (
        [[step(FIX), DONE], [step(TEST), DONE]],
        {"checker": [[verdict("revise", "no test", [_finding := {
            "severity": "blocking", "path": "httprange/parse.py", "line": 18, "claim": "no test shows it"}])],
            [verdict()]]},
    ),
    "checker_refuses": ([[step(FIX), DONE]], {"checker": [[{**verdict(), "stop_reason": "refusal"}]]}),
    "unreadable_verdict": ([[step(FIX), DONE]], {"checker": [[{"text": "fine!"}]], "args": ["--max-iterations", "1"]}),
    "blocked": ([[step(tool("blocked", reason="no grammar"))]], {}),
    "refused": ([[{"text": "I will not.", "stop_reason": "refusal"}]], {}),
    "oscillation": ([[step(WRONG), DONE], *[[step(BASH("true")), DONE]] * 5], {}),
    "out_of_money": ([{"steps": [step(BASH("date +%N"))], "repeat": 99}], {"args": ["--max-cost", "0.12"]}),
    "satisfied": ([[DONE]], {"detect": True, "args": ["--must-pass", "tests/test_parse.py::test_suffix"]}),
}  # fmt: skip
"""Shapes whose like is replayed where it is recorded anyway (`replayed`): by themselves they come under soak."""


def test_more_than_twenty_shapes_come_again() -> None:
    texts = "".join(path.read_text() for path in (ROOT / "tests").glob("test_*.py"))
    recorded_elsewhere = re.findall(r"^@pytest\.mark\.replayed\(\"(.+)\"\)$", texts, re.MULTILINE)
    assert len({*recorded_elsewhere, *SHAPES}) > 24


def again(house: House) -> Replayed:
    return replay(recorded(house.journal, house.home, house.journal.resolve("last")))


def same(done: Replayed) -> Replayed:
    assert done.difference is None, done
    assert done.events == done.recorded
    return done


@pytest.mark.parametrize("shape", [*SHAPES, *(pytest.param(name, marks=pytest.mark.soak) for name in FULL)])
def test_a_recorded_run_comes_again(house: House, play: Play, shape: str) -> None:
    maker, more = (SHAPES | FULL)[shape]
    if more.get("detect"):
        house.detect()
    server = play(maker, more.get("checker"))
    house.run(*more.get("args", ()))
    seen = len(server.requests)
    done = same(again(house))
    records = house.records()
    trees = [r.event.tree for r in records if isinstance(r.event, CandidateMade)]
    state = house.state()
    assert state.finished is not None
    assert (done.outcome, done.tree in ("", *trees)) == (state.finished.outcome, True)
    replies = [r for r in records if isinstance(r.event, ModelReplied)]
    assert len(replies) <= done.requests <= len(server.requests) == seen  # nobody was asked anew
    stored = b"".join(msgspec.json.encode(record) for record in records)
    if shape == "odd_replies":
        assert SECRET.encode() not in b"".join(
            msgspec.json.encode(r) for r in records if not isinstance(r.event, ModelReplied | ToolStarted)
        )
        assert b"\xe2\x80\xae" not in stored


def test_a_killed_run_dies_again_at_the_same_place(house: House, play: Play) -> None:
    play([[step(BASH("echo one; sleep 3; echo two")), step(FIX, TEST), DONE]])
    process = house.fork("run", "mend it", "--progress", "none")
    _until(house, lambda: any(isinstance(r.event, ToolStarted) for r in house.records()))
    process.kill()
    assert house("resume", "last", "--progress", "none").code == 0
    done = same(again(house))
    assert (done.processes, done.outcome) == (2, "succeeded")


def test_a_stopped_steered_and_resumed_run_comes_again(house: House, play: Play) -> None:
    play([[step(BASH("sleep 2")), step(BASH("sleep 20")), step(FIX, TEST), DONE]])
    process = house.fork("run", "mend it", "--progress", "none")
    _until(house, lambda: any(isinstance(r.event, ToolStarted) for r in house.records()))
    assert house("steer", "last", "mind the end of the range").code == 0
    _until(house, lambda: sum(isinstance(r.event, ToolStarted) for r in house.records()) == 2)
    house("stop", "last")
    assert process.wait(60)
    assert house("resume", "last", "--max-cost", "3", "--progress", "none").code == 0
    events = [r.event for r in house.records()]
    assert any(isinstance(e, StopTaken) for e in events)
    assert {e.kind for e in events if isinstance(e, CommandReceived)} == {"steer", "stop"}
    assert [e.limits is not None for e in events if isinstance(e, RunClaimed)] == [False, True]
    assert same(again(house)).processes == 2


def test_what_differs_is_reported_at_its_first_byte(house: House, play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    play([[step(FIX, TEST), DONE]])
    assert house.run().code == 0
    scene = recorded(house.journal, house.home, house.journal.resolve("last"))
    records = list(scene.records)
    for n, record in enumerate(records):  # the model says another thing than what was done then
        if isinstance(record.event, ModelReplied) and "size - 1" in record.event.wire:
            wire = record.event.wire.replace("size - 1", "size - 9")
            records[n] = msgspec.structs.replace(record, event=msgspec.structs.replace(record.event, wire=wire))
            break
    scene.records = tuple(records)
    command = replay(scene).difference
    assert command is not None
    assert "size - 9" in f"{command.now}{command.then}"

    import harness.loop.brief

    monkeypatch.setattr(harness.loop.brief, "instructions", lambda files: instructions(files) + "<new/>")
    found = again(house).difference
    assert found is not None
    assert found.byte > 0
    assert f"maker.1 call 1 differs from byte {found.byte}" in found.what
    assert "new" in found.now
    assert "new" not in found.then
    assert found.now.startswith(found.then[:20])


def test_a_run_that_died_anywhere_is_replayed_as_far_as_it_went(house: House, play: Play) -> None:
    play([[step(WRONG), DONE], [step(RIGHT, TEST), DONE]])
    assert house.run().code == 0
    scene = recorded(house.journal, house.home, house.journal.resolve("last"))
    first = next(n for n, record in enumerate(scene.records) if isinstance(record.event, RunClaimed))
    for cut in range(first + 1, len(scene.records), 6):
        done = replay(Scene(scene.records[:cut], scene._pack))
        assert done.difference is None, (cut, done.difference)
        assert done.events == done.recorded


def test_an_archive_is_shown_audited_and_replayed_on_another_machine(house: House, play: Play, tmp_path: Path) -> None:
    play([[step(WRONG), DONE], [step(RIGHT, TEST), DONE]])
    done = house.run()
    file = tmp_path / "run.lwa"
    assert house("export", "last", "-o", str(file)).code == 0
    elsewhere = {"LOOPWRIGHT_HOME": str(tmp_path / "other")}
    assert msgspec.json.decode(house("show", str(file), "--json", cwd=tmp_path, env=elsewhere).out) == done.document
    replayed = house("replay", str(file), "--json", cwd=tmp_path, env=elsewhere)
    assert replayed.code == 0, replayed.out + replayed.err
    assert replayed.document["tree"] == done.document["tree"]
    with zipfile.ZipFile(file) as archive:
        script = archive.read("verify.py").decode()
        anchor = git(
            house.repo, "log", "-1", "--format=%(trailers:key=Loopwright-Audit,valueonly)", done.document["branch"]
        )
    check: dict[str, Any] = {}
    exec(compile(script, "verify.py", "exec"), check)  # noqa: S102 - as an auditor runs it
    assert check["check"](str(file), anchor)[0] == []
    _rewritten(file, "events.jsonl", lambda text: text.replace("succeeded", "exhausted"))
    assert any("was changed" in problem for problem in check["check"](str(file))[0])
    _rewritten(file, "manifest.json", lambda text: "nonsense")
    refused = house("show", str(file), cwd=tmp_path, env=elsewhere)
    assert (refused.code, "no archive" in refused.err) == (2, True)


def test_a_fork_goes_on_from_a_candidate_with_a_note_and_leaves_the_other_run_alone(house: House, play: Play) -> None:
    server = play([[step(WRONG), DONE], [step(BASH("true")), DONE], [step(RIGHT, TEST), DONE]])
    assert house.run("--max-iterations", "2").code == 1
    parent = house.state()
    before = list(house.journal.read(parent.run))
    done = house("fork", f"{parent.run}@1", "--with", "an end is inclusive", "--progress", "none", "--json")
    assert done.code == 0, done.err
    state = house.state(done.document["run"])
    assert state.forked is not None
    assert (state.forked.run, state.forked.iteration) == (parent.run, 1)
    assert house.journal.link(parent.run, state.forked.seq) == state.forked.head
    assert [it.n for it in state.iterations] == [1, 2]
    assert state.iterations[0].candidate == parent.iterations[0].candidate
    assert state.cost < parent.cost + state.cost  # its own money only
    assert "an end is inclusive" in msgspec.json.encode(server.requests[4].body["messages"][0]).decode()
    assert list(house.journal.read(parent.run)) == before
    assert replay(recorded(house.journal, house.home, state.run)).difference is None
    refused = house("fork", f"{parent.run}@7")
    assert (refused.code, "no finished iteration 7" in refused.err) == (2, True)


def _rewritten(file: Path, name: str, change: Callable[[str], str]) -> None:
    with zipfile.ZipFile(file) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    members[name] = change(members[name].decode()).encode()
    with zipfile.ZipFile(file, "w") as archive:
        for member, data in members.items():
            archive.writestr(member, data)


def _until(house: House, happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (house.home / "journal.db").exists() and Journal(house.home / "journal.db").runs(1) and happened():
            return
        time.sleep(0.05)
    raise AssertionError("it does not happen")
