"""`models`: the tiers of the configuration, what each model costs and can do, and whether it answers."""

from pathlib import Path

import click
import msgspec

from harness.config import places

_REPO = click.option(
    "--repo",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=None,
    help="Read its configuration, too.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


@click.group()
def models() -> None:
    """Show and try the models that runs ask."""


@models.command()
@click.option("--all", "everything", is_flag=True, help="Every model of the catalog, in use or not.")
@_REPO
@_JSON
def ls(repo: Path | None, everything: bool, as_json: bool) -> None:
    """List the models by tier: where they are served, what they cost, what they can hold."""
    from harness.loop.survey import survey

    rows = survey(places(), repo, everything=everything)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2))
        return
    click.echo(f"{'tier':<9} {'model':<28} {'$/MTok in · out · read':<24} {'context':>9}  served by")
    for row in rows:
        click.echo(f"{row.tier or '–':<9} {row.name:<28} {row.prices:<24} {row.context:>9,}  {row.served}")
        for limit in row.limits:
            click.echo(f"{'':<9}   {limit}")


@models.command()
@click.argument("names", nargs=-1, metavar="[MODEL...]")
@_REPO
@_JSON
def test(names: tuple[str, ...], repo: Path | None, as_json: bool) -> int:
    """Ask each model (default: those of the tiers) for one word, and say what came of it. Costs some tokens."""
    from harness.loop.survey import trial

    found = list(trial(places(), repo, names))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
    else:
        for row in found:
            mark = click.style("ok  ", fg="green") if row.ok else click.style("FAIL", fg="red", bold=True)
            click.echo(f"{mark} {row.name:<28} {row.said}")
    return 0 if all(row.ok for row in found) else 4
