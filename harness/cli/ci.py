"""`ci`: the three jobs of the GitHub Action, and all of them in one."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.clean import Cleaner
from harness.cli.secrets import secrets

if TYPE_CHECKING:
    from harness.github.begun import Begun
    from harness.github.live import Live


@click.group()
def ci() -> None:
    """The jobs of the GitHub Action: `gate` decides, `run` works, `publish` opens the pull request.

    They read the runner's environment (GITHUB_*) and the action's inputs (LOOPWRIGHT_INPUT_*).
    """


@ci.command()
def gate() -> int:
    """Decide whether and what is to be done; needs no model key."""
    from harness.github.begun import start
    from harness.github.job import opened

    begun = start(os.environ)
    return opened(begun, click.echo)


@ci.command()
def run() -> int:
    """Pursue the goal with a token that only reads; leaves the bundle of evidence."""
    from harness.github.begun import start

    return _work(start(os.environ))


@ci.command()
def publish() -> int:
    """Verify the bundle and open the pull request, or say loudly why there is none."""
    from harness.github.begun import start
    from harness.github.job import closed

    with tempfile.TemporaryDirectory(prefix="loopwright-") as room:
        return closed(start(os.environ), Path(room), secrets(), click.echo)


@ci.command(name="all")
def everything() -> int:
    """All three in one job, for private repositories."""
    from harness.github.begun import start
    from harness.github.job import closed, opened, work_of
    from harness.github.live import Live

    begun = start(os.environ)
    opened(begun, click.echo)
    if work_of(begun) == "run":
        _work(begun, Live(begun))
    with tempfile.TemporaryDirectory(prefix="loopwright-") as room:
        return closed(begun, Path(room), secrets(), click.echo)


def _work(begun: "Begun", live: "Live | None" = None) -> int:
    """The middle job: from the ticket to a bundle, whatever happens on the way."""
    from harness.cli.failures import exit_code
    from harness.config import places
    from harness.github.actions import silenced
    from harness.github.asked import goal
    from harness.github.job import bundle, failed
    from harness.journal import Journal, Record, line
    from harness.loop import Wish, begin, drive, plan

    cleaner = Cleaner(secrets())
    where = places()
    try:
        asked = goal(begun, where.home / "fetched")
        wish = Wish(
            text=cleaner(asked.text),
            repo=asked.repo,
            base=asked.base,
            criteria=asked.criteria,
            overrides=asked.overrides,
            source=asked.source,
            asks=asked.asks,
            scope=asked.scope,
        )
        planned = plan(wish, where, cleaner)
        with Journal(where.home / "journal.db", clean=cleaner) as journal, silenced(click.echo) as say:
            ready = begin(planned, where, journal, cleaner, log=say)

            def view(record: Record) -> None:
                if (text := line(record, ready.run.state.started)) is not None:
                    say(text)
                    if live:
                        live(ready.run.state)

            drive(ready, journal, view)
            made = bundle(
                begun, journal.state(ready.run.id), journal.read(ready.run.id), ready.run.gates, planned.store
            )
        click.echo(
            f"run {made.run}: {made.outcome or 'parked'}: {len(made.gates)} gates, commit {made.commit or 'none'}"
        )
        return 0
    except Exception as error:
        code = exit_code(error)
        failed(begun, error, code)
        raise
