"""`steer` and `allow`: words to the maker of a running run, and hosts for its sandbox."""

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


@click.command()
@click.argument("run")
@click.argument("host")
def allow(run: str, host: str) -> None:
    """Let the sandbox of RUN reach HOST (`name`, `*.name`, `name:port`) from now on, where it has a network."""
    from harness.loop.surroundings import wrong_host

    if why := wrong_host(host):
        raise click.UsageError(f"{host!r} cannot be allowed: {why}")
    journal = open_journal()
    wish(journal, journal.resolve(run), "allow", host)
