"""The scripted model: other tests stand on it, so it is tested by a client that is not ours."""

import json
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

import anthropic
import pytest

from tests.scripted import Ask, Conversation, ScriptedServer, Step, Tool
from tests.scripted.cache import BadMarks, Cache

MODEL = "claude-sonnet-5-5"
LS = Step(text="looking", tools=(Tool(name="bash", input={"command": "ls"}),))


def client(server: ScriptedServer, key: str = "k") -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=server.url, api_key=key, max_retries=0)


def say(sdk: anthropic.Anthropic, messages: list[Any], **more: Any) -> anthropic.types.Message:
    with sdk.messages.stream(model=MODEL, max_tokens=1000, messages=messages, **more) as stream:
        return stream.get_final_message()


def answered(messages: list[Any], reply: anthropic.types.Message) -> list[Any]:
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": "ok"}
        for block in reply.content
        if block.type == "tool_use"
    ]
    said = [{"type": "text", "text": "go on"}]
    return [
        *messages,
        {"role": "assistant", "content": [block.to_dict() for block in reply.content]},
        {"role": "user", "content": results or said},
    ]


HELLO = [{"role": "user", "content": "hello"}]


def test_the_sdk_reads_every_kind_of_block_streaming_and_not() -> None:
    step = Step(thinking="hm " * 300, text="ok " * 300, tools=(Tool(name="a", input={"x": [1]}), Tool(name="b")))
    with ScriptedServer({MODEL: [Conversation(steps=[step], shared=True)]}) as server:
        streamed = say(client(server), HELLO)
        whole = client(server).messages.create(model=MODEL, max_tokens=1000, messages=HELLO)  # type: ignore[arg-type]
    assert [block.type for block in streamed.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert [block.to_dict() for block in streamed.content] == [block.to_dict() for block in whole.content]
    assert streamed.content[0].signature == whole.content[0].signature != ""  # type: ignore[union-attr]
    assert streamed.stop_reason == whole.stop_reason == "tool_use"
    assert streamed.usage.output_tokens == whole.usage.output_tokens > 100
    assert not server.breaches


def test_steps_go_by_the_replies_in_the_request_so_the_same_request_gets_the_same_answer() -> None:
    with ScriptedServer({MODEL: [[LS, Step(text="done")]]}) as server:
        first = say(client(server), HELLO)
        again = say(client(server), HELLO)
        second = say(client(server), answered(HELLO, first))
        assert first.content == again.content
        assert second.content[0].text == "done"  # type: ignore[union-attr]
    assert [record.step for record in server.requests] == [0, 0, 1]
    assert {record.conversation for record in server.requests} == {0}
    assert not server.breaches


@pytest.mark.parametrize("change", ["system", "tools", "first", "reply", "thinking", "rewind", "orphan"])
def test_a_conversation_that_does_not_only_grow_is_a_breach(change: str) -> None:
    tools = [{"name": "bash", "input_schema": {"type": "object"}}]
    first = Step(thinking="hm", text="looking", tools=(Tool(name="bash", input={}),))
    second = Step(text="and", tools=(Tool(name="bash", input={}),))
    more: dict[str, Any] = {"system": "be good", "tools": tools}
    with ScriptedServer({MODEL: [[first, second, Step(text="x")]]}) as server:
        sdk = client(server)
        one = answered(HELLO, say(sdk, HELLO, **more))
        two = answered(one, say(sdk, one, **more))
        assert not server.breaches
        match change:
            case "system":
                more["system"] = "be bad"
            case "tools":
                more["tools"] = [*tools, {"name": "extra", "input_schema": {"type": "object"}}]
            case "first":
                two[0] = {"role": "user", "content": "hello!"}
            case "reply":
                two[1]["content"][1]["text"] = "edited"
            case "thinking":
                del two[3]["content"][0]
            case "rewind":
                two = HELLO
            case "orphan":
                two[-1] = {"role": "user", "content": "I ignore your call"}
        with pytest.raises(anthropic.APIStatusError) as refused:
            say(sdk, two, **more)
        assert refused.value.status_code == 400
    assert len(server.breaches) == 1


def test_attempts_are_tried_in_order_and_the_last_one_stays() -> None:
    attempts = [Step(status=429, retry_after="7"), Step(status=529), Step(text="at last")]
    with ScriptedServer({MODEL: [[attempts]]}) as server:
        with pytest.raises(anthropic.RateLimitError) as limited:
            say(client(server), HELLO)
        assert limited.value.response.headers["retry-after"] == "7"
        with pytest.raises(anthropic.InternalServerError):
            say(client(server), HELLO)
        assert [say(client(server), HELLO).content[0].text for _ in "ab"] == ["at last"] * 2  # type: ignore[union-attr]


def test_the_traps_of_the_sdk_are_played() -> None:
    cut, failed = Step(tools=LS.tools, cut_after=-2), Step(text="a", error_after=3, error="overloaded_error")
    attempts = [cut, failed, Step(text="a", cut_after=2, abrupt=True), Step(status=0)]
    with ScriptedServer({MODEL: [[attempts]]}) as server:
        partial = say(client(server), HELLO)
        assert partial.stop_reason is None
        assert partial.content[0].type == "tool_use"
        with pytest.raises(anthropic.APIStatusError) as inside:
            say(client(server), HELLO)
        assert (inside.value.status_code, inside.value.type) == (200, "overloaded_error")
        with pytest.raises(Exception, match="peer closed|incomplete"):
            say(client(server), HELLO)
        with pytest.raises(anthropic.APIConnectionError):
            say(client(server), HELLO)


def test_python_functions_repetition_and_matching() -> None:
    def play(ask: Ask) -> Step:
        return Step(text=f"{ask.step}:{ask.body['messages'][-1]['content'][0]['text']}")

    conversations = [
        Conversation(match="loop", steps=[LS], repeat=3, then=[Step(text="end")], again=True),
        Conversation(default=play),
    ]
    ids: list[str] = []
    with ScriptedServer({"*": conversations}) as server:
        for word in ("loop one", "loop two"):
            talk: list[Any] = [{"role": "user", "content": word}]
            for _ in range(3):
                talk = answered(talk, say(client(server), talk))
                ids.append(talk[-1]["content"][0]["tool_use_id"])
            assert say(client(server), talk).content[0].text == "end"  # type: ignore[union-attr]
        hi: list[Any] = [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]
        reply = say(client(server), hi)
        assert reply.content[0].text == "0:hi"  # type: ignore[union-attr]
        assert say(client(server), answered(hi, reply)).content[0].text == "1:go on"  # type: ignore[union-attr]
    assert len(set(ids)) == 6
    assert not server.breaches


def test_parallel_conversations_do_not_mix() -> None:
    script = {MODEL: [Conversation(steps=[LS], repeat=5, then=[Step(text="end")], again=True)]}
    with ScriptedServer(script) as server:
        sdk = client(server)

        def agent(number: int) -> None:
            talk: list[Any] = [{"role": "user", "content": f"agent {number}"}]
            for _ in range(6):
                talk = answered(talk, say(sdk, talk))

        threads = [threading.Thread(target=agent, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not server.breaches
    assert sorted(record.step for record in server.requests) == sorted(list(range(6)) * 4)


def test_an_exhausted_script_an_unknown_model_and_a_wrong_key() -> None:
    with ScriptedServer({MODEL: [[Step(text="one")]]}, key="right") as server:
        with pytest.raises(anthropic.AuthenticationError):
            say(client(server, "wrong"), HELLO)
        sdk = client(server, "right")
        with pytest.raises(anthropic.NotFoundError):
            sdk.messages.create(model="claude-nobody", max_tokens=1, messages=HELLO)  # type: ignore[arg-type]
        assert not server.breaches
        with pytest.raises(anthropic.BadRequestError):
            say(sdk, answered(HELLO, say(sdk, HELLO)))
        with pytest.raises(anthropic.BadRequestError):
            say(sdk, [{"role": "user", "content": "another conversation"}])
        assert len(server.breaches) == 2


def test_the_strict_profile_refuses_what_local_servers_do_not_know() -> None:
    with ScriptedServer({MODEL: [[Step(text="one")]]}, strict=True) as server:
        usage = say(client(server), HELLO).usage
        assert usage.cache_read_input_tokens is None
        for field in ({"cache_control": {"type": "ephemeral"}}, {"thinking": {"type": "adaptive"}}):
            with pytest.raises(anthropic.BadRequestError):
                say(client(server), HELLO, **field)
        with pytest.raises(anthropic.NotFoundError):
            client(server).messages.count_tokens(model=MODEL, messages=HELLO)  # type: ignore[arg-type]


def test_models_and_count_tokens() -> None:
    with ScriptedServer({MODEL: [[Step()]]}) as server:
        assert [model.id for model in client(server).models.list()] == [MODEL]
        assert client(server).models.retrieve(MODEL).id == MODEL
        long = [{"role": "user", "content": "x" * 400}]
        assert client(server).messages.count_tokens(model=MODEL, messages=long).input_tokens == 100  # type: ignore[arg-type]


def body(blocks: int, *, tail: bool = True, system_ttl: str = "1h", size: int = 4_000) -> bytes:
    messages = [{"role": "user", "content": [{"type": "text", "text": f"{n:>{size}}"} for n in range(blocks)]}]
    system = [{"type": "text", "text": "s" * 8_000, "cache_control": {"type": "ephemeral", "ttl": system_ttl}}]
    whole: dict[str, Any] = {"model": "m", "messages": messages, "system": system}
    return json.dumps(whole | ({"cache_control": {"type": "ephemeral"}} if tail else {})).encode()


def counts(usage: dict[str, Any]) -> tuple[int, int, int, int]:
    written = usage["cache_creation"]
    assert (
        written["ephemeral_5m_input_tokens"] + written["ephemeral_1h_input_tokens"]
        == (usage["cache_creation_input_tokens"])
    )
    return (
        usage["input_tokens"],
        usage["cache_read_input_tokens"],
        written["ephemeral_5m_input_tokens"],
        written["ephemeral_1h_input_tokens"],
    )


def test_the_cache_is_accounted_by_hand() -> None:
    cache = Cache()
    block = len(json.dumps({"type": "text", "text": f"{0:>4000}"})) // 4
    system = len(json.dumps({"type": "text", "text": "s" * 8_000}).replace(" ", "")) // 4
    assert counts(cache.usage(body(1))) == (0, 0, block, system)
    assert counts(cache.usage(body(1))) == (0, system + block, 0, 0)
    assert counts(cache.usage(body(3))) == (0, system + block, 2 * block, 0)
    assert counts(cache.usage(body(2, tail=False))) == (2 * block, system, 0, 0)


def test_a_mark_finds_entries_of_the_twenty_blocks_before_it_and_no_more() -> None:
    system, block = 2_010, 1_008
    for blocks, read in ((22, system + 3 * block), (23, system)):
        cache = Cache()
        cache.usage(body(3))
        assert cache.usage(body(blocks))["cache_read_input_tokens"] == pytest.approx(read, abs=20)


def test_marks_are_judged_as_the_api_does() -> None:
    cache = Cache()
    hour_last = json.loads(body(1, system_ttl="5m")) | {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    with pytest.raises(BadMarks, match="must not come after"):
        cache.usage(json.dumps(hour_last).encode())
    many = json.loads(body(5))
    for part in many["messages"][0]["content"]:
        part["cache_control"] = {"type": "ephemeral"}
    with pytest.raises(BadMarks, match="maximum of 4"):
        cache.usage(json.dumps(many).encode())
    small = cache.usage(json.dumps({"model": "m", "messages": [HELLO[0]], "cache_control": {}}).encode())
    assert small["cache_creation_input_tokens"] == 0


def test_it_runs_as_a_process_of_its_own(tmp_path: Path) -> None:
    script, log = tmp_path / "script.json", tmp_path / "log.jsonl"
    step = {"text": "hi", "tools": [{"name": "bash", "input": {"command": "ls"}}]}
    script.write_text(json.dumps({MODEL: [[step, [{"status": 529}, {"json": {"decision": "accept"}}]]]}))
    command = [sys.executable, "-m", "tests.scripted", str(script), "--log", str(log), "--key", "right"]
    root = Path(__file__).parent.parent
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        sdk = anthropic.Anthropic(base_url=url, api_key="right", max_retries=0)
        talk = answered(HELLO, say(sdk, HELLO))
        with pytest.raises(anthropic.InternalServerError):
            say(sdk, talk)
        assert say(sdk, talk).content[0].text == '{"decision":"accept"}'  # type: ignore[union-attr]
        with urllib.request.urlopen(f"{url}/scripted/state") as state:
            told = json.load(state)
        assert (told["requests"], told["breaches"]) == (3, [])
        process.terminate()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["status"] for line in lines] == [200, 529, 200]
    assert all(line["arrived"] < line["answered"] for line in lines)
    assert "right" not in log.read_text()


def test_a_script_with_a_mistake_is_refused_at_once() -> None:
    with pytest.raises(Exception, match="tols"):
        ScriptedServer({MODEL: [[{"tols": []}]]})
