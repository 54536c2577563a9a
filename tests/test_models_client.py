"""The client against a real server: what goes out, what comes back, and every way a stream can go wrong."""

import threading
import time
from pathlib import Path

import msgspec
import pytest

from harness.models import MessagesModel, ModelError, Price, Profile, Reply, Request
from harness.models.client import SILENCE
from tests.models_support import KEY, LS, NAME, SONNET, TOOLS, attempted, credentials, failed, hello, playing
from tests.scripted import Conversation, ScriptedServer, Step, Tool
from tests.scripted.words import result, user

LOCAL = Profile(name=NAME, price=Price(input=0, output=0), context=64_000, max_output=8_000)


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    credentials(monkeypatch, tmp_path)


def grown(request: Request, reply: Reply, text: str = "go on") -> Request:
    answer = result(reply.calls[0].id, text) if reply.calls else user(text)
    return msgspec.structs.replace(request, messages=(*request.messages, reply.wire, answer))


def test_a_reply_with_everything_in_it_and_the_next_request_extends_the_one_before() -> None:
    heard: list[tuple[str, str]] = []
    with playing(msgspec.structs.replace(LS, packet=3), Step(text="done")) as server:
        model = MessagesModel(SONNET, base_url=server.url)
        first = model.attempt(hello(), timeout=30, on_text=lambda kind, text: heard.append((kind, text)))
        second = model.attempt(grown(hello(), first), timeout=30)
    assert (first.stop_reason, first.text, first.thinking) == ("tool_use", "looking", "hm")
    assert [(call.name, call.input) for call in first.calls] == [("bash", {"command": "ls"})]
    assert heard == [("thinking", "hm"), ("thinking", ""), ("text", "looking"), ("text", ""), ("tool", "bash")]
    assert (first.request_id, first.model) == ("req_scripted", NAME)
    assert second.stop_reason == "end_turn"
    assert server.requests[1].raw.startswith(server.requests[0].raw[:-2])
    assert not server.breaches


def test_the_body_says_what_the_profile_can_and_nothing_else() -> None:
    with playing(Step(text="{}"), Step(text="x")) as server:
        attempted(server, hello(schema={"type": "object"}, effort="low"))
        full = server.requests[0].body
    assert full["stream"] is True
    assert full["system"] == [{"type": "text", "text": "be good", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    assert full["cache_control"] == {"type": "ephemeral"}
    assert full["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert full["output_config"] == {
        "format": {"type": "json_schema", "schema": {"type": "object"}},
        "effort": "low",
    }
    assert full["tools"] == [msgspec.to_builtins(TOOLS[0])]
    assert full["messages"] == [msgspec.json.decode(hello().messages[0])]


def test_tools_are_marked_where_there_is_no_system_prompt() -> None:
    with playing(Step(text="x")) as server:
        attempted(server, hello(system=""))
    body = server.requests[0].body
    assert "system" not in body
    assert body["tools"][-1]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}


def test_a_server_that_knows_nothing_more_takes_the_requests_of_a_profile_without_flags() -> None:
    with playing(LS, Step(text="done"), strict=True) as server:
        request = hello(schema={"type": "object"}, effort="high")
        reply = attempted(server, request, LOCAL)
        attempted(server, grown(request, reply), LOCAL)
        assert not server.breaches
        assert failed(server).kind == "bad_request"


def test_a_server_of_its_own_gets_its_own_key_and_never_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SERVER_KEY", "local-key-9876")
    with playing(Step(text="a")) as server:
        for key_env in (None, "MY_SERVER_KEY"):
            profile = msgspec.structs.replace(LOCAL, base_url=server.url, key_env=key_env)
            MessagesModel(profile).attempt(hello(), timeout=30)
        sent = [record.headers["Authorization"] for record in server.requests]
        assert sent == ["Bearer none", "Bearer local-key-9876"]
        assert not any(KEY in str(record.headers) for record in server.requests)


def test_the_environment_names_the_server_as_the_sdk_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    with playing(Step(text="found"), key=KEY) as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        model = MessagesModel(SONNET)
        model.warm()
        assert model.attempt(hello(), timeout=30).text == "found"


def test_a_cut_stream_with_a_complete_looking_call_is_no_reply() -> None:
    for cut in (Step(tools=LS.tools, cut_after=-1), Step(tools=LS.tools, cut_after=-2)):
        for abrupt in (False, True):
            with playing(msgspec.structs.replace(cut, abrupt=abrupt)) as server:
                error = failed(server)
            assert (error.kind, error.charged, error.transient) == ("cut", True, True)


def test_what_happens_to_the_connection_after_the_end_of_the_reply_does_not_matter() -> None:
    with playing(Step(text="whole", cut_after=99, abrupt=True)) as server:
        assert attempted(server).text == "whole"


@pytest.mark.parametrize("after", [0, 3])
def test_silence_ends_with_the_time_of_the_attempt(after: int) -> None:
    with playing(Step(text="a", hang_after=after)) as server:
        error = failed(server, timeout=0.3)
    assert (error.kind, error.charged) == ("timeout", True)
    assert SILENCE == 300


def test_a_stream_that_drips_for_ever_ends_with_the_time_of_the_attempt() -> None:
    with playing(Step(text="drip " * 2_000, chunk=1, pace_ms=20)) as server:
        error = failed(server, timeout=0.5)
    assert (error.kind, error.charged) == ("timeout", True)


@pytest.mark.parametrize("step", [Step(text="a", hang_after=0), Step(text="a", hang_after=4), Step(delay_ms=60_000)])
def test_interrupt_frees_a_hanging_attempt_from_another_thread(step: Step) -> None:
    quick = Conversation(match="quick", steps=[Step(text="before"), Step(text="after")])
    with ScriptedServer({NAME: [quick, [step]]}) as server:
        model = MessagesModel(SONNET, base_url=server.url)
        fast = hello(messages=(user("quick"),))
        before = model.attempt(fast, timeout=30)  # so that the hanging attempt goes over a connection that was open
        caught: list[ModelError] = []

        def hang() -> None:
            with pytest.raises(ModelError) as error:
                model.attempt(hello(), timeout=60)
            caught.append(error.value)

        thread = threading.Thread(target=hang)
        thread.start()
        while len(server.requests) < 2:
            time.sleep(0.01)
        model.interrupt()
        thread.join(timeout=120)
        assert not thread.is_alive()
        assert (caught[0].kind, caught[0].message, caught[0].charged) == ("cut", "interrupted", True)
        assert model.attempt(grown(fast, before), timeout=30).text == "after"


def test_threads_share_one_client() -> None:
    script = {NAME: [Conversation(steps=[LS], repeat=4, then=[Step(text="end")], again=True)]}
    with ScriptedServer(script) as server:
        model, ended = MessagesModel(SONNET, base_url=server.url), []

        def agent(number: int) -> None:
            request = hello(messages=(user(f"agent {number}"),))
            while (reply := model.attempt(request, timeout=30)).calls:
                request = grown(request, reply)
            ended.append(reply.text)

        threads = [threading.Thread(target=agent, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert ended == ["end"] * 4
    assert not server.breaches


def test_a_call_cut_by_max_tokens_has_no_input_and_the_conversation_goes_on() -> None:
    cut = Step(text="a", tools=(Tool(name="bash", partial='{"command": "rm -rf /tm'),), stop_reason="max_tokens")
    with playing(cut, Step(text="sorry")) as server:
        reply = attempted(server)
        assert (reply.stop_reason, reply.calls[0].input) == ("max_tokens", None)
        assert attempted(server, grown(hello(), reply, "your call was cut off")).text == "sorry"
        assert not server.breaches


def test_an_empty_reply_can_be_answered() -> None:
    with playing(Step(), Step(text="\n"), Step(text="here I am")) as server:
        request = hello()
        for _ in range(2):
            reply = attempted(server, request)
            assert (reply.text.strip(), reply.calls) == ("", ())
            request = grown(request, reply)
        assert attempted(server, request).text == "here I am"
        assert not server.breaches


def test_a_refusal_and_an_exceeded_context_pass_through() -> None:
    for reason in ("refusal", "model_context_window_exceeded", "pause_turn"):
        with playing(Step(text="no", stop_reason=reason)) as server:
            assert attempted(server).stop_reason == reason


def test_fifty_turns_take_their_input_from_the_cache() -> None:
    script = {NAME: [{"steps": [LS], "repeat": 50, "then": [Step(text="end")]}]}
    with ScriptedServer(script) as server:
        model = MessagesModel(SONNET, base_url=server.url)
        request = hello(system="You work on a repository. " * 300)
        for turn in range(50):
            request = grown(request, model.attempt(request, timeout=30), f"line {turn} of output\n" * 12)
        assert model.attempt(request, timeout=30).text == "end"
    totals = server.totals()
    whole = sum(totals[name] for name in totals if name != "output_tokens")
    assert totals["cache_read_input_tokens"] / whole > 0.95
    assert totals["input_tokens"] == 0
    written = [record.usage["cache_creation"]["ephemeral_1h_input_tokens"] for record in server.requests]
    assert written[0] > 1_500
    assert set(written[1:]) == {0}
    assert not server.breaches
