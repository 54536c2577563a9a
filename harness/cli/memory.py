"""`memory`: a repository's notes, read and edited by people."""

import os
from pathlib import Path

import click

from harness.config import places
from harness.memory import Shelf
from harness.repo import discover


def _shelf(repo: Path) -> Shelf:
    return Shelf(places().home, discover(repo).id)


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
@click.argument("note_id", metavar="NOTE")
@_REPO
def show(note_id: str, repo: Path) -> None:
    """Show one note with its evidence."""
    click.echo(_shelf(repo).show(note_id))


@memory.command()
@click.argument("text")
@click.option("--kind", type=click.Choice(["command", "quirk", "fix", "decision"]), default="decision")
@click.option("--path", "paths", multiple=True, help="A path the note is about; may be repeated.")
@_REPO
def add(text: str, kind: str, paths: tuple[str, ...], repo: Path) -> None:
    """Add a note of your own."""
    click.echo(_shelf(repo).add(kind, text, paths, by=os.environ.get("USER", "")).id)


@memory.command()
@click.argument("note_id", metavar="NOTE")
@click.argument("text", required=False)
@_REPO
def edit(note_id: str, text: str | None, repo: Path) -> None:
    """Replace a note's text; without TEXT your editor opens it."""
    shelf = _shelf(repo)
    new = text if text is not None else click.edit(shelf.get(note_id).text)
    if new and new.strip():
        shelf.edit(note_id, new.strip())
        click.echo(f"{note_id} edited")


@memory.command()
@click.argument("note_id", metavar="NOTE")
@_REPO
def retire(note_id: str, repo: Path) -> None:
    """Retire a note: it is kept, and no run is told it any more."""
    _shelf(repo).retire(note_id)
    click.echo(f"{note_id} retired")
