"""Memory in the loop: notes are checked at base before they are told, and a finished run leaves what it has shown."""

from collections.abc import Generator, Iterator, Sequence
from typing import Any

import msgspec

from harness.events import (
    ConversationEnded,
    Event,
    NoteChecked,
    NoteDropped,
    NoteLearned,
    NotesInjected,
    Notice,
    SandboxClosed,
)
from harness.journal.codec import digest
from harness.loop.aside import aside
from harness.loop.endings import Ended
from harness.loop.run import Run
from harness.memory import MemoryFailed, Note, choose, learn, select
from harness.memory.learn import given_up
from harness.memory.why import helped
from sandboxes.base import SandboxError

SECONDS = 60
"""How long a note's command may take at base."""


def recall(run: Run, n: int) -> Generator[Event, None, None]:
    """Before iteration `n`: what is told still holds, or is about the failures of the iteration before."""
    if n == 1 and run.notes:
        kept = yield from _holding(run, run.notes)
        if kept != run.notes:
            run.notes = kept
            yield _injected(run, n)
    before = run.iteration(n - 1)
    if before is None or not before.finished or before.finished.green:
        return
    red = [id for gate in before.gates.values() for id in gate.new_failures]
    known = {note.id for note in run.notes}
    dropped = set(run.state.dropped)
    fitting = [note for note in _shelved(run) if set(red) & set(note.failures) and note.id not in known | dropped]
    more = select(fitting, run.goal, now=run.state.touched, failures=red)[: max(0, 12 - len(run.notes))]
    if more:
        run.notes = (*more, *run.notes)
        yield _injected(run, n)


def _injected(run: Run, n: int) -> NotesInjected:
    ids = tuple(note.id for note in run.notes)
    return NotesInjected(notes=ids, iteration=n, told=msgspec.json.encode(run.notes).decode())


def _shelved(run: Run) -> tuple[Note, ...]:
    try:
        return run.shelf.load()
    except MemoryFailed:
        return ()


def _holding(run: Run, notes: Sequence[Note]) -> Generator[Event, None, tuple[Note, ...]]:
    """The notes that the base does not speak against; the others are dropped, each for its reason."""
    kept = []
    failing: dict[str, NoteChecked] = {}
    commands = [note for note in notes if note.command and note.id not in run.state.checked]
    if commands:
        try:
            failing = yield from _checked(run, commands)
        except SandboxError as error:
            yield Notice(what="the notes' commands could not be checked", why=str(error))
    paths = set(run.store.paths(run.base.tree))
    for note in notes:
        if note.id in failing:
            code = failing[note.id].exit_code
            yield from _drop(run, note, "retired", f"`{note.command}` fails at base (exit code {code})")
        elif note.paths and not note.by and not paths.intersection(note.paths):
            yield from _drop(run, note, "invalid", "none of its paths is there any more")
        elif note.kind == "quirk" and note.failures and not note.by and not _still_fails(run, note):
            yield from _drop(run, note, "invalid", "what it says fails at base passes there now")
        else:
            kept.append(note)
    return tuple(kept)


def _still_fails(run: Run, note: Note) -> bool:
    """Whether some of a quirk's failures are there, or nobody looked."""
    looked = {id for result in run.state.baseline.values() for id in (*result.passed, *(f.id for f in result.failures))}
    red = {failure.id for result in run.state.baseline.values() for failure in result.failures}
    return bool(red.intersection(note.failures)) or not looked.intersection(note.failures)


def _checked(run: Run, notes: Sequence[Note]) -> Generator[Event, None, dict[str, NoteChecked]]:
    """Run the notes' commands at base, once for each base and image; those that failed."""
    results: dict[str, NoteChecked] = {}
    unknown = []
    for note in notes:
        key = digest(f"note {run.image} {run.base.tree} ", note.command.encode())[:32]
        known = run.look_up(key)
        if isinstance(known, NoteChecked):
            results[note.id] = msgspec.structs.replace(known, note=note.id, cached=True)
            yield results[note.id]
        else:
            unknown.append((note, key))
    if unknown:
        sandbox = yield from run.sandbox("memory")
        run.cancel.busy.add(sandbox.interrupt)
        try:
            for note, key in unknown:
                ran = sandbox.run(note.command, timeout=SECONDS, cap=4_000)
                lasting = not (ran.timed_out or ran.oom or ran.disk)
                results[note.id] = NoteChecked(
                    note=note.id, command=note.command, tree=run.base.tree, exit_code=ran.exit_code, micros=ran.micros,
                    key=key if lasting else "",
                )  # fmt: skip
                yield results[note.id]
        finally:
            run.cancel.busy.discard(sandbox.interrupt)
            sandbox.close()
        yield SandboxClosed(sandbox=sandbox.id)
    return {id: event for id, event in results.items() if event.exit_code and event.key}


def _drop(run: Run, note: Note, status: Any, why: str) -> Iterator[Event]:
    try:
        run.shelf.drop((note.id,), status, why)
    except MemoryFailed as error:
        yield Notice(what="a note could not be dropped", why=str(error))
    yield NoteDropped(note=note.id, status=status, why=why, told=msgspec.json.encode(note).decode())


def remember(run: Run, ended: Ended) -> Generator[Event, None, None]:
    """Keep what the evidence taught, and count for the notes that were told whether they helped."""
    if run.state.learned:
        return
    records = tuple(run.history())
    try:
        evidence = learn(records)
        if ended.outcome == "blocked":
            evidence = (*evidence, given_up(records, ended.reason))
        by, notes = "", evidence
        wrong: tuple[str, ...] = ()
        if evidence and ended.outcome not in ("cancelled", "failed"):
            by, notes, wrong = yield from _choose(run, evidence)
        kept = run.shelf.keep(notes)
        run.shelf.credit((note.id for note in run.notes), helped=helped(run.notes, records))
        for note in run.notes:
            if note.id in wrong:
                yield from _drop(run, note, "invalid", "a later run's evidence speaks against it")
    except (MemoryFailed, OSError) as error:  # what could not be remembered changes nothing of how the run ended
        yield Notice(what="nothing was remembered", why=str(error))
        return
    for note in kept:
        yield NoteLearned(note=note.id, kind=note.kind, text=note.text, by=by)


Chosen = tuple[str, tuple[Note, ...], tuple[str, ...]]


def _choose(run: Run, evidence: tuple[Note, ...]) -> Generator[Event, None, Chosen]:
    """What a light model keeps of the evidence; without one, or when it cannot be asked, all of it in our own words."""
    name = "light.learn"
    reply = yield from aside(run, name, choose.system(), choose.question(evidence, run.notes), choose.SCHEMA)
    if reply is None:
        return "", evidence, ()
    try:
        notes, wrong = choose.chosen(reply.text, evidence, run.notes)
    except msgspec.MsgspecError as error:
        yield ConversationEnded(conversation=name, ending="error", detail=run.clean(str(error))[:300])
        return "", evidence, ()
    yield ConversationEnded(conversation=name, ending="quiet", detail=f"{len(notes)} of {len(evidence)} facts kept")
    return reply.model, notes, wrong
