"""`audit`: whether the journal is what it was, and anchors that show it to others."""

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from harness.clean import clean
from harness.cli.control import open_journal, person
from harness.config import places
from harness.journal import Journal, JournalError, Verified

if TYPE_CHECKING:
    from harness.journal.anchors import Anchor


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What an audit found."""

    runs: dict[str, Verified]
    anchors: int
    """Anchors that were held against them."""
    elsewhere: tuple[str, ...]
    """Runs that commits name and that this machine has never had: another's, or one of Actions."""
    unanchored: tuple[str, ...]
    """Runs that no anchor names: a cut tail or a rewritten chain of theirs would not show."""
    problems: tuple[str, ...]


@click.group()
def audit() -> None:
    """Verify the journal; anchor it where others see it; erase what has to be erased."""


@audit.command()
@click.argument("run", default="last")
@click.option("--all", "everything", is_flag=True, help="Every run of this machine.")
@click.option("--checkpoint", type=click.Path(path_type=Path), multiple=True, help="A signed checkpoint; repeatable.")
@click.option("--signers", type=click.Path(path_type=Path), help="Who may have signed: ssh's allowed signers.")
@click.option("--repo", type=click.Path(path_type=Path), help="Whose commits are anchors; default: each run's own.")
@click.option("--anchored", is_flag=True, help="A run that no anchor names counts as a problem.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def verify(
    run: str,
    everything: bool,
    checkpoint: tuple[Path, ...],
    signers: Path | None,
    repo: Path | None,
    anchored: bool,
    as_json: bool,
) -> int:
    """Verify RUN (an id, the start of one, `last`, or an archive): every hash, order, payload, and the anchors.

    Anchors are the trailers of commits in the repository and signed checkpoints. Exit code 0: all holds. 1: not.
    """
    from harness.cli.source import source
    from harness.journal import anchors
    from harness.journal.derived import differs

    with source(run) as found:
        journal = found.journal
        runs = [row.run for row in journal.runs()] if everything else [found.run]
        problems: list[str] = []
        held, elsewhere = _trailers(journal, runs, repo, everything)
        for path in checkpoint or tuple(sorted((places().home / "checkpoints").glob("*.checkpoint"))):
            try:
                read = anchors.read(path, signers)
            except anchors.CheckpointRefused as refused:
                problems.append(f"{refused.what}: {refused.why}")
                continue
            held += [leaf for leaf in read.leaves if everything or leaf.run in runs]
        verified = {name: journal.verify(name) for name in runs}
        problems += [f"run {name}, event {v.broken_at}: {v.why}" for name, v in verified.items() if not v.ok]
        beside = {name: differs(journal, name) for name, v in verified.items() if v.ok}
        problems += [f"run {name}: {why}" for name, why in beside.items() if why]
        problems += anchors.broken(journal, held)
    loose = tuple(name for name in runs if name not in {anchor.run for anchor in held})
    if anchored:
        problems += [f"run {name} is not anchored" for name in loose]
    report = Report(runs=verified, anchors=len(held), elsewhere=elsewhere, unanchored=loose, problems=tuple(problems))
    _say(report, as_json)
    return 1 if problems else 0


def _trailers(
    journal: Journal, runs: list[str], repo: Path | None, everything: bool
) -> "tuple[list[Anchor], tuple[str, ...]]":
    """The anchors that commits carry, in the users' repositories and in the harness's own stores; and the runs that
    commits name and that neither the journal nor a store has ever held: they were pursued on other machines."""
    from harness.journal.anchors import Anchor
    from harness.loop.scene import store_of
    from harness.repo import RepoError, discover
    from harness.repo.trailers import audit_trailers

    where = {}
    ours = {run for run, _, _ in journal.heads()}
    for name in runs:
        created = None
        with suppress(JournalError):  # an event that was changed may be no event any more
            created = journal.state(name).created
        if created is None:
            if repo:
                where[str(repo)] = discover(repo).place
            continue
        root = repo or Path(created.repo)
        with suppress(RepoError):  # it may be gone
            where[str(root)] = discover(root).place
        if (places().home / "store" / f"{created.repo_id}.git").is_dir():
            where[created.repo_id] = (store := store_of(places().home, created)).place
            ours |= store.runs()
    found = {
        (commit, run): Anchor(run, seq, link, f"commit {commit[:12]}")
        for place in where.values()
        for commit, run, seq, link in audit_trailers(place)
        if everything or run in runs
    }
    held = [anchor for anchor in found.values() if anchor.run in ours]
    return held, tuple(sorted({anchor.run for anchor in found.values()} - ours))


def _say(report: Report, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2))
        return
    events = sum(v.events for v in report.runs.values())
    erased = sum(v.pruned for v in report.runs.values())
    gone = f", {erased} payloads erased" if erased else ""
    click.echo(f"{len(report.runs)} runs, {events} events{gone}, {report.anchors} anchors")
    for problem in report.problems:
        click.echo(f"  {click.style('✗', fg='red')} {clean(problem)}")
    if not report.problems:
        click.echo(f"  {click.style('✓', fg='green')} every chain holds")
    if others := report.elsewhere:
        click.echo(f"  {len(others)} runs that commits name were pursued elsewhere ({clean(others[0])})")
    if loose := report.unanchored:
        click.echo(f"  {len(loose)} runs have no anchor: a cut tail would not show ({loose[0]})")


@audit.command()
@click.option("--key", type=click.Path(path_type=Path), required=True, help="A key of ssh: the private, or a public "
              "one whose private half the agent holds.")  # fmt: skip
@click.option("--output", "-o", type=click.Path(path_type=Path), help="The directory; default: checkpoints in home.")
def anchor(key: Path, output: Path | None) -> None:
    """Sign a checkpoint of how every run stands. Keep a copy where nobody who can write the journal can write."""
    from harness.journal import anchors

    journal = Journal(places().home / "journal.db")
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    heads = [anchors.Anchor(run, seq, head) for run, seq, head in journal.heads()]
    path = anchors.write(output or places().home / "checkpoints", heads, key.expanduser(), stamp)
    click.echo(f"{path}  {len(heads)} runs")


@audit.command()
@click.argument("run")
@click.option("--why", default="", help="The reason, kept in the journal.")
@click.confirmation_option(prompt="The run can then be neither resumed nor replayed. Erase what it said?")
def erase(run: str, why: str) -> None:
    """Erase the payloads of RUN: what models and tools said, and results in full. Its chain can still be verified."""
    from harness.journal.transfer import erase as wipe

    journal = open_journal()
    run_id = journal.resolve(run)
    count = wipe(journal, run_id, why, person())
    click.echo(f"{count} payloads of {run_id} erased")
