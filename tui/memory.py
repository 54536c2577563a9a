"""The notes of a run: which it was told, which it leaves; the shelf is read and edited by `loopwright memory`."""

from harness.journal import State
from tui.text import Item

Note = tuple[Item, str]
"""A paragraph, and the id of the note that it is about; empty for none."""


def notes(state: State) -> list[Note]:
    """Learned ones with their text, injected ones by their id: what they say is on the shelf."""
    items: list[Note] = [(Item(text=f"LEARNED IN THIS RUN · {len(state.learned)}", tone="dim"), "")]
    for note in state.learned:
        items.append((Item(text=f"{note.note}  {note.kind}", mark="+", mark_tone="good", tone="strong"), note.note))
        items.append((Item(text=note.text, indent=2), note.note))
    if not state.learned:
        text = "nothing yet: notes are made when the run ends" if not state.finished else "nothing"
        items.append((Item(text=text, indent=2, tone="dim"), ""))
    items.append((Item(text=""), ""))
    items.append((Item(text=f"TOLD TO ITS MAKER · {len(state.notes)}", tone="dim"), ""))
    learned = {note.note: note.text for note in state.learned}
    for note_id in state.notes:
        items.append((Item(text=note_id, mark="·", mark_tone="dim", tone="strong"), note_id))
        if note_id in learned:
            items.append((Item(text=learned[note_id], indent=2), note_id))
    if not state.notes:
        items.append((Item(text="no note fitted this goal", indent=2, tone="dim"), ""))
    return items
