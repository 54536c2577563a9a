"""`memory`: a repository's notes, read and edited by people."""

import time
from pathlib import Path

import click
import msgspec

from harness.clean import Cleaner, clean
from harness.cli.control import person
from harness.cli.secrets import secrets
from harness.config import places
from harness.memory import Shelf
from harness.repo import discover


def _shelf(repo: Path) -> Shelf:
    return Shelf(places().home, discover(repo).id, Cleaner(secrets()))


_REPO = click.option("--repo", type=click.Path(path_type=Path), default=Path(), help="The repository; default: here.")


@click.group()
def memory() -> None:
    """Read and edit what Loopwright has learned about a repository. Notes live outside your tree."""


@memory.command()
@_REPO
@click.option("--all", "everything", is_flag=True, help="Also retired and invalid notes.")
def ls(repo: Path, everything: bool) -> None:
    """List the notes of a repository."""
    shelf = _shelf(repo)
    notes = [note for note in shelf.load() if everything or note.status == "active"]
    for note in notes:
        click.echo(f"{note.id}  {note.kind:<8} {note.status:<8} {note.text.splitlines()[0][:80]}")
    if not notes:
        click.echo("no notes yet")
    for broken in shelf.broken():
        click.echo(f"not readable: {broken.path}: {broken.why}", err=True)


@memory.command()
@click.argument("run", default="last")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def why(run: str, as_json: bool) -> None:
    """Show what RUN (an id, the start of one, `last`, or an archive) was told, whether it helped, what it learned."""
    from harness.cli.source import source
    from harness.memory.why import why as fold

    with source(run) as found:
        told = fold(found.records())
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(told), indent=2))
        return
    for note in told.told:
        mark = {True: "✓", False: "✗", None: "·"}[note.helped]
        click.echo(f"{mark} {note.note:<18} {note.why}")
        click.echo(f"    {' '.join(note.text.split())[:110]}")
    if not told.told:
        click.echo(f"run {told.run} was told nothing")
    for learned in told.learned:
        click.echo(f"+ {learned.note:<18} learned{f' ({learned.by})' if learned.by else ''}")
        click.echo(f"    {' '.join(learned.text.split())[:110]}")


@memory.command()
@click.argument("remote", default="origin")
@click.option("--fetch-only", is_flag=True, help="Take theirs, send nothing.")
@_REPO
def sync(remote: str, fetch_only: bool, repo: Path) -> None:
    """Exchange notes with REMOTE (a remote's name, a URL or a path): fetch, merge by union, push.

    They travel on refs/loopwright/memory, between Loopwright's own store and the remote. Your checkout, your branches
    and your refs are not touched.
    """
    repository = discover(repo)
    done = _shelf(repo).sync(repository, remote, send=not fetch_only)
    there = "none were sent" if fetch_only else f"{done.went} are there now"
    click.echo(f"{Cleaner(secrets())(done.url)}: {done.came} notes came, {there}")


@memory.command()
@click.option("--limit", "-n", type=click.IntRange(1), default=20, show_default=True, help="How many, newest first.")
@_REPO
def history(limit: int, repo: Path) -> None:
    """Show what was done to the notes of a repository, newest first."""
    for when, what in _shelf(repo).history(limit):
        click.echo(f"{time.strftime('%Y-%m-%d %H:%M', time.localtime(when))}  {clean(what)}")


@memory.command()
@click.argument("note_id", metavar="NOTE")
@_REPO
def show(note_id: str, repo: Path) -> None:
    """Show one note with its evidence."""
    click.echo(_shelf(repo).show(note_id))


@memory.command()
@click.argument("text")
@click.option("--kind", type=click.Choice(["command", "quirk", "fix", "decision"]), default="decision")
@click.option("--path", "paths", multiple=True, help="A path the note is about; may be repeated.")
@click.option("--command", default="", help="A command that works; once it fails at base, the note is retired.")
@_REPO
def add(text: str, kind: str, paths: tuple[str, ...], command: str, repo: Path) -> None:
    """Add a note of your own."""
    click.echo(_shelf(repo).add(kind, text, paths, by=person(), command=command).id)


@memory.command()
@click.argument("note_id", metavar="NOTE")
@click.argument("text", required=False)
@_REPO
def edit(note_id: str, text: str | None, repo: Path) -> None:
    """Replace a note's text; without TEXT your editor opens it."""
    shelf = _shelf(repo)
    new = text if text is not None else click.edit(shelf.get(note_id).text)
    if new is None:
        click.echo(f"{note_id} was left as it is")
        return
    shelf.edit(note_id, new, by=person())
    click.echo(f"{note_id} edited")


@memory.command()
@click.argument("note_id", metavar="NOTE")
@_REPO
def retire(note_id: str, repo: Path) -> None:
    """Retire a note: it is kept, and no run is told it any more."""
    _shelf(repo).retire(note_id)
    click.echo(f"{note_id} retired")
