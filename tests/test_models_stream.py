"""Reading the stream: however it is cut, whatever it holds."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.models import Reply
from harness.models.stream import EMPTY_REPLY, Broken, Collector, Event, events
from tests.scripted import Step, Tool, wire

USAGE = {
    "input_tokens": 7,
    "cache_read_input_tokens": 5,
    "cache_creation_input_tokens": 30,
    "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
    "output_tokens": 40,
}


def said(step: Step, **usage: Any) -> list[dict[str, Any]]:
    return list(wire.events(step, wire.message(step, "x", "m", USAGE | usage)))


def collected(shown: list[dict[str, Any]]) -> Collector:
    collector = Collector()
    for event in events([b"".join(map(wire.sse, shown))]):
        collector.feed(event)
    return collector


def reply(collector: Collector) -> Reply:
    return collector.reply(model="m", request_id="r", micros=1)


def content(made: Reply) -> list[dict[str, Any]]:
    message: dict[str, Any] = msgspec.json.decode(made.wire)
    assert message["role"] == "assistant"
    blocks: list[dict[str, Any]] = message["content"]
    return blocks


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
inputs = st.dictionaries(words, st.recursive(st.none() | st.integers(-(2**53), 2**53) | words, st.lists), max_size=3)
tools = st.lists(st.builds(Tool, name=st.sampled_from(["bash", "edit"]), input=inputs), max_size=3).map(tuple)
steps = st.builds(Step, text=words, thinking=words, tools=tools, chunk=st.integers(1, 20))


@settings(deadline=None)
@given(steps, st.integers(1, 40))
def test_any_reply_in_any_packets_comes_back_as_it_was(step: Step, size: int) -> None:
    raw = b"".join(map(wire.sse, said(step)))
    heard: dict[str, str] = {"text": "", "thinking": "", "tool": ""}

    def hear(kind: str, delta: str) -> None:
        heard[kind] += delta

    collector = Collector(hear)
    for event in events(raw[i : i + size] for i in range(0, len(raw), size)):
        collector.feed(event)
    assert collector.whole
    made = reply(collector)
    assert (made.text, made.thinking) == (step.text, step.thinking) == (heard["text"], heard["thinking"])
    assert heard["tool"] == "".join(tool.name for tool in step.tools)
    assert [call.input for call in made.calls] == [tool.input for tool in step.tools]
    sent = [block for block in wire.content(step, "x") if block.get("text", "x").strip()]
    assert content(made) == (sent or [{"type": "text", "text": EMPTY_REPLY}])


@settings(deadline=None)
@given(steps, st.data())
def test_no_beginning_of_a_stream_is_a_whole_reply(step: Step, data: st.DataObject) -> None:
    shown = said(step)
    cut = data.draw(st.integers(0, len(shown) - 1))
    assert not collected(shown[:cut]).whole
    raw = b"".join(map(wire.sse, shown))
    collector = Collector()
    for event in events([raw[: data.draw(st.integers(0, len(raw) - 1))]]):
        collector.feed(event)
    assert not collector.whole


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(1, 9))
def test_garbage_is_an_error_or_nothing_but_never_a_reply(garbage: bytes, size: int) -> None:
    collector = Collector()
    try:
        for event in events(garbage[i : i + size] for i in range(0, len(garbage), size)):
            collector.feed(event)
    except Broken:
        pass
    assert not collector.whole


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["message_stop", "content_block_delta", "message_delta", "error", "x", ""]), max_size=9)
)
def test_events_out_of_order_never_break_the_collector(kinds: list[str]) -> None:
    collector = Collector()
    for kind in kinds:
        collector.feed(Event(type=kind, index=3))
    assert not collector.whole


def test_lines_may_end_as_windows_ends_them_and_comments_and_unknown_events_are_passed_over() -> None:
    shown = [": keep-alive", "", "event: new", 'data: {"type":"from_the_future","x":[1]}', ""]
    for event in said(Step(text="hi")):
        shown += [f"event: {event['type']}", f"data:{json.dumps(event)}", ""]
    collector = Collector()
    for parsed in events([("\r\n".join(shown) + "\r\ndata: [DONE]\r\n\r\n").encode()]):
        collector.feed(parsed)
    assert collector.whole
    assert reply(collector).text == "hi"


def test_data_over_several_lines_is_one_event() -> None:
    lines = json.dumps(said(Step(text="hi"))[0], indent=1).splitlines()
    raw = "".join(f"data: {line}\n" for line in lines) + "\n"
    assert [event.type for event in events([raw.encode()])] == ["message_start"]


def test_usage_is_the_last_count_with_the_writes_told_apart() -> None:
    made = reply(collected(said(Step(text="hi"))))
    usage = made.usage
    assert (usage.input, usage.cache_read, usage.cache_write_5m, usage.cache_write_1h, usage.output) == (
        7,
        5,
        10,
        20,
        40,
    )


def test_cache_writes_without_a_break_down_are_taken_for_the_dearer_kind() -> None:
    shown = said(Step(text="hi"))
    del shown[0]["message"]["usage"]["cache_creation"]
    usage = reply(collected(shown)).usage
    assert (usage.cache_write_5m, usage.cache_write_1h) == (0, 30)


def test_a_server_that_counts_only_at_the_end_or_not_at_all() -> None:
    late = said(Step(text="hi"))
    late[0]["message"]["usage"] = {"input_tokens": 0, "output_tokens": 0}
    late[-2]["usage"] = {"input_tokens": 12, "output_tokens": 3}
    assert reply(collected(late)).usage.prompt == 12
    never = said(Step(text="hi"))
    del never[0]["message"]["usage"], never[-2]["usage"]
    assert reply(collected(never)).usage.total == 0


@pytest.mark.parametrize(
    ("partial", "stop", "expected"),
    [
        ('{"command": "rm -rf /tm', "max_tokens", None),
        ('{"command": "ls"}', "max_tokens", {"command": "ls"}),
        ("", "max_tokens", None),
        ("", "tool_use", {}),
        ('["no", "object"]', "tool_use", None),
        ('{"a": NaN}', "tool_use", None),
        ('{"a": 1} trailing', "tool_use", None),
    ],
)
def test_the_input_of_a_call_is_an_object_or_none(partial: str, stop: str, expected: Any) -> None:
    made = reply(collected(said(Step(tools=(Tool(name="bash", partial=partial),), stop_reason=stop))))
    assert [call.input for call in made.calls] == [expected]
    assert content(made)[0]["input"] == (expected or {})


def test_the_input_goes_back_byte_for_byte() -> None:
    odd = '{ "b" : 1.0e2, "a": "\\u00e9" }'
    made = reply(collected(said(Step(tools=(Tool(name="bash", partial=odd),)))))
    assert odd.encode() in made.wire


def test_a_whole_input_in_the_first_event_of_a_block_is_taken_as_local_servers_send_it() -> None:
    shown = said(Step(tools=(Tool(name="bash"),)))
    shown[1]["content_block"]["input"] = {"command": "ls"}
    shown = [event for event in shown if event["type"] != "content_block_delta"]
    assert reply(collected(shown)).calls[0].input == {"command": "ls"}


def test_blank_text_and_empty_replies_become_what_the_api_takes_back() -> None:
    blank = reply(collected(said(Step(text=" \n", tools=(Tool(name="bash"),)))))
    assert [block["type"] for block in content(blank)] == ["tool_use"]
    empty = reply(collected(said(Step())))
    assert (empty.text, content(empty)) == ("", [{"type": "text", "text": EMPTY_REPLY}])


def test_redacted_thinking_and_unknown_fields_of_blocks_go_back_verbatim() -> None:
    shown = said(Step(text="a"))
    shown[1]["content_block"] = {"type": "redacted_thinking", "data": "opaque", "new_field": {"x": 1}}
    shown = [event for event in shown if event["type"] != "content_block_delta"]
    assert content(reply(collected(shown))) == [{"type": "redacted_thinking", "data": "opaque", "new_field": {"x": 1}}]


def test_a_refusal_carries_its_category() -> None:
    made = reply(collected(said(Step(text="no", stop_reason="refusal"))))
    assert (made.stop_reason, made.detail) == ("refusal", "cyber")


def test_the_region_is_kept() -> None:
    assert reply(collected(said(Step(text="a"), inference_geo="us"))).geo == "us"


def test_an_error_event_makes_the_reply_worthless_even_at_its_end() -> None:
    shown = said(Step(text="hi"))
    collector = collected([*shown, wire.error(200, "x", "overloaded_error")])
    assert not collector.whole
    assert collector.error is not None
    assert collector.error.type == "overloaded_error"
