"""`export`: a run as one file that other machines can read, audit and replay."""

from pathlib import Path

import click

from harness import __version__


@click.command()
@click.argument("run", default="last")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="The file to write; default: RUN.lwa here.")
def export(run: str, output: Path | None) -> None:
    """Write RUN as one archive: its events and payloads as JSON lines, its commits, and a script that audits it.

    `show`, `log`, `replay` and `audit verify` take the file in place of a run, on any machine.
    """
    from harness.cli.source import source
    from harness.journal.transfer import export as write

    with source(run) as found:
        path = output or Path(f"{found.run}.lwa")
        write(found.journal, found.run, path, found.pack(), __version__)
    click.echo(f"{path}  {path.stat().st_size / 1e6:.2f} MB")
