"""`replay`: a recorded run once more, offline, from its journal or an archive alone."""

import click
import msgspec

from harness.clean import clean


@click.command()
@click.argument("run", default="last")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def replay(run: str, as_json: bool) -> int:
    """Pursue RUN (an id, the start of one, `last`, or an archive) again, offline, from what was recorded of it.

    Exit code 0: every event came as it came then, and every request was the same byte for byte. 1: the first
    difference is shown.
    """
    from harness.cli.source import source
    from harness.loop.replay import replay as again

    with source(run) as found:
        done = again(found.scene())
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(done), indent=2))
        return 0 if done.difference is None else 1
    click.echo(
        f"run {done.run}: {done.events} of {done.recorded} events, {done.requests} requests byte for byte,"
        f" {done.calls} sandbox calls, {done.processes} process{'es' if done.processes > 1 else ''}"
    )
    if (different := done.difference) is None:
        came = f"{done.outcome or 'as far as it went'}, tree {done.tree[:12] or 'none'}"
        click.echo(f"  {click.style('the same', fg='green')}: {came}")
        return 0
    click.echo(f"  {click.style('different', fg='red')} at event {different.seq}: {clean(different.what)}")
    click.echo(f"  then: {clean(different.then)}")
    click.echo(f"  now:  {clean(different.now)}")
    return 1
