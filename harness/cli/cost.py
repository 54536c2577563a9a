"""`cost`: what runs cost, and where it went."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
import msgspec

from harness.cli.control import open_journal
from harness.config import places
from harness.goal import MICRO

if TYPE_CHECKING:
    from harness.loop.costs import Line


@click.command()
@click.argument("run", default="last")
@click.option("--all", "everything", is_flag=True, help="All runs of this machine.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document; money in micro-dollars.")
def cost(run: str, everything: bool, as_json: bool) -> None:
    """Show what RUN cost by tier, role and model, and what its tokens would have cost on the frontier alone."""
    from harness.loop.costs import bill
    from harness.models import load

    journal = open_journal()
    runs = [row.run for row in journal.runs()] if everything else [journal.resolve(run)]
    found = bill(journal, runs, load(places().models))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
        return
    what = f"{found.runs} run{'' if found.runs == 1 else 's'}" if everything else runs[0]
    click.echo(f"{what}: ${found.cost / MICRO:.6f}, {found.calls} calls")
    for title, lines in (("tier", found.tiers), ("role", found.roles), ("model", found.models)):
        _table(title, lines, found.cost, found.calls)
    if found.frontier:
        click.echo(
            f"\nthe same tokens on the frontier tier alone: ${found.frontier / MICRO:.6f}"
            f" (routing saved {found.saved_percent} %)"
        )


def _table(title: str, lines: "Sequence[Line]", cost: int, calls: int) -> None:
    click.echo(f"\n{title:<28} {'$':>11} {'of money':>9} {'calls':>6} {'of calls':>9} {'tokens':>12} {'cached':>7}")
    for line in lines:
        click.echo(
            f"{line.name:<28} {line.cost / MICRO:>11.6f} {_share(line.cost, cost):>9} {line.calls:>6}"
            f" {_share(line.calls, calls):>9} {line.tokens:>12,} {_share(line.cached, line.tokens):>7}"
        )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"
