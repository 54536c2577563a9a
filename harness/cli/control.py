"""`stop`, `pause` and `gc`: wishes to runs, and cleaning up after dead ones."""

import os
import pwd
import time

import click

from harness.clean import Cleaner
from harness.cli.secrets import secrets
from harness.config import places
from harness.events import CommandReceived
from harness.journal import Journal

HEARD = 2.0
"""Seconds for which a command waits to be acknowledged; a run hears of it between two steps."""


@click.command()
@click.argument("run", default="last")
@click.option("--in", "seconds", type=click.IntRange(0, 3_600), default=0, help="Wait so long; --undo takes it back.")
@click.option("--undo", is_flag=True, help="Take back a stop that was put off and has not come yet.")
def stop(run: str, seconds: int, undo: bool) -> None:
    """Ask RUN (an id, the start of one, or `last`) to stop; its best candidate is kept."""
    journal = open_journal()
    run_id = journal.resolve(run)
    if undo:
        _undo(journal, run_id)
    else:
        wish(journal, run_id, "stop", str(seconds) if seconds else "")


@click.command()
@click.argument("run", default="last")
def pause(run: str) -> None:
    """Hold RUN as soon as what it is doing is done; its clock stands still until `loopwright resume`."""
    journal = open_journal()
    run_id = journal.resolve(run)
    if not journal.is_held(run_id):
        raise click.UsageError(f"{run_id} is not running: there is nothing to pause")
    wish(journal, run_id, "pause", "")


def open_journal() -> Journal:
    """This user's journal."""
    return Journal(places().home / "journal.db", clean=Cleaner(secrets()))


def person() -> str:
    """Who gives commands here: the user whose process this is, not what the environment says."""
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid:{uid}"


def wish(journal: Journal, run: str, kind: str, text: str) -> None:
    """Write a command for `run` and say whether it was heard."""
    state = journal.state(run)
    if state.finished:
        click.echo(f"{run} has ended already: {state.finished.outcome}")
        return
    command = journal.post(run, kind, text, person())
    if not journal.is_held(run):
        click.echo(f"{run} is not running; it will hear of it when it is resumed: loopwright resume {run}")
        return
    if kind == "stop" and text:
        click.echo(f"{run} stops in {text} s; take it back with: loopwright stop {run} --undo")
        return
    heard = _heard(journal, run, command, state.seq)
    click.echo(f"{run} heard: {kind}" if heard else f"asked {run} to {kind}; it will hear of it after its next step")


def _heard(journal: Journal, run: str, command: int, after: int) -> bool:
    until = time.monotonic() + HEARD
    while time.monotonic() < until:
        for record in journal.read(run, after):
            after = record.seq
            if isinstance(record.event, CommandReceived) and record.event.command >= command:
                return True
        time.sleep(0.05)
    return False


def _undo(journal: Journal, run: str) -> None:
    waiting = journal.commands(run, journal.state(run).acknowledged)
    stops = [command for command in waiting if command.kind == "stop"]
    if not stops:
        raise click.UsageError(f"{run} has no stop that has not come yet")
    for command in stops:
        wish(journal, run, "withdraw", str(command.id))


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also workspaces of interrupted runs, and all seeds.")
@click.option("--older", "days", type=click.IntRange(0), help="Also candidates of runs that ended so many days ago.")
def gc(everything: bool, days: int | None) -> None:
    """Remove containers, volumes and directories of dead runs. Interrupted runs stay resumable unless --all."""
    from harness.loop.tidy import tidy

    where = places()
    removed = tidy(where, Journal(where.home / "journal.db"), everything=everything, days=days)
    for name in removed:
        click.echo(f"removed {name}")
    click.echo(f"{len(removed)} things removed" if removed else "nothing to remove")
