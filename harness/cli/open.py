"""`open`: a candidate of a run as a checkout of its own, for a person."""

from pathlib import Path

import click

from harness.config import places
from harness.journal import Journal


@click.command("open")
@click.argument("run", default="last")
@click.argument("place", required=False, type=click.Path(path_type=Path))
@click.option("--iteration", "-i", type=click.IntRange(1), help="That iteration's candidate; default: the best.")
@click.option("--unproven", is_flag=True, help="Also a candidate that is not green.")
def open_(run: str, place: Path | None, iteration: int | None, unproven: bool) -> None:
    """Check out a candidate of RUN in a clone of its own, and print where.

    It is a whole repository with one branch: no hook, filter or configuration comes from the agent or from base,
    and your own checkout knows nothing of it. PLACE is a directory that does not exist yet.
    """
    from harness.journal.document import kept
    from harness.repo import Repository, Store

    home = places().home
    journal = Journal(home / "journal.db")
    state = journal.state(journal.resolve(run))
    candidate = kept(state, iteration)
    if candidate is None or state.created is None:
        which = f" of iteration {iteration}" if iteration else ""
        raise click.ClickException(f"run {state.run} has no candidate{which}")
    green = any(it.n == candidate.n and it.finished and it.finished.green for it in state.iterations)
    if not green and not unproven:
        raise click.ClickException(f"the candidate of iteration {candidate.n} is not green: --unproven opens it anyway")
    where = (place or home / "open" / f"{state.run}-{candidate.n}").absolute()
    if place is None and where.is_dir():
        click.echo(f"opened before; what was changed there is kept (remove {where} to start anew)", err=True)
    else:
        root = Path(state.created.repo)  # the store is the harness's own: the repository may be gone
        repository = Repository(root=root, git_dir=root, head_dir=root, bare=True, id=state.created.repo_id)
        Store(home, repository).checkout(candidate.commit, where, f"loopwright/{state.run}-{candidate.n}")
    click.echo(where)
