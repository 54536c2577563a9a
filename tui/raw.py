"""A run's events as they are stored: a row each, and one in full with its hash."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from harness.goal import MICRO
from harness.journal import Record, line
from tui.block import Block
from tui.text import Item, Tone, one_line

HIDDEN = ("wire",)
"""Fields that are nothing to read; `wire` may hold what was not cleaned."""
FAMILIES: dict[str, tuple[str, ...]] = {
    "all": (),
    "talk": ("conversation.", "model.", "told"),
    "tools": ("tool.",),
    "evidence": ("gate.", "verdict.", "candidate.", "iteration."),
    "people": ("question.", "command.", "host.", "shell.", "run.paused", "run.continued", "run.parked"),
    "sandbox": ("sandbox.", "service.", "checkpoint.", "shell.", "host."),
    "ends": ("run.", "breaker.", "branch.", "pull_request.", "comment.", "notice"),
}
"""What the events can be narrowed to: the beginnings of their types."""
TONES: dict[str, Tone] = {
    "model": "plain", "tool": "live", "gate": "result", "verdict": "result", "run": "strong", "iteration": "strong",
    "question": "warn", "command": "warn", "breaker": "bad", "notice": "warn", "candidate": "gate", "branch": "good",
}  # fmt: skip


def kind(record: Record) -> str:
    """The event's type as it is stored."""
    return str(type(record.event).__struct_config__.tag)


def rows(records: list[Record], family: str = "all") -> list[Block]:
    """The events of a family, a row each."""
    found = []
    starts = FAMILIES[family]
    for record in records:
        name = kind(record)
        if not starts or name.startswith(starts):
            clock = datetime.fromtimestamp(record.ts / MICRO).strftime("%H:%M:%S.%f")[:-3]
            said = line(record)
            text = one_line(said.strip()[2:] if said else _brief(record))
            head = f"{record.seq:>6} {clock}  {name:<21} {text}"
            tone = TONES.get(name.partition(".")[0], "dim")
            found.append(Block(seq=record.seq, text=head, tone=tone, call=f"event/{record.seq}", sign=" "))
    return found


def _brief(record: Record) -> str:
    """The short fields of an event that has no words of its own."""
    event = record.event
    shown = []
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if name not in (*event.bulk, *HIDDEN) and isinstance(value, str | int) and value not in ("", 0):
            shown.append(f"{name}={str(value)[:24]}")
    return " ".join(shown[:6])


def detail(record: Record) -> list[Item]:
    """Every field of the event that says something, the long texts first and in full, and its place in the chain."""
    when = datetime.fromtimestamp(record.ts / MICRO).strftime("%Y-%m-%d %H:%M:%S.%f")
    return [
        Item(text=f"{kind(record)}  event {record.seq}", tone="strong"),
        Item(text=f"{when}  epoch {record.epoch}", tone="dim"),
        Item(text=f"hash {record.hash}", tone="dim"),
        Item(text=""),
        *_fields(record.event, 0),
    ]


def _fields(value: msgspec.Struct, indent: int) -> Iterator[Item]:
    bulk = getattr(value, "bulk", ())
    for field in sorted(msgspec.structs.fields(value), key=lambda field: field.name not in bulk):
        inner = getattr(value, field.name)
        if field.name not in HIDDEN and inner not in (None, "", (), {}):
            yield from _value(field.name, inner, indent)


def _value(name: str, value: Any, indent: int) -> Iterator[Item]:
    match value:
        case msgspec.Struct():
            yield Item(text=name, indent=indent, tone="gate")
            yield from _fields(value, indent + 2)
        case tuple():
            yield Item(text=f"{name}: {len(value)}", indent=indent, tone="gate")
            for inner in value:
                yield from _value("·", inner, indent + 2)
        case str() if "\n" in value:
            yield Item(text=name, indent=indent, tone="gate")
            yield from (Item(text=row, indent=indent + 2) for row in value.split("\n"))
        case _:
            yield Item(text=f"{name}: {value}", indent=indent)
