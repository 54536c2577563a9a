"""`image`: the base image that sandboxes are made of."""

import click
import msgspec

from harness.config import places


@click.group()
def image() -> None:
    """Show or build sandbox images."""


@image.command()
@click.option("--refresh", is_flag=True, help="Build it anew even if there is one.")
def build(refresh: bool) -> None:
    """Make sure the base image is there: pulled where a registry answers, built locally otherwise."""
    from harness.loop import engine_of
    from sandboxes.images import base_image

    made = base_image(engine_of(places()), log=lambda text: click.echo(text, err=True), refresh=refresh)
    click.echo(f"{made.reference}  {made.id}")


@image.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def ls(as_json: bool) -> None:
    """List the base and environment images."""
    from harness.loop import engine_of
    from sandboxes.images import images

    found = images(engine_of(places()))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
        return
    for row in found:
        click.echo(f"{row.id[7:19]}  {row.kind:<12} {row.megabytes:>6} MB  {row.created[:10]}  {row.made_by}")
    if not found:
        click.echo("none yet; build one with: loopwright image build")


@image.command()
@click.option("--dry-run", is_flag=True, help="Only say which.")
def prune(dry_run: bool) -> None:
    """Remove old base images and what stands on them; images of runs that can be resumed stay."""
    from harness.journal import Journal
    from harness.loop.prepare import engine_of
    from harness.loop.tidy import goes_on
    from sandboxes.images import prune as removed

    where = places()
    journal = Journal(where.home / "journal.db")
    firsts = (journal.state(row.run).created for row in journal.runs() if goes_on(row))
    gone = removed(engine_of(where), frozenset(first.image for first in firsts if first), dry=dry_run)
    for row in gone:
        click.echo(f"{'would remove' if dry_run else 'removed'} {row.kind} {row.id[7:19]}, {row.megabytes} MB")
    if not gone:
        click.echo("nothing to remove")
