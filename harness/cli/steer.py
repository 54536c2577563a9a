"""`steer`: words to the maker of a running run."""

import click

from harness.cli.control import open_journal, wish


@click.command()
@click.argument("run")
@click.argument("text")
@click.option("--next", "later", is_flag=True, help="From the next iteration on, not in the next request.")
def steer(run: str, text: str, later: bool) -> None:
    """Tell the maker of RUN something: TEXT is in its next request."""
    if not text.strip():
        raise click.UsageError("there is nothing to say")
    journal = open_journal()
    wish(journal, journal.resolve(run), "steer_next" if later else "steer", text)
