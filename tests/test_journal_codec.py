"""Canonical JSON, payloads and the cleaning of events: what goes in comes out, and hashes the same everywhere."""

import hashlib
import json
import typing
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clean import Cleaner, clean
from harness.events import ConversationOpened, Event, Fact, ModelReplied, Notice, Usage
from harness.journal.codec import Coded, canonical, decode, digest, encode, inflate, link_hash, scrub
from tests.journal_support import ANY, EVENTS, INTEGER, TEXT, created, structs

JSON = st.recursive(
    st.none() | st.booleans() | INTEGER | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


def test_the_union_holds_every_fact_and_each_has_a_tag_of_its_own() -> None:
    tags = {str(kind.__struct_config__.tag) for kind in EVENTS}
    assert len(tags) == len(EVENTS) == len(Fact.__subclasses__())


@pytest.mark.parametrize("kind", EVENTS)
def test_every_type_is_made_of_what_the_journal_can_hold(kind: type[Fact]) -> None:
    """No float, no dictionary: `structs` refuses what it does not know. An erased payload needs a default."""
    structs(kind)
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for name in kind.bulk:
        assert fields[name].default is not msgspec.NODEFAULT
    assert "type" not in fields


@given(JSON)
def test_canonical_json_is_what_any_other_encoder_makes_of_it(value: object) -> None:
    plain = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical(value) == plain.encode()


@given(ANY)
def test_every_event_survives_storage(event: Event) -> None:
    coded = encode(event, "salt")
    assert decode(coded.hdr.decode(), coded.body or None) == event
    header = json.loads(coded.hdr)
    assert header.pop("type") == coded.type == type(event).__struct_config__.tag
    assert not set(header) & set(type(event).bulk)
    assert canonical(json.loads(coded.hdr)) == coded.hdr


@given(ANY)
def test_an_erased_payload_leaves_the_header_and_defaults(event: Event) -> None:
    kind = type(event)
    fields = {field.name: field.default for field in msgspec.structs.fields(kind)}
    erased = decode(encode(event, "salt").hdr.decode(), None)
    assert erased == msgspec.structs.replace(event, **{name: fields[name] for name in kind.bulk})


@given(ANY, st.text(max_size=8))
def test_a_payloads_digest_covers_its_salt_and_canonical_body(event: Event, salt: str) -> None:
    coded = encode(event, salt)
    if not coded.body:
        assert coded.digest == ""
        return
    body = inflate(coded.body)
    assert coded.digest == digest(salt, body) == hashlib.sha256(salt.encode() + body).hexdigest()
    assert coded.digest != digest(salt + "x", body)
    assert canonical(json.loads(body)) == body


def test_a_large_payload_is_deflated_and_a_small_one_is_not() -> None:
    small, large = Notice(what="x"), created(settings="y" * 5_000)
    assert encode(small, "") == Coded("notice", b'{"fix":"","type":"notice","what":"x","why":""}', "", b"")
    coded = encode(large, "")
    assert len(coded.body) < 200
    assert zlib.decompress(coded.body) == inflate(coded.body)


def test_a_hash_is_reproducible_from_the_documented_record_alone() -> None:
    """An auditor's own script, with nothing of ours."""
    coded = encode(created(), "salt")
    record = {
        "v": 1,
        "run": "r1",
        "seq": 7,
        "epoch": 2,
        "ts": 1_700_000_000_000_000,
        "type": "run.created",
        "hdr": json.loads(coded.hdr),
        "payload": coded.digest,
        "prev": "0" * 64,
    }
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    ours = link_hash("r1", 7, 2, 1_700_000_000_000_000, "run.created", coded.hdr, coded.digest, "0" * 64)
    assert ours == hashlib.sha256(text.encode()).hexdigest()


def test_an_event_of_a_later_version_is_named_and_unknown_fields_are_let_pass() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"run\.teleported"):
        decode('{"type":"run.teleported"}', None)
    assert decode('{"type":"notice","what":"x","mood":3}', None) == Notice(what="x")


WILD = st.text(max_size=20)


@given(ANY)
def test_cleaning_reaches_every_string_but_the_wire(event: Event) -> None:
    marked = scrub(event, lambda text: f"<{text}>")
    builtins = msgspec.to_builtins(marked)
    wire = builtins.pop("wire", None)
    builtins.pop("type")
    if isinstance(event, ModelReplied):
        assert wire == event.wire

    def strings(value: object, named: bool = False) -> typing.Iterator[tuple[str, bool]]:
        if isinstance(value, str):
            yield value, named
        elif isinstance(value, dict):
            ids = {"passed", "skipped", "new_failures", "baseline_failures"} | ({"id"} if "detail" in value else set())
            for name, inner in value.items():
                yield from strings(inner, name in ids)
        elif isinstance(value, list | tuple):
            for inner in value:
                yield from strings(inner, named)

    for text, named in strings(builtins):  # ids that are compared between runs lose control characters only
        assert text == clean(text) if named else text.startswith("<") and text.endswith(">")


@given(ANY)
def test_what_is_clean_already_is_stored_as_the_very_same_event(event: Event) -> None:
    cleaner = Cleaner()
    once = scrub(event, cleaner)
    assert scrub(once, cleaner) is once


@given(WILD, WILD)
def test_a_conversation_that_was_cleaned_before_it_was_sent_is_stored_byte_for_byte(first: str, system: str) -> None:
    cleaner = Cleaner(["hunter2hunter2"])
    sent = ConversationOpened(
        conversation="maker.1",
        role="maker",
        model="m",
        system=cleaner(system),
        first=cleaner(first),
        tools=msgspec.json.encode([{"name": cleaner(first)}]).decode(),
    )
    assert scrub(sent, cleaner) == sent


@given(st.dictionaries(WILD, WILD, max_size=3))
def test_the_wire_is_json_and_json_escapes_what_cleaning_would_take(content: dict[str, str]) -> None:
    """Why `wire` may go uncleaned: as JSON it holds no control character, whatever the model said."""
    sent = {key.encode("utf-8", "replace").decode(): clean(value) + "\x1b[2J\r\x00" for key, value in content.items()}
    wire = msgspec.json.encode({"role": "assistant", "content": sent}).decode()
    assert not any(char < " " for char in wire)
    reply = ModelReplied(
        conversation="m", call=1, model="m", stop_reason="end", usage=Usage(), cost=0, calls=0, micros=0, wire=wire
    )
    assert scrub(reply, Cleaner()) == reply


def test_a_lone_surrogate_never_keeps_an_event_from_being_stored() -> None:
    reply = ModelReplied(
        conversation="m", call=1, model="m", stop_reason="end", usage=Usage(), cost=0, calls=0, micros=0,
        wire="a\ud800b", text="c\udc80d",
    )  # fmt: skip
    stored = scrub(reply, Cleaner())
    assert isinstance(stored, ModelReplied)
    assert stored.text == "c\ufffdd"
    assert decode((coded := encode(stored, "")).hdr.decode(), coded.body) == stored
