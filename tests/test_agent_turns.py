"""The inner loop, between a scripted model on real HTTP and a real sandbox."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from harness.agent import Ending
from harness.agent.turns import CUT, MALFORMED, QUIET, SKIPPED, WRAP_UP_JUDGE
from harness.events import ModelFailed, ModelReplied, ModelRequested, Told, ToolFinished, ToolStarted
from sandboxes.base import Sandbox
from tests.agent_support import FINISH, Play, bash, opened_sandbox, player
from tests.scripted import Step, Tool


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory, base_image: str) -> Iterator[Sandbox]:
    with opened_sandbox(tmp_path_factory.mktemp("turns"), base_image, {"a.py": "x = 1\n"}) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(box: Sandbox) -> Sandbox:
    box.run("rm -rf /w/* && echo 'x = 1' > /w/a.py")
    return box


@pytest.fixture
def play(sandbox: Sandbox) -> Play:
    return player(sandbox)


def test_from_the_first_message_to_the_claim(play: Play, sandbox: Sandbox) -> None:
    played = play(Step(text="Look.", thinking="Hm.", tools=(bash("echo seen; echo 2 > b"),)), FINISH)
    assert played.ending == Ending(kind="finish", text="Done.", evidence={"c1": "ran it"})
    kinds = [ModelRequested, ModelReplied, ToolStarted, ToolFinished] * 2
    assert [type(event) for event in played.events] == kinds
    assert [event.call for event in played.of(ModelRequested)] == [1, 2]
    started, finished = played.events[2:4]
    assert isinstance(started, ToolStarted)
    assert isinstance(finished, ToolFinished)
    assert (started.name, started.summary) == ("bash", "echo seen; echo 2 > b")
    assert (finished.status, finished.output, finished.final) == ("ok", "seen", None)
    assert finished.micros > 0
    assert played.told(0) == [{"type": "text", "text": "Do it."}]
    assert played.told(1) == [{"type": "tool_result", "tool_use_id": finished.call, "content": "seen"}]
    assert played.bodies[1]["messages"][1]["content"][0]["signature"]
    assert sandbox.read("/w/b") == b"2\n"


def test_several_calls_of_one_reply_are_run_in_order_and_answered_together(play: Play) -> None:
    played = play(Step(tools=(bash("echo 1 >> log; cat log"), bash("echo 2 >> log; cat log"))), FINISH)
    assert [block["content"] for block in played.told(1)] == ["1", "1\n2"]


def test_a_server_may_give_every_call_the_same_id(play: Play) -> None:
    def same(command: str) -> Tool:
        return Tool(name="bash", id="call_0", input={"command": command})

    played = play(Step(tools=(same("echo 1"), same("echo 2"))), Step(tools=(same("echo 3"),)), FINISH)
    assert [block["content"] for n in (1, 2) for block in played.told(n)] == ["1", "2", "3"]


def test_what_comes_after_the_claim_is_skipped(play: Play, sandbox: Sandbox) -> None:
    played = play(Step(tools=(Tool(name="blocked", input={"reason": "No key.", "tried": "All."}), bash("touch late"))))
    assert played.ending == Ending(kind="blocked", text="No key.", tried="All.")
    last = played.of(ToolFinished)[-1]
    assert (last.status, last.output) == ("skipped", SKIPPED)
    assert len(played.of(ToolStarted)) == 1
    assert sandbox.run("ls late").exit_code != 0


def test_a_claim_that_is_malformed_ends_nothing(play: Play) -> None:
    played = play(Step(tools=(Tool(name="finish", input={"done": True}),)), FINISH)
    assert played.ending.kind == "finish"
    assert played.told(1)[0]["is_error"] is True


# Replies that are not what they should be


def test_a_call_cut_off_by_the_length_limit_is_never_run(play: Play, sandbox: Sandbox) -> None:
    cut = Tool(name="bash", partial='{"command": "touch cut; touch c')
    played = play(Step(tools=(bash("touch whole"), cut), stop_reason="max_tokens"), FINISH)
    assert [block.get("is_error", False) for block in played.told(1)] == [False, True]
    assert played.told(1)[1]["content"] == MALFORMED
    assert sandbox.run("ls").stdout.split() == [b"a.py", b"whole"]
    assert played.of(ToolFinished)[1].status == "environment"


@pytest.mark.parametrize(
    "partial", ['{"command": "touch x"', '["touch x"]', "touch x", '{"command": "touch x \\ud800"}']
)
def test_a_call_that_is_no_json_object_is_never_run(play: Play, sandbox: Sandbox, partial: str) -> None:
    played = play(Step(tools=(Tool(name="bash", partial=partial),)), FINISH)
    assert (played.told(1)[0]["content"], played.told(1)[0]["is_error"]) == (MALFORMED, True)
    assert sandbox.run("ls").stdout == b"a.py\n"


@pytest.mark.parametrize("fault", [{"cut_after": -1}, {"cut_after": -2, "abrupt": True}, {"error_after": -1}])
def test_a_call_of_a_broken_stream_is_not_run_although_it_looks_complete(
    play: Play, sandbox: Sandbox, fault: dict[str, Any]
) -> None:
    step = Step(tools=(bash("echo ran >> log"),))
    played = play([msgspec.structs.replace(step, **fault), step], FINISH)
    assert sandbox.read("/w/log") == b"ran\n"
    assert len(played.of(ModelFailed)) == 1
    assert [(event.call, event.attempt) for event in played.of(ModelRequested)] == [(1, 1), (1, 2), (2, 1)]


def test_a_refusal_ends_the_conversation(play: Play) -> None:
    played = play(Step(text="I will not.", stop_reason="refusal"))
    assert played.ending == Ending(kind="refused", text="I will not.")


def test_a_refusal_runs_nothing(play: Play, sandbox: Sandbox) -> None:
    assert play(Step(tools=(bash("touch x"),), stop_reason="refusal")).ending.kind == "refused"
    assert sandbox.run("ls").stdout == b"a.py\n"


def test_a_full_context_window_ends_the_conversation(play: Play) -> None:
    assert play(Step(text="So", stop_reason="model_context_window_exceeded")).ending.kind == "context"


def test_a_quiet_maker_is_reminded_once(play: Play) -> None:
    played = play(Step(text="It is done."), Step(tools=(bash("true"),)), Step(text="Really done."))
    assert played.ending == Ending(kind="quiet", text="Really done.")
    assert played.told(1) == [{"type": "text", "text": QUIET}]
    assert [event.why for event in played.of(Told)] == ["quiet"]


def test_words_cut_off_by_the_length_limit_are_no_quiet_ending(play: Play) -> None:
    played = play(Step(text="First I", stop_reason="max_tokens"), Step(text="Done."), FINISH)
    assert [block["text"] for n in (1, 2) for block in played.told(n)] == [CUT, QUIET]
    assert played.ending.kind == "finish"


# The checker


def test_the_final_text_of_a_checker_is_its_answer(play: Play) -> None:
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "additionalProperties": False}
    look = Step(tools=(Tool(name="read", input={"file_path": "a.py"}), Tool(name="write", input={})))
    played = play(look, Step(json={"ok": True}), checker=True, schema=schema)
    assert played.ending == Ending(kind="quiet", text='{"ok":true}')
    assert [block["content"] for block in played.told(1)][0] == "     1\tx = 1"
    assert "there is no tool of that name" in played.told(1)[1]["content"]
    assert all(body["output_config"]["format"]["schema"] == schema for body in played.bodies)
    assert [tool["name"] for tool in played.bodies[0]["tools"]] == ["bash", "read", "grep", "glob"]


def test_half_an_answer_is_none(play: Play) -> None:
    played = play(Step(text='{"decision": "acc', stop_reason="max_tokens"), Step(text="{}"), checker=True)
    assert played.ending.text == "{}"
    again = play(*[Step(text="half", stop_reason="max_tokens")] * 3, checker=True)
    assert (again.ending.kind, again.ending.value, again.ending.limit) == ("runaway", 3, 3)


def test_a_checker_is_told_to_answer_when_a_limit_is_near(play: Play) -> None:
    played = play(Step(tools=(bash("ls"),)), Step(text="{}"), checker=True, pressure=lambda: 0.85)
    assert played.told(0)[-1]["text"] == WRAP_UP_JUDGE
