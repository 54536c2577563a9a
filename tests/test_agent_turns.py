"""The inner loop, between a scripted model on real HTTP and a real sandbox."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from harness.agent import Conversation, Ending, Toolbox, TurnLimits, checker_tools, maker_tools, prompt
from harness.agent.turns import CUT, INTERRUPTED, MALFORMED, QUIET, REPEATED, SKIPPED, WRAP_UP, WRAP_UP_JUDGE
from harness.events import Event, ModelFailed, ModelReplied, ModelRequested, Told, ToolFinished, ToolStarted
from harness.models import ModelError, OverBudget
from sandboxes.base import Sandbox, SandboxGone
from tests.agent_support import CHECKER, MAKER, drained, held, ledger, opened_sandbox
from tests.scripted import ScriptedServer, Step, Tool


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory, base_image: str) -> Iterator[Sandbox]:
    with opened_sandbox(tmp_path_factory.mktemp("turns"), base_image, {"a.py": "x = 1\n"}) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(box: Sandbox) -> Sandbox:
    box.run("rm -rf /w/* && echo 'x = 1' > /w/a.py")
    return box


def bash(command: str, **more: Any) -> Tool:
    return Tool(name="bash", input={"command": command, **more})


FINISH = Step(tools=(Tool(name="finish", input={"summary": "Done.", "evidence": {"c1": "ran it"}}),))


def begun(toolbox: Toolbox, first: str = "Do it.", **fields: Any) -> Conversation:
    given: dict[str, Any] = {"id": "maker.1", "role": "maker", "model": MAKER, "system": prompt("maker")}
    return Conversation.open(**(given | fields), tools=toolbox.schemas, first=first)


class Played:
    """A conversation that was played to its end, and what the server saw of it."""

    def __init__(self, server: ScriptedServer, events: list[Event], ending: Ending) -> None:
        self.events, self.ending = events, ending
        self.bodies = [request.body for request in server.requests]

    def told(self, request: int) -> list[dict[str, Any]]:
        """The blocks of the last message of a request."""
        content: list[dict[str, Any]] = self.bodies[request]["messages"][-1]["content"]
        return content

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


Play = Callable[..., Played]


@pytest.fixture
def play(sandbox: Sandbox) -> Play:
    """Play steps as a maker; `checker=True` as a checker."""

    def run(*steps: Any, limits: TurnLimits | None = None, checker: bool = False, **options: Any) -> Played:
        toolbox = checker_tools(sandbox) if checker else maker_tools(sandbox)
        role: dict[str, Any] = {"id": "checker.1", "role": "checker", "model": CHECKER} if checker else {}
        with ScriptedServer({"*": [list(steps)]}) as server:
            events, ending = drained(held(server, begun(toolbox, **role), toolbox, limits, **options))
        assert server.breaches == []
        return Played(server, events, ending)

    return run


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
    again = play(*[Step(text="half", stop_reason="max_tokens")] * 2, checker=True)
    assert again.ending.kind == "quiet"


def test_a_checker_is_told_to_answer_when_a_limit_is_near(play: Play) -> None:
    played = play(Step(tools=(bash("ls"),)), Step(text="{}"), checker=True, pressure=lambda: 0.85)
    assert played.told(0)[-1]["text"] == WRAP_UP_JUDGE


# Breakers


def test_four_equal_calls_stop_and_three_are_remarked_on(play: Play) -> None:
    played = play(*[Step(text=f"Once more, {n}.", tools=(bash("cat a.py"),)) for n in range(4)])
    assert (played.ending.kind, played.ending.value) == ("stuck", 4)
    remarks = [[block for block in played.told(n) if block["type"] == "text"] for n in (1, 2, 3)]
    assert remarks == [[], [], [{"type": "text", "text": REPEATED}]]


def test_equal_calls_with_new_results_are_work(play: Play) -> None:
    assert play(*[Step(tools=(bash("echo >> n; wc -l n"),))] * 6, FINISH).ending.kind == "finish"


def test_two_calls_in_turn_stop_at_the_third_time(play: Play) -> None:
    pair = [Step(tools=(bash("cat a.py"),)), Step(tools=(Tool(name="read", input={"file_path": "a.py"}),))]
    played = play(*pair * 3)
    assert (played.ending.kind, played.ending.value, len(played.bodies)) == ("stuck", 3, 6)


def test_a_hanging_command_is_killed_and_the_conversation_goes_on(play: Play) -> None:
    played = play(Step(tools=(bash("echo a; sleep 600", timeout_ms=300),)), FINISH)
    assert played.ending.kind == "finish"
    assert played.told(1)[0]["content"].startswith("a\n[killed")
    assert played.told(1)[0]["is_error"] is True


def test_ten_megabytes_of_output_never_reach_the_model(play: Play) -> None:
    played = play(Step(tools=(bash("head -c 10000000 /dev/zero | tr '\\0' x"),)), FINISH)
    assert len(json.dumps(played.told(1))) < 11_000


def test_an_environment_that_fails_trips_and_failing_tests_do_not(play: Play) -> None:
    limits = TurnLimits(error_percent=60, error_window=5)
    slow = [Step(tools=(bash(f"echo {n}; sleep 60", timeout_ms=50),)) for n in range(4)]
    red = [Step(tools=(bash(f"echo {n} failed; exit 1"),)) for n in range(9)]
    played = play(red[0], *slow, limits=limits)
    assert (played.ending.kind, played.ending.value, played.ending.limit) == ("error_rate", 80, 60)
    assert play(*red, FINISH, limits=limits).ending.kind == "finish"


def test_turns_are_limited_and_the_end_is_announced_once(play: Play) -> None:
    played = play(*[Step(tools=(bash(f"echo {n}"),)) for n in range(10)], limits=TurnLimits(turns=10))
    assert (played.ending.kind, played.ending.value, len(played.bodies)) == ("turns", 10, 10)
    announced = [n for n in range(10) if {"type": "text", "text": WRAP_UP} in played.told(n)]
    assert announced == [9]
    assert [event.why for event in played.of(Told)] == ["wrap_up"]


def test_money_and_time_announce_the_end_too(play: Play) -> None:
    pressures = iter([0.1, 0.84, 0.86, 0.99, 1.2])
    steps = [Step(tools=(bash(f"echo {n}"),)) for n in range(4)]
    played = play(*steps, FINISH, pressure=lambda: next(pressures))
    assert [n for n in range(5) if WRAP_UP in json.dumps(played.told(n))] == [2]


def test_a_long_context_ends_the_conversation_but_a_claim_in_it_counts(play: Play) -> None:
    long = {"input_tokens": 90_000, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}
    call = Step(tools=(bash("true"),), usage=long)
    assert (played := play(call)).ending.kind == "context"
    assert (played.ending.value, played.ending.limit) == (90_000, 80_000)
    assert len(played.of(ToolFinished)) == 1
    assert play(msgspec.structs.replace(FINISH, usage=long)).ending.kind == "finish"
    judged = play(msgspec.structs.replace(call, usage=long), checker=True)
    assert judged.ending.kind == "context"


# Supervision


def test_a_supervisors_words_are_in_the_next_request_and_only_there(play: Play) -> None:
    inbox: list[tuple[str, ...]] = [("Mind the edge.", "And the rest."), (), ("Hurry.",), ()]
    steps = [Step(tools=(bash(f"echo {n}"),)) for n in range(3)]
    played = play(*steps, FINISH, inbox=lambda: inbox.pop(0))
    texts = [[block["text"] for block in played.told(n) if block["type"] == "text"] for n in range(4)]
    assert texts == [["Do it.", "Mind the edge.", "And the rest."], [], ["Hurry."], []]
    assert [block["type"] for block in played.told(2)] == ["tool_result", "text"]
    assert [event.why for event in played.of(Told)] == ["steer"] * 3


def test_a_supervisors_words_are_cleaned_like_all_others(sandbox: Sandbox) -> None:
    toolbox = maker_tools(sandbox, lambda text: text.replace("secret", "[gone]"))
    words = iter([("A secret.",), ()])
    with ScriptedServer({"*": [[Step(tools=(bash("echo secret > f; cat f"),)), FINISH]]}) as server:
        events, _ = drained(held(server, begun(toolbox), toolbox, inbox=lambda: next(words)))
    assert server.breaches == []
    assert b"A [gone]." in server.requests[0].raw
    sent = server.requests[1].body["messages"][2]["content"][0]["content"]
    assert sent == "[gone]" == next(e.output for e in events if isinstance(e, ToolFinished))


# Ways out by exception


def test_a_call_that_could_overspend_is_not_made(sandbox: Sandbox) -> None:
    toolbox = maker_tools(sandbox)
    with ScriptedServer({"*": [[FINISH]]}) as server, pytest.raises(OverBudget):
        drained(held(server, begun(toolbox), toolbox, account=ledger(1_000)))
    assert server.requests == []


def test_a_wrong_key_is_the_callers_affair(sandbox: Sandbox) -> None:
    toolbox = maker_tools(sandbox)
    with ScriptedServer({"*": [[FINISH]]}, key="right") as server, pytest.raises(ModelError) as caught:
        drained(held(server, begun(toolbox), toolbox))
    assert caught.value.kind == "auth"


def test_a_conversation_survives_its_sandbox(
    sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory, base_image: str
) -> None:
    with ScriptedServer(
        {"*": [[Step(tools=(bash("echo first"),)), Step(tools=(bash("sleep 60"),)), FINISH]]}
    ) as server:
        with opened_sandbox(tmp_path_factory.mktemp("gone"), base_image, {"a": ""}) as first:
            toolbox = maker_tools(first)
            conversation = begun(toolbox)
            generator = held(server, conversation, toolbox)
            for event in generator:
                if isinstance(event, ToolStarted) and "sleep" in event.summary:
                    break
            first.close()
            with pytest.raises(SandboxGone):
                next(generator)
        events, ending = drained(held(server, conversation, maker_tools(sandbox)))
    assert server.breaches == []
    assert ending.kind == "finish"
    interrupted = events[0]
    assert isinstance(interrupted, ToolFinished)
    assert (interrupted.status, interrupted.output) == ("environment", INTERRUPTED)


def test_closing_the_generator_gives_back_what_was_reserved(sandbox: Sandbox) -> None:
    toolbox, account = maker_tools(sandbox), ledger()
    with ScriptedServer({"*": [[FINISH]]}) as server:
        generator = held(server, begun(toolbox), toolbox, account=account)
        assert isinstance(next(generator), ModelRequested)
        assert account.held > 0
        generator.close()
    assert account.held == 0
    assert server.requests == []
