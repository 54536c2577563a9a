"""`ls`, `show`, `log`, `diff`: looking at runs. Nothing here needs Docker or a model."""

import time
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from harness.clean import clean
from harness.cli.report import exercise, result
from harness.cli.source import source
from harness.config import places
from harness.events import DRILL, DrillFinished
from harness.goal import MICRO
from harness.journal import Journal, Summary, line


def _journal() -> Journal:
    return Journal(places().home / "journal.db")


@click.command()
@click.option("--limit", "-n", type=click.IntRange(1), default=30, show_default=True, help="How many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def ls(limit: int, as_json: bool) -> None:
    """List the runs of this machine, newest first."""
    journal = _journal()
    runs = journal.runs(limit)
    if as_json:
        click.echo(msgspec.json.encode(runs))
        return
    if not runs:
        click.echo('No runs yet. Start one in a repository: loopwright run "what is wanted"')
        return
    for row in runs:
        click.echo(_row(row, journal))


def _row(row: Summary, journal: Journal) -> str:
    resting = row.phase if row.phase in ("paused", "parked") else "running"
    state = row.outcome or (resting if row.phase == "parked" or journal.is_held(row.run) else "interrupted")
    colour = {"succeeded": "green", "already_satisfied": "green", "running": "cyan"}.get(state, "yellow")
    return "  ".join(
        (
            row.run,
            click.style(f"{state:<17}", fg=colour),
            f"{row.iterations}/{row.max_iterations}",
            f"${row.cost / MICRO:>8.4f}",
            f"{_ago(row.created):>8}",
            row.goal[:70],
        )
    )


def _ago(micros: int) -> str:
    seconds = max(0, int(time.time() - micros / 1_000_000))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


@click.command()
@click.argument("run", default="last")
@click.option("--json", "as_json", is_flag=True, help="The same document as `run --json`.")
def show(run: str, as_json: bool) -> None:
    """Show RUN (an id, the start of one, `last`, or an archive): outcome, evidence, cost; of a drill, its table."""
    with source(run) as found:
        state = found.state()
        result(state, as_json=as_json, full=True)
        if not as_json and state.created and state.created.goal.source == DRILL:
            for record in found.records():
                for played in record.event.exercises if isinstance(record.event, DrillFinished) else ():
                    click.echo(exercise(played))


@click.command()
@click.argument("run", default="last")
@click.option("--json", "as_json", is_flag=True, help="Every event as one JSON line.")
def log(run: str, as_json: bool) -> None:
    """Print the journal of RUN (or of an archive), a line for each event worth an eye."""
    started = 0
    with source(run) as found:
        for record in found.records():
            started = started or record.ts
            text = msgspec.json.encode(record).decode() if as_json else line(record, started)
            if text is not None:
                click.echo(text)


@click.command()
@click.argument("run", default="last")
@click.option("--iteration", "-i", type=click.IntRange(1), help="That iteration's candidate; default: the best.")
def diff(run: str, iteration: int | None) -> None:
    """Print a candidate of RUN as a diff against base; the best one unless told otherwise."""
    from harness.journal.document import kept
    from harness.repo import Repository, Store

    journal = _journal()
    state = journal.state(journal.resolve(run))
    candidate = kept(state, iteration)
    if candidate is None or state.created is None:
        raise click.ClickException(
            f"run {state.run} has no candidate" + (f" of iteration {iteration}" if iteration else "")
        )
    root = Path(state.created.repo)  # the store is the harness's own: the repository may be gone
    place = Repository(root=root, git_dir=root, head_dir=root, bare=True, id=state.created.repo_id)
    store = Store(places().home, place)
    for text in shown(store.diff(state.created.base_tree, candidate.tree)):
        click.echo(text)


def shown(diff: str) -> Iterator[str]:
    """The lines of a diff, as a terminal may have them and `git apply` takes them: the ends of lines are the file's."""
    for row in diff.removesuffix("\n").split("\n") if diff else ():
        body = row.removesuffix("\r")
        yield _coloured("\f".join(map(clean, body.split("\f")))) + row[len(body) :]


def _coloured(clean_text: str) -> str:
    """A diff line in colours; click strips them where nobody sees them."""
    for mark, colour in (("+++", "bold"), ("---", "bold"), ("@@", "cyan"), ("+", "green"), ("-", "red")):
        if clean_text.startswith(mark):
            return click.style(clean_text, bold=True) if colour == "bold" else click.style(clean_text, fg=colour)
    return clean_text
