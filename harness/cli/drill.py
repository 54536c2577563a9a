"""`drill`: whether the gates of a repository see what they are there to see."""

from pathlib import Path

import click
import msgspec

from harness.clean import Cleaner
from harness.config import places


@click.command()
@click.option("--repo", type=click.Path(path_type=Path), default=Path(), help="The repository; default: here.")
@click.option("--gate", default="", help="Only this gate.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def drill(repo: Path, gate: str, as_json: bool) -> int:
    """Try every gate of this repository in both directions, on its HEAD.

    A planted defect of its kind has to turn a gate red, a cheat has to be named, a harmless change has to leave it
    green. Nothing of the repository is touched; the record is kept, and `doctor` shows its date.
    """
    from harness.cli.report import exercise
    from harness.events import Drilled
    from harness.journal import Journal
    from harness.loop.drill import drill as play

    home, cleaner = places(), Cleaner()

    def show(done: Drilled) -> None:
        if not as_json:
            click.echo(exercise(msgspec.structs.replace(done, said=cleaner(done.said))))

    with Journal(home.home / "journal.db", clean=cleaner) as journal:
        done = play(repo, home, journal, cleaner, lambda text: click.echo(text, err=True), show, gate)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(done), indent=2))
    shown = sum(exercise.ok for exercise in done.exercises)
    if not as_json:
        click.echo(f"{shown} of {len(done.exercises)} exercises went as they must")
    return 0 if shown == len(done.exercises) else 1
