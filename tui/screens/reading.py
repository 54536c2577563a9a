"""Looking closer at a run: finding words, opening what is under the cursor, auditing the chain, editing notes."""

from typing import TYPE_CHECKING

from harness.journal import JournalError
from tui import program, search
from tui.raw import detail
from tui.screens.reader import Reader
from tui.tabs import EventsTab, TranscriptTab
from tui.text import Item, Tone

if TYPE_CHECKING:
    from tui.screens.run import RunScreen


def find(screen: "RunScreen", words: str, *, back: bool) -> None:
    """Go to the nearest place that has `words`; in transcript and events the whole journal is looked through."""
    if not words:
        return
    tab = screen.tabs[screen.front]
    if not isinstance(tab, TranscriptTab | EventsTab):
        if not tab.front.find(words, back=back):
            _say(screen, f"no {words!r} here")
        return
    chosen = tab.front.chosen
    at = chosen.seq if chosen else 0
    end = screen.view.end if screen.view else None

    def look() -> None:
        try:
            seq = search.find(screen.journal, screen.run_id, words, at, back=back, shown=tab.shown, end=end)
        except JournalError as error:
            screen.app.call_from_thread(_say, screen, str(error))
        else:
            screen.app.call_from_thread(found, seq)

    def found(seq: int | None) -> None:
        if seq is None:
            _say(
                screen, f"no {words!r} {'before' if back else 'after'} this: {'N' if back else 'n'} looks the other way"
            )
            return
        tab.window.around(seq)
        tab.front.redraw()

    screen.run_worker(look, thread=True, exclusive=True, group="find")


def open_chosen(screen: "RunScreen") -> None:
    """Show what is under the cursor in full: an event, a failure, a note."""
    match screen.front:
        case 0 | 4:
            block = screen.tabs[screen.front].front.chosen
            if block:
                _open_events(screen, block.seq, block.until)
        case 2:
            opens = screen.tabs[2].detail()
            if opens:
                lines = opens.text.strip("\n").split("\n")
                screen.app.push_screen(Reader(opens.title, [Item(text=row, tone=_loud(row)) for row in lines]))
        case 3:
            if screen.tabs[3].note:
                _show_note(screen, screen.tabs[3].note)


def _open_events(screen: "RunScreen", first: int, last: int) -> None:
    try:
        found = [next(screen.journal.read(screen.run_id, seq - 1), None) for seq in (first, last) if seq]
    except JournalError as error:
        _say(screen, str(error))
        return
    records = [record for record in found if record]
    if not records:
        _say(screen, "it is still being said: once it is whole it has an event")
        return
    items = [item for record in reversed(records) for item in (*detail(record), Item(text=""))]
    screen.app.push_screen(Reader(f"{screen.run_id} · event {first}", items))


def _loud(row: str) -> Tone:
    return "bad" if row.startswith(("E ", "FAILED", "ERROR")) else "plain"


def verify(screen: "RunScreen") -> None:
    """Audit the run's chain and say what was found."""
    tab = screen.tabs[4]
    tab.say("verifying")

    def look() -> None:
        try:
            found = screen.journal.verify(screen.run_id)
        except JournalError as error:
            words = str(error)
        else:
            pruned = f", {found.pruned} payloads erased" if found.pruned else ""
            words = f"✓ {found.events} events hold{pruned} · head {found.head[:16]}"
            if not found.ok:
                words = f"✗ broken at event {found.broken_at}: {found.why}"
        screen.app.call_from_thread(tab.say, words)

    screen.run_worker(look, thread=True, exclusive=True, group="verify")


def _repo(screen: "RunScreen") -> str:
    created = screen.view.state.created if screen.view else None
    return created.repo if created else "."


def _show_note(screen: "RunScreen", note: str) -> None:
    def look() -> None:
        said = program.say("memory", "show", note, "--repo", _repo(screen))
        items = [Item(text=row) for row in said.text.split("\n")]
        screen.app.call_from_thread(screen.app.push_screen, Reader(f"note {note}", items))

    screen.run_worker(look, thread=True, exclusive=True, group="note")


def edit_note(screen: "RunScreen") -> None:
    """Open the note in the user's editor, on the whole terminal."""
    if note := screen.tabs[3].note:
        program.borrow(screen.app, "memory", "edit", note, "--repo", _repo(screen))


def retire_note(screen: "RunScreen") -> None:
    """No run is told the note any more; it is kept."""
    if note := screen.tabs[3].note:

        def act() -> None:
            said = program.say("memory", "retire", note, "--repo", _repo(screen))
            screen.app.call_from_thread(_say, screen, said.text or f"{note} retired")

        screen.run_worker(act, thread=True, exclusive=True, group="note")


def _say(screen: "RunScreen", words: str) -> None:
    screen.app.notify(words, markup=False, timeout=4)
