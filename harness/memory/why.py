"""What a run was told of its repository's memory, and whether it helped: a fold over its events. Pure functions."""

import json
from collections.abc import Iterable, Sequence

import msgspec

from harness.events import NoteChecked, NoteDropped, NoteLearned, NotesInjected, ToolFinished, ToolStarted
from harness.journal import Record, State, fold
from harness.memory.note import Note


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One note that a run was told, or would have been. `helped` is None while the run goes on."""

    note: str
    kind: str
    text: str
    iteration: int
    """From which iteration on."""
    helped: bool | None
    why: str


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """One note that a run left behind."""

    note: str
    kind: str
    text: str
    by: str


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """A run and its repository's memory."""

    run: str
    told: tuple[Told, ...] = ()
    learned: tuple[Learned, ...] = ()


def why(records: Iterable[Record]) -> Why:
    """What was told, whether it helped, and what was learned."""
    records = tuple(records)
    state = fold(records)
    told: dict[str, Told] = {}
    for record in records:
        match record.event:
            case NotesInjected() as event:
                for note in notes_of(event.told):
                    helped, reason = use(note, records, state)
                    told.setdefault(note.id, Told(
                        note=note.id, kind=note.kind, text=note.text, iteration=max(event.iteration, 1),
                        helped=helped, why=reason,
                    ))  # fmt: skip
            case NoteDropped(note=id) as event:
                known = [*notes_of(event.told)] or [Note(id=id, kind="quirk", text="")]
                told[id] = Told(
                    note=id, kind=known[0].kind, text=known[0].text, iteration=0, helped=False,
                    why=f"not told: {event.why}",
                )  # fmt: skip
    learned = [r.event for r in records if isinstance(r.event, NoteLearned)]
    return Why(
        run=state.run,
        told=tuple(told.values()),
        learned=tuple(Learned(note=e.note, kind=e.kind, text=e.text, by=e.by) for e in learned),
    )


def helped(notes: Sequence[Note], records: Sequence[Record]) -> tuple[str, ...]:
    """Ids of the notes that helped this run."""
    state = fold(records)
    return tuple(note.id for note in notes if use(note, records, state)[0])


def use(note: Note, records: Sequence[Record], state: State) -> tuple[bool | None, str]:
    """Whether a note helped: the run succeeded, and there is a trace of the note in what it did."""
    if state.finished is None and not any(it.finished and it.finished.accepted for it in state.iterations):
        return None, "the run has not ended"
    if not any(it.finished and it.finished.accepted and it.finished.green for it in state.iterations):
        return False, "the run did not succeed"
    if note.command:
        if note.command in _passed(records):
            return True, "its command was run, and worked"
        return False, "its command was not run"
    if touched := sorted(_touched(state).intersection(note.paths)):
        return True, f"the accepted change touches {touched[0]}"
    if met := sorted(_met(state).intersection(note.failures)):
        return True, f"the run met {met[0]}"
    if note.paths or note.failures:
        return False, "the run had nothing to do with it"
    return True, "the run succeeded"


def notes_of(told: str) -> tuple[Note, ...]:
    """The notes of an event's JSON; nothing when it was erased."""
    if not told:
        return ()
    found = msgspec.json.decode(told)
    return tuple(msgspec.convert(one, Note) for one in (found if isinstance(found, list) else [found]))


def checked(records: Iterable[Record]) -> dict[str, NoteChecked]:
    """The checks of notes' commands, by note."""
    return {r.event.note: r.event for r in records if isinstance(r.event, NoteChecked)}


def _passed(records: Iterable[Record]) -> str:
    """Every command line that ended well, as one text to look in."""
    lines: dict[tuple[str, str], str] = {}
    passed = []
    for record in records:
        match record.event:
            case ToolStarted(name="bash") as started if started.input:
                given = json.loads(started.input)
                lines[started.conversation, started.call] = str(given.get("command", ""))
            case ToolFinished(name="bash", status="ok") as done if "[exit code" not in done.output[-30:]:
                passed.append(lines.pop((done.conversation, done.call), ""))
    return "\n".join(passed)


def _touched(state: State) -> set[str]:
    return {path for it in state.iterations if it.finished and it.finished.accepted and it.candidate
            for path in it.candidate.paths}  # fmt: skip


def _met(state: State) -> set[str]:
    """Ids of every failure that the run saw, at base or on a candidate."""
    base = {failure.id for result in state.baseline.values() for failure in result.failures}
    return base | {id for it in state.iterations for gate in it.gates.values() for id in gate.new_failures}
