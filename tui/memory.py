"""The notes of a run: which it was told, which it leaves; the shelf is read and edited by `loopwright memory`."""

from collections.abc import Iterable, Mapping

import msgspec

from harness.events import NotesInjected
from harness.journal import Record, State
from tui.text import Item

Note = tuple[Item, str]
"""A paragraph, and the id of the note that it is about; empty for none."""


class Told(msgspec.Struct, frozen=True):
    """What is shown of a note as a maker was told it."""

    id: str
    text: str


def told(records: Iterable[Record]) -> dict[str, str]:
    """The notes of the first of these records that has any, by id: each as it stood when it was told."""
    for record in records:
        if isinstance(record.event, NotesInjected) and record.event.told:
            try:
                return {note.id: note.text for note in msgspec.json.decode(record.event.told, type=list[Told])}
            except msgspec.MsgspecError:
                return {}
    return {}


def notes(state: State, told: Mapping[str, str]) -> list[Note]:
    """Learned ones and injected ones, with their text where that is known; it is on the shelf in any case."""
    items: list[Note] = [(Item(text=f"LEARNED IN THIS RUN · {len(state.learned)}", tone="dim"), "")]
    for note in state.learned:
        items.append((Item(text=f"{note.note}  {note.kind}", mark="+", mark_tone="good", tone="strong"), note.note))
        items.append((Item(text=note.text, indent=2), note.note))
    if not state.learned:
        text = "nothing yet: notes are made when the run ends" if not state.finished else "nothing"
        items.append((Item(text=text, indent=2, tone="dim"), ""))
    items.append((Item(text=""), ""))
    items.append((Item(text=f"TOLD TO ITS MAKER · {len(state.notes)}", tone="dim"), ""))
    texts = {**told, **{note.note: note.text for note in state.learned}}
    for note_id in state.notes:
        items.append((Item(text=note_id, mark="·", mark_tone="dim", tone="strong"), note_id))
        if note_id in texts:
            items.append((Item(text=texts[note_id], indent=2), note_id))
    if not state.notes:
        items.append((Item(text="no note fitted this goal", indent=2, tone="dim"), ""))
    return items
