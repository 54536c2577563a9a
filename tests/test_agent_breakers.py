"""What stops a conversation, and who may speak in it besides the model."""

import json
from collections.abc import Iterator

import msgspec
import pytest

from harness.agent import TurnLimits, maker_tools
from harness.agent.turns import INTERRUPTED, REPEATED, WRAP_UP
from harness.events import ModelRequested, Told, ToolFinished, ToolStarted
from harness.models import ModelError, OverBudget
from sandboxes.base import Sandbox, SandboxGone
from tests.agent_support import FINISH, Play, bash, begun, drained, held, ledger, opened_sandbox, player
from tests.scripted import ScriptedServer, Step, Tool


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory, base_image: str) -> Iterator[Sandbox]:
    with opened_sandbox(tmp_path_factory.mktemp("breakers"), base_image, {"a.py": "x = 1\n"}) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(box: Sandbox) -> Sandbox:
    box.run("rm -rf /w/* && echo 'x = 1' > /w/a.py")
    return box


@pytest.fixture
def play(sandbox: Sandbox) -> Play:
    return player(sandbox)


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
    note = Step(text="Goal state: half done. Next step: the other half.")
    assert (played := play(call, note)).ending.kind == "handover"
    assert played.ending.text.startswith("Goal state")
    assert len(played.of(ToolFinished)) == 1
    assert [event.why for event in played.of(Told)] == ["handover"]
    working = play(call, call)  # a model that goes on working instead has said nothing
    assert (working.ending.kind, working.ending.text, len(working.of(ToolFinished))) == ("handover", "", 1)
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
