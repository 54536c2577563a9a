"""Which of the facts a run has shown are worth keeping: a light model's choice and words, bound to the evidence."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import msgspec

from harness.memory.note import Note
from harness.memory.select import render

MOST = 5
"""Notes that one run may add."""
WORDS = 400
"""Characters of a note that a model words."""
EVIDENCE = 8_000
"""Characters of evidence that are shown."""
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["notes", "contradicts"],
    "properties": {
        "notes": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["evidence", "text"],
                "properties": {"evidence": {"type": "string"}, "text": {"type": "string"}},
            },
        },
        "contradicts": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["note", "evidence"],
                "properties": {"note": {"type": "string"}, "evidence": {"type": "string"}},
            },
        },
    },
}
"""What the answer looks like. `{"notes": [], "contradicts": []}` is: nothing worth keeping."""


class Kept(msgspec.Struct, frozen=True):
    """A fact that the model wants kept, in its words."""

    evidence: str
    text: str


class Contradicted(msgspec.Struct, frozen=True):
    """A note that the evidence speaks against."""

    note: str
    evidence: str


class Choice(msgspec.Struct, frozen=True):
    """The answer as it came."""

    notes: tuple[Kept, ...] = ()
    contradicts: tuple[Contradicted, ...] = ()


def system() -> str:
    """The system prompt: the same text in every run."""
    return files("harness.memory").joinpath("learn.md").read_text(encoding="utf-8")


def question(evidence: Sequence[Note], known: Sequence[Note]) -> str:
    """What the model is asked: the facts by number, and the notes it knows by id."""
    lines = ["<evidence>"]
    room = EVIDENCE
    for n, note in enumerate(evidence, 1):
        line = f"e{n} ({note.kind}) {_inert(note.text)}" + (f" [{_inert(', '.join(note.paths))}]" if note.paths else "")
        if len(line) > room:
            break
        room -= len(line)
        lines.append(line)
    lines.append("</evidence>")
    if known:
        lines += ["", "<known>", *(f"{note.id}: {_inert(' '.join(note.text.split()))}" for note in known), "</known>"]
    return "\n".join(lines)


def chosen(text: str, evidence: Sequence[Note], known: Sequence[Note]) -> tuple[tuple[Note, ...], tuple[str, ...]]:
    """The notes that an answer amounts to, and the ids of those it contradicts. What cites no evidence is dropped.

    Only words and the choice are the model's: kind, paths, command, failures and origin are the evidence's. Raises
    `msgspec.MsgspecError` for an answer that cannot be read.
    """
    start, end = text.find("{"), text.rfind("}")
    choice = msgspec.json.decode(text[start : end + 1] if 0 <= start < end else text, type=Choice)
    facts = {f"e{n}": note for n, note in enumerate(evidence, 1)}
    notes = [
        msgspec.structs.replace(facts[kept.evidence], text=kept.text.strip()[:WORDS])
        for kept in choice.notes[:MOST]
        if kept.evidence in facts and kept.text.strip()
    ]
    ids = {note.id for note in known}
    wrong = [c.note for c in choice.contradicts if c.note in ids and c.evidence in facts]
    return tuple(notes), tuple(dict.fromkeys(wrong))


def _inert(text: str) -> str:
    return text.replace("<", "‹").replace(">", "›")


__all__ = ["MOST", "SCHEMA", "Choice", "chosen", "question", "render", "system"]
