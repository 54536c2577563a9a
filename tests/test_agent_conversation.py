"""Conversations: append-only, and rebuilt from their events byte for byte."""

import json

import msgspec
import pytest
from hypothesis import given, settings

from harness.agent import Unreplayable, replay
from harness.events import ConversationOpened, Event, ModelReplied, ModelRequested, Told, ToolFinished, Usage
from harness.models import bound
from tests.agent_support import (
    NAME,
    finished,
    histories,
    messages,
    opened,
    replied,
    requested,
    said,
    started,
    told,
    use,
)

_journal = msgspec.json.Decoder(list[Event])


def stored(events: list[Event]) -> list[Event]:
    """The events as a journal gives them back."""
    return _journal.decode(msgspec.json.encode(events))


def by_hand(events: list[Event]) -> list[bytes]:
    """The messages of a history, written down from the rule and not from the fold."""
    wire: list[bytes] = []
    results: dict[str, dict[str, object]] = {}
    texts, sent = ["Do it."], False
    ids: list[str] = []
    for event in [*events, requested(99)]:
        match event:
            case ModelRequested() if not sent:
                blocks: list[dict[str, object]] = [results[id] for id in ids if id in results]
                blocks += [{"type": "text", "text": text} for text in texts if text.strip()]
                wire.append(msgspec.json.encode({"role": "user", "content": blocks}))
                results, texts, sent = {}, [], True
            case ModelReplied():
                wire.append(event.wire.encode())
                ids = [block["id"] for block in json.loads(event.wire)["content"] if block["type"] == "tool_use"]
                sent = False
            case ToolFinished():
                block: dict[str, object] = {"type": "tool_result", "tool_use_id": event.call, "content": event.output}
                results[event.call] = block if event.status == "ok" else {**block, "is_error": True}
            case Told():
                texts.append(event.text)
    return wire


@settings(deadline=None)
@given(histories())
def test_a_replayed_conversation_is_the_live_one_byte_for_byte(events: list[Event]) -> None:
    live = opened()
    sent: tuple[bytes, ...] = ()
    for event in events:
        if isinstance(event, ModelRequested):
            before, sent = sent, messages(live)
            assert sent[: len(before)] == before
        live.apply(event)
    again = replay(stored([opened().opened(), *events]), NAME)
    assert messages(again) == messages(live) == tuple(by_hand(events))
    assert messages(live)[: len(sent)] == sent
    assert again.request(5) == live.request(5)
    assert [*again.unanswered()] == [*live.unanswered()]
    for field in (
        "call",
        "turns",
        "usage",
        "bytes_since",
        "stop_reason",
        "text",
        "said",
        "told",
        "keys",
        "statuses",
    ):
        assert getattr(again, field) == getattr(live, field), field


@settings(deadline=None)
@given(histories())
def test_roles_alternate_and_every_call_is_answered_once(events: list[Event]) -> None:
    again = replay([opened().opened(), *events], NAME)
    if [*again.unanswered()]:
        return
    heads = [json.loads(message) for message in messages(again)]
    assert [head["role"] for head in heads] == ["user", "assistant"] * (len(heads) // 2) + ["user"] * (len(heads) % 2)
    for head, answer in zip(heads, heads[1:], strict=False):
        wanted = [block["id"] for block in head["content"] if block["type"] == "tool_use"]
        given = [block["tool_use_id"] for block in answer["content"] if block["type"] == "tool_result"]
        assert head["role"] == "user" or wanted == given


def test_the_reply_goes_back_verbatim() -> None:
    wire = '{"role":"assistant","content":[{"type":"thinking","thinking":"\\u00e9 \\/","signature":"="}], "n": 1.50}'
    conversation = opened()
    messages(conversation)
    conversation.apply(msgspec.structs.replace(replied(1, stop="end_turn"), wire=wire))
    conversation.apply(told("go on"))
    assert messages(conversation)[1] == wire.encode()


def test_results_stand_in_the_order_of_the_calls_whatever_order_they_came_in() -> None:
    conversation = opened()
    messages(conversation)
    for event in (
        requested(1),
        replied(1, use("a"), use("b")),
        told("hm"),
        finished("b", "2"),
        finished("a", "1"),
    ):
        conversation.apply(event)
    content = json.loads(messages(conversation)[-1])["content"]
    assert [block.get("content", block.get("text")) for block in content] == ["1", "2", "hm"]


def test_equal_ids_in_one_reply_are_answered_one_after_the_other() -> None:
    conversation = opened()
    messages(conversation)
    for event in (replied(1, use("call", words="x"), use("call", words="y")), finished("call", "1")):
        conversation.apply(event)
    assert [call.input for call, _ in conversation.unanswered()] == [{"words": "y"}]
    conversation.apply(finished("call", "2"))
    assert [*conversation.unanswered()] == []


def test_what_is_told_after_sending_waits_for_the_next_message() -> None:
    """A request that went out may have been answered although its answer was lost: it is never changed."""
    conversation = opened()
    first = messages(conversation)
    conversation.apply(requested(1))
    conversation.apply(told("wait"))
    assert messages(conversation) == first
    conversation.apply(replied(1, use("a")))
    conversation.apply(finished("a"))
    assert json.loads(messages(conversation)[-1])["content"][-1] == said("wait")


def test_blank_words_are_no_message() -> None:
    conversation = opened()
    conversation.apply(told(" \n"))
    assert json.loads(messages(conversation)[0])["content"] == [said("Do it.")]


def test_the_tools_of_the_journal_are_those_of_the_conversation() -> None:
    conversation = opened()
    assert replay(stored([conversation.opened()]), NAME).tools == conversation.tools


def test_a_cut_off_call_has_no_input_and_a_whole_one_keeps_it() -> None:
    conversation = opened()
    conversation.apply(replied(1, use("a", words="x"), use("b"), stop="max_tokens"))
    assert [call.input for call in conversation.calls] == [{"words": "x"}, None]
    whole = opened()
    whole.apply(replied(1, use("a"), use("b")))
    assert [call.input for call in whole.calls] == [{}, {}]


def test_started_calls_are_known() -> None:
    conversation = opened()
    for event in (replied(1, use("a"), use("b")), started("a")):
        conversation.apply(event)
    assert [(call.id, begun) for call, begun in conversation.unanswered()] == [("a", True), ("b", False)]


def test_what_was_begun_in_one_reply_is_not_begun_in_the_next() -> None:
    conversation = opened()
    for event in (replied(1, use("a")), started("a"), replied(2, use("a"))):
        conversation.apply(event)
    assert [begun for _, begun in conversation.unanswered()] == [False]


def test_a_skipped_call_was_not_tried() -> None:
    conversation = opened()
    for event in (replied(1, use("a")), finished("a", status="skipped")):
        conversation.apply(event)
    assert (conversation.keys, conversation.statuses) == ([], [])


def test_the_bound_of_a_prompt_counts_every_byte_since_the_last_usage() -> None:
    conversation = opened(system="s" * 4_000)
    request = conversation.request(100, {"type": "object"})
    whole = len(request.system) + sum(map(len, request.messages)) + len(msgspec.json.encode(request.tools))
    assert conversation.bound() == bound(None, whole + len('{"type":"object"}'))
    conversation.apply(replied(1, use("a"), prompt=5_000))
    conversation.apply(finished("a", "é" * 700))
    last = conversation.request(100).messages[-1]
    assert conversation.bound() == bound(Usage(input=5_000, output=10), len(last))
    assert len(last) > 1_400


def test_a_server_that_does_not_count_is_bounded_by_all_bytes() -> None:
    conversation = opened()
    conversation.request(100)
    conversation.apply(replied(1, use("a", words="x" * 5_000), prompt=0))
    conversation.apply(finished("a"))
    request = conversation.request(100)
    whole = len(request.system) + sum(map(len, request.messages)) + len(msgspec.json.encode(request.tools))
    assert conversation.bound() == bound(None, whole) > 5_000


def test_call_numbers_go_on_after_a_call_whose_reply_was_lost() -> None:
    events: list[Event] = [opened().opened(), requested(1), replied(1, use("a")), finished("a"), requested(2)]
    assert replay(events, NAME).call == 2


def test_durations_and_addresses_do_not_hide_a_repetition() -> None:
    conversation = opened()
    outputs = ("2 failed in 0.12s at 0x7f00aa", "2 failed in 3.4s at 0x7f00ab", "3 failed in 0.12s at 0x7f00aa")
    for n, output in enumerate(outputs):
        conversation.apply(replied(n, use(f"{n}", words="run")))
        conversation.apply(finished(f"{n}", output))
    same, other, third = conversation.keys
    assert same == other != third


def test_equal_calls_of_one_reply_are_one_step() -> None:
    conversation = opened()
    conversation.apply(replied(1, *(use(id, words="x") for id in "abcd")))
    for id in "abcd":
        conversation.apply(finished(id))
    assert len(conversation.keys) == 1
    assert len(conversation.statuses) == 4


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([], "no such conversation"),
        ([requested(1)], "no such conversation"),
        ([msgspec.structs.replace(opened().opened(), first="", tools="")], "opening was erased"),
        ([opened().opened(), msgspec.structs.replace(replied(1, said("x")), wire="")], "reply 1 was erased"),
        ([opened().opened(), replied(1, use("a")), finished("b")], "answers no call"),
        ([opened().opened(), replied(1, use("a")), finished("a"), finished("a")], "answers no call"),
    ],
)
def test_what_cannot_be_replayed_says_why(events: list[Event], why: str) -> None:
    with pytest.raises(Unreplayable) as caught:
        replay(events, NAME)
    assert why in caught.value.why
    assert NAME in caught.value.what
    assert caught.value.fix


def test_events_of_others_are_not_ours() -> None:
    other = ConversationOpened(conversation="checker.1", role="checker", model="n", tools="[]", first="Look.")
    foreign = msgspec.structs.replace(told("psst"), conversation="checker.1")
    found = replay([opened().opened(), other, foreign, requested(1)], NAME)
    assert messages(found) == messages(opened())
