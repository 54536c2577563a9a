"""A run's events as paragraphs of a timeline, and one event in full."""

from collections.abc import Iterator
from typing import Any

import msgspec

from harness.events import Event, IterationStarted, ModelReplied, RunClaimed, RunCreated, ToolStarted
from harness.journal import Record, line
from tui.card import clock
from tui.text import Item, Tone

MARKS: dict[str, Tone] = {"✓": "good", "✗": "bad", "!": "warn"}
"""What the journal's lines begin with when they are to be noticed."""
LABEL = 9
"""Cells of the clock before an event."""
HIDDEN = ("wire", "hash")
"""Fields that are nothing to read; `wire` may hold what was not cleaned."""


def entry(record: Record, started: int) -> Item | None:
    """The event's paragraph; None when it is not worth one. `started` is when the run began."""
    said = line(record)
    if said is None:
        return None
    mark, _, text = said.strip().partition(" ")
    mark_tone = MARKS.get(mark) or _kind(record.event)
    return Item(
        text=text,
        mark=mark,
        mark_tone=mark_tone,
        tone=mark_tone if mark_tone in ("bad", "warn", "strong", "dim") else "plain",
        label=f"{clock(record.ts - started):>{LABEL - 2}}",
        label_width=LABEL,
        key=record.seq,
    )


def _kind(event: Event) -> Tone:
    match event:
        case RunCreated() | RunClaimed() | IterationStarted():
            return "strong"
        case ModelReplied():
            return "plain"
        case ToolStarted():
            return "live"
        case _:
            return "dim"


def detail(record: Record) -> list[Item]:
    """Every field of the event that says something, the long texts first and in full."""
    head = Item(text=f"{type(record.event).__struct_config__.tag}  event {record.seq}", tone="strong")
    return [head, Item(text=""), *_fields(record.event, 0)]


def _fields(value: msgspec.Struct, indent: int) -> Iterator[Item]:
    bulk = getattr(value, "bulk", ())
    for field in sorted(msgspec.structs.fields(value), key=lambda field: field.name not in bulk):
        inner = getattr(value, field.name)
        if field.name not in HIDDEN and inner not in (None, "", (), {}):
            yield from _value(field.name, inner, indent)


def _value(name: str, value: Any, indent: int) -> Iterator[Item]:
    match value:
        case msgspec.Struct():
            yield Item(text=name, indent=indent, tone="dim")
            yield from _fields(value, indent + 2)
        case tuple():
            yield Item(text=f"{name}: {len(value)}", indent=indent, tone="dim")
            for inner in value:
                yield from _value("·", inner, indent + 2)
        case str() if "\n" in value:
            yield Item(text=name, indent=indent, tone="dim")
            yield from (Item(text=row, indent=indent + 2) for row in value.split("\n"))
        case _:
            yield Item(text=f"{name}: {value}", indent=indent)
