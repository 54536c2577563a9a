"""`stop` and `gc`: wishes to runs, and cleaning up after dead ones."""

import os

import click

from harness.config import places
from harness.exits import LIMIT
from harness.journal import Journal, Summary


@click.command()
@click.argument("run", default="last")
def stop(run: str) -> None:
    """Ask RUN (an id, the start of one, or `last`) to stop; its best candidate is kept."""
    journal = Journal(places().home / "journal.db")
    run_id = journal.resolve(run)
    state = journal.state(run_id)
    if state.finished:
        click.echo(f"{run_id} has ended already: {state.finished.outcome}")
        return
    journal.post(run_id, "stop", "", os.environ.get("USER") or f"uid:{os.getuid()}")
    if journal.is_held(run_id):
        click.echo(f"asked {run_id} to stop")
    else:
        click.echo(f"{run_id} is not running; it will stop when it is resumed")


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also workspaces of interrupted runs, and all seeds.")
def gc(everything: bool) -> None:
    """Remove containers, volumes and directories of dead runs. Interrupted runs stay resumable unless --all."""
    from harness.loop import engine_of

    where = places()
    journal = Journal(where.home / "journal.db")
    keep = frozenset(
        row.run for row in journal.runs() if journal.is_held(row.run) or (_goes_on(row) and not everything)
    )
    removed = engine_of(where).gc(keep, where.home / "seeds" if everything else None)
    for name in removed:
        click.echo(f"removed {name}")
    click.echo(f"{len(removed)} things removed" if removed else "nothing to remove")


def _goes_on(row: Summary) -> bool:
    """Whether `resume` would go on in the run's work tree."""
    return row.outcome in (None, "cancelled", "failed") or row.exit_code == LIMIT
