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
