"""Looking closer at a run: finding words, opening what is under the cursor, auditing the chain, editing notes."""

from textual.widget import Widget

from harness.journal import Journal, JournalError
from tui import program, search
from tui.raw import detail
from tui.screens.reader import Reader
from tui.screens.shared import told
from tui.tabs import DiffTab, EventsTab, GatesTab, MemoryTab, TranscriptTab
from tui.text import Item, Tone

Tab = TranscriptTab | DiffTab | GatesTab | MemoryTab | EventsTab


def find(tab: Tab, journal: Journal, run: str, words: str, *, back: bool, end: int | None) -> None:
    """Go to the nearest place that has `words`; in transcript and events the run is looked through, up to `end`."""
    if not words:
        return
    if not isinstance(tab, TranscriptTab | EventsTab):
        if not tab.front.find(words, back=back):
            _say(tab, f"no {words!r} here")
        return
    chosen = tab.front.chosen
    at = chosen.seq if chosen else 0

    def look() -> None:
        try:
            seq = search.find(journal, run, words, at, back=back, shown=tab.shown, end=end)
        except JournalError as error:
            tab.app.call_from_thread(_say, tab, str(error))
        else:
            tab.app.call_from_thread(found, seq)

    def found(seq: int | None) -> None:
        if seq is None:
            _say(tab, f"no {words!r} {'before' if back else 'after'} this: {'N' if back else 'n'} looks the other way")
            return
        with told(tab.app):
            tab.window.around(seq)
        tab.front.redraw()

    tab.run_worker(look, thread=True, exclusive=True, group="find")


def open_chosen(tab: Tab, journal: Journal, run: str, repo: str) -> None:
    """Show what is under the cursor in full: an event, a failure, a note."""
    match tab:
        case TranscriptTab() | EventsTab():
            block = tab.front.chosen
            if block:
                _open_events(tab, journal, run, block.seq, block.until)
        case GatesTab():
            opens = tab.detail()
            if opens:
                lines = opens.text.strip("\n").split("\n")
                tab.app.push_screen(Reader(opens.title, [Item(text=row, tone=_loud(row)) for row in lines]))
        case MemoryTab():
            if tab.note:
                _show_note(tab, tab.note, repo)


def _open_events(tab: Tab, journal: Journal, run: str, first: int, last: int) -> None:
    try:
        found = [next(journal.read(run, seq - 1), None) for seq in (first, last) if seq]
    except JournalError as error:
        _say(tab, str(error))
        return
    records = [record for record in found if record]
    if not records:
        _say(tab, "it is still being said: once it is whole it has an event")
        return
    items = [item for record in reversed(records) for item in (*detail(record), Item(text=""))]
    tab.app.push_screen(Reader(f"{run} · event {first}", items))


def _loud(row: str) -> Tone:
    return "bad" if row.startswith(("E ", "FAILED", "ERROR")) else "plain"


def verify(tab: EventsTab, journal: Journal, run: str) -> None:
    """Audit the run's chain and say what was found."""
    tab.say("verifying")

    def look() -> None:
        try:
            found = journal.verify(run)
        except JournalError as error:
            words = str(error)
        else:
            pruned = f", {found.pruned} payloads erased" if found.pruned else ""
            words = f"✓ {found.events} events hold{pruned} · head {found.head[:16]}"
            if not found.ok:
                words = f"✗ broken at event {found.broken_at}: {found.why}"
        tab.app.call_from_thread(tab.say, words)

    tab.run_worker(look, thread=True, exclusive=True, group="verify")


def _show_note(tab: MemoryTab, note: str, repo: str) -> None:
    def look() -> None:
        said = program.say("memory", "show", note, "--repo", repo)
        items = [Item(text=row) for row in said.text.split("\n")]
        tab.app.call_from_thread(tab.app.push_screen, Reader(f"note {note}", items))

    tab.run_worker(look, thread=True, exclusive=True, group="note")


def edit_note(tab: MemoryTab, repo: str) -> None:
    """Open the note in the user's editor, on the whole terminal."""
    if tab.note:
        program.borrow(tab.app, "memory", "edit", tab.note, "--repo", repo)


def retire_note(tab: MemoryTab, repo: str) -> None:
    """No run is told the note any more; it is kept."""
    if note := tab.note:

        def act() -> None:
            said = program.say("memory", "retire", note, "--repo", repo)
            tab.app.call_from_thread(_say, tab, said.text or f"{note} retired")

        tab.run_worker(act, thread=True, exclusive=True, group="note")


def _say(tab: Widget, words: str) -> None:
    tab.app.notify(words, markup=False, timeout=4)
