"""`gates`: what each gate found on a run's candidate, for people, programs and whoever shows SARIF."""

import click
import msgspec

from harness import __version__
from harness.clean import clean
from harness.config import places
from harness.journal import Iteration, Journal
from harness.journal.document import shown


@click.command()
@click.argument("run", default="last")
@click.option("--iteration", "-i", type=click.IntRange(1), help="That iteration's candidate; default: the best.")
@click.option("--sarif", is_flag=True, help="A SARIF 2.1.0 log on stdout.")
@click.option("--json", "as_json", is_flag=True, help="The gates' results as one JSON document.")
def gates(run: str, iteration: int | None, sarif: bool, as_json: bool) -> None:
    """Show what each gate found on a candidate of RUN: status, findings with their place, notes."""
    from gates.sarif import export

    state = (journal := Journal(places().home / "journal.db")).state(journal.resolve(run))
    chosen: Iteration | None = shown(state)
    if iteration:
        chosen = next((it for it in state.iterations if it.n == iteration), None)
    if chosen is None or not chosen.gates:
        which = f"iteration {iteration}" if iteration else "any iteration"
        raise click.ClickException(f"run {state.run} has no gates' results of {which}")
    results = [gate.result for gate in chosen.gates.values() if gate.result is not None]
    if sarif:
        base = state.created.base if state.created else ""
        log = export(results, state.baseline, version=__version__, run=state.run, base=base)
        click.echo(msgspec.json.format(msgspec.json.encode(log), indent=2))
    elif as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(results), indent=2))
    else:
        click.echo("\n".join(_lines(chosen)))


def _lines(iteration: Iteration) -> list[str]:
    lines = []
    for gate in iteration.gates.values():
        mark = click.style("✓", fg="green") if gate.green else click.style("✗", fg="red")
        lines.append(f"{mark} {gate.gate:<14} {gate.status:<8} {clean(gate.summary)}")
        result = gate.result
        if result is None:
            continue
        new = frozenset(gate.new_failures)
        for violation in result.violations:
            where = f"{violation.path}:{violation.line}" if violation.line else violation.path
            lines.append(f"    {violation.severity} {violation.rule} {clean(where)}: {clean(violation.message)}")
        for failure in result.failures:
            where = f" ({failure.path}:{failure.line})" if failure.line else ""
            lines.append(clean(f"    {'new' if failure.id in new else 'old'} {failure.id}{where}"))
        lines += [clean(f"    note: {note}") for note in result.notes]
    return lines
