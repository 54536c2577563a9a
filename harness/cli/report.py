"""A run's result for people: what came out, on which evidence, at what cost, and what to do next."""

import click
import msgspec

from harness.events import Drilled, GateFinished
from harness.goal import MICRO
from harness.journal import Iteration, State
from harness.journal.document import document, shown

_MET = {"met": "met           ", "not_met": "not met       ", "not_verifiable": "not verifiable"}
_COLOURS = {"succeeded": "green", "already_satisfied": "green"}


def result(state: State, *, as_json: bool, full: bool = False) -> None:
    """Print a run's result on stdout: the document, or a report."""
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(document(state)), indent=2))
    else:
        click.echo(report(state, full=full))


def exercise(played: Drilled) -> str:
    """A drill's exercise as a row of its table."""
    mark = click.style("✓", fg="green") if played.ok else click.style("✗", fg="red")
    took = f"{played.micros / 1e6:6.1f} s"
    return f"{mark} {played.gate:<14} {played.what:<28} {played.expected:<6} {took}  {played.said}"


def report(state: State, *, full: bool = False) -> str:
    """A few lines; with `full` also goal, failures, findings and cost by model."""
    finished = state.finished
    outcome = finished.outcome if finished else state.phase
    iteration = shown(state)
    head = click.style(outcome, fg=_COLOURS.get(outcome, "yellow"), bold=True)
    lines = [f"{head}  {finished.reason if finished else state.parked.reason if state.parked else 'not finished'}"]
    if full:
        goal = state.created.goal.text if state.created else ""
        lines += ["", *(f"  {row}" for row in goal.splitlines()), ""]
    if iteration:
        lines += [_gate(gate, full) for gate in iteration.gates.values()]
        lines += _verdict(iteration, full)
        if iteration.candidate:
            diff = iteration.candidate.diff
            lines.append(f"  {'diff':<10} {diff.files} files, +{diff.insertions} -{diff.deletions}")
    if state.branch_made:
        lines.append(f"  {'branch':<10} {click.style(state.branch_made.branch, bold=True)}")
    if state.pull_request:
        lines.append(f"  {'pull':<10} {state.pull_request.url}")
    lines.append(f"  {'run':<10} {state.run}: {_spent(state)}")
    if full:
        lines += [
            f"  {'cost':<10} {spend.role} {spend.model}: ${spend.cost / MICRO:.4f}, {spend.calls} calls"
            for spend in state.accounts.spends
        ]
        lines += [f"  {'notice':<10} {notice.what}" for notice in state.notices]
    lines += [
        f"  {'breaker':<10} {trip.name}: {trip.value} of {trip.limit} {trip.unit}".rstrip() for trip in state.tripped
    ]
    for question in state.questions:
        lines.append(f"  {'asks':<10} {question.question} ({question.kind}): {question.text}")
        lines.append(f"  {'answer':<10} loopwright answer {state.run} {question.question} {'|'.join(question.options)}")
    if finished and finished.next_step:
        lines.append(f"  {'next':<10} {finished.next_step}")
    return "\n".join(lines)


def _gate(gate: GateFinished, full: bool) -> str:
    mark = click.style("✓", fg="green") if gate.green else click.style("✗", fg="red")
    rows = [f"  {gate.gate:<10} {mark} {gate.summary}" + (" (from cache)" if gate.cached else "")]
    if gate.result:
        new = set(gate.new_failures)
        rows += [f"               {f.path}:{f.line} {f.message}" for f in gate.result.failures if f.id in new][:5]
        rows += [f"               {v.path}:{v.line} {v.rule}: {v.message}" for v in gate.result.violations][:5]
        rows += [f"               {note}" for note in gate.result.notes] if full else []
    if gate.baseline_failures:
        count = len(gate.baseline_failures)
        rows.append(f"               {count} failure{' was' if count == 1 else 's were'} there before")
    return "\n".join(rows)


def _verdict(iteration: Iteration, full: bool) -> list[str]:
    if not iteration.verdicts:
        return []
    verdict = iteration.verdicts[-1]
    mark = click.style("✓", fg="green") if verdict.decision == "accept" else click.style("✗", fg="red")
    rows = [f"  {'checker':<10} {mark} {verdict.decision} ({verdict.model}): {verdict.summary}"]
    if full or verdict.decision != "accept":
        rows += [f"               {f.path}:{f.line} {f.claim}" for f in verdict.findings]
        rows += [f"               refuted: {f.path}:{f.line} {f.claim}" for f in verdict.refuted] if full else []
    rows += [f"               {_MET[c.state]} {c.id}: {c.evidence}" for c in verdict.criteria]
    return rows


def _spent(state: State) -> str:
    seconds = ((state.ended or state.touched) - state.started) / MICRO
    iterations = len(state.iterations)
    return (
        f"{iterations} iteration{'s' if iterations != 1 else ''}, {state.turns} turns, "
        f"${state.cost / MICRO:.4f}, {seconds:.1f} s"
    )
