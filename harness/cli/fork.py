"""`fork`: another try from a candidate of an earlier run."""

import click

from harness.cli.control import person
from harness.cli.options import COST, JSON, MINUTES, PROGRESS
from harness.config import places


@click.command()
@click.argument("where", metavar="RUN@ITER")
@click.option("--with", "note", default="", metavar="NOTE", help="What the next maker is told first.")
@click.option("--max-iterations", type=click.IntRange(1), help="Iterations of the outer loop, those before included.")
@COST
@MINUTES
@PROGRESS
@JSON
@click.pass_context
def fork(
    ctx: click.Context,
    where: str,
    note: str,
    max_iterations: int | None,
    max_cost: float | None,
    max_minutes: float | None,
    progress: str,
    as_json: bool,
) -> int:
    """Start a new run from the candidate of iteration ITER of RUN (0: from its base), and pursue it.

    What was judged by then is not judged again; what it cost stays with RUN, which is only read.
    """
    from harness.clean import Cleaner
    from harness.cli.run import resume
    from harness.cli.secrets import secrets
    from harness.journal import Journal
    from harness.loop.fork import fork as begin

    run, _, iteration = where.rpartition("@")
    if not run or not iteration.isdecimal():
        raise click.UsageError(f"{where!r} is not RUN@ITER, for example: last@2")
    home = places().home
    with Journal(home / "journal.db", clean=Cleaner(secrets())) as journal:
        new = begin(journal, home, journal.resolve(run), int(iteration), note, principal=person())
    click.echo(f"forked {where} as {new}", err=True)
    given = {"max_iterations": max_iterations, "max_cost": max_cost, "max_minutes": max_minutes}
    code: int = ctx.invoke(resume, run_id=new, progress=progress, as_json=as_json, **given)
    return code
