"""`shell`: a person's look into a live sandbox."""

import sys

import click

from harness.cli.control import open_journal, person
from harness.config import places


@click.command()
@click.argument("run", default="last")
@click.option("--write", is_flag=True, help="The work tree can be changed; what you change goes into the candidate.")
def shell(run: str, write: bool) -> None:
    """Open a terminal in the sandbox of RUN: its files read-only, its network and services. It is on the record."""
    from harness.loop import engine_of
    from harness.loop.shell import shell as session

    if not all(stream and stream.isatty() for stream in (sys.stdin, sys.stdout)):
        raise click.UsageError("a shell needs a terminal")
    journal = open_journal()
    run_id = journal.resolve(run)
    sys.exit(session(journal, engine_of(places()), run_id, person(), writable=write))
