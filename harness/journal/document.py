"""The result of a run as one document: a fold of the journal, the same for `run --json`, `show --json` and programs."""

from typing import Any

from harness.events import CandidateMade, GateFinished
from harness.exits import PARKED
from harness.goal import MICRO
from harness.journal.iteration import Iteration
from harness.journal.state import State


def document(state: State) -> dict[str, Any]:
    """What `loopwright run --json` prints. Money in dollars, time in seconds; everything else as in the journal."""
    created, finished = state.created, state.finished
    iteration = shown(state)
    gates = list(iteration.gates.values()) if iteration else []
    usage = state.usage
    candidate = iteration.candidate if iteration else None
    return {
        "run": state.run,
        "outcome": finished.outcome if finished else None,
        "reason": finished.reason if finished else _standing(state),
        "exit_code": finished.exit_code if finished else PARKED if state.parked else None,
        "questions": [
            {
                "id": q.question,
                "kind": q.kind,
                "text": q.text,
                "options": list(q.options),
                "default": q.default,
                "deadline": q.deadline // MICRO,
                "subject": q.subject,
            }
            for q in state.questions
        ],
        "base": created.base if created else None,
        "branch": state.branch_made.branch if state.branch_made else None,
        "head": state.branch_made.commit if state.branch_made else None,
        "pull_request": state.pull_request.url if state.pull_request else None,
        "tree": candidate.tree if candidate else None,
        "iterations": len(state.iterations),
        "turns": state.turns,
        "cost_usd": state.cost / MICRO,
        "tokens": {
            "input": usage.input,
            "output": usage.output,
            "cache_read": usage.cache_read,
            "cache_write": usage.cache_write_5m + usage.cache_write_1h,
        },
        "gates": [_gate(gate) for gate in gates],
        "violations": [
            {
                "rule": v.rule,
                "path": v.path,
                "line": v.line,
                "message": v.message,
                "fix": v.fix,
                "severity": v.severity,
            }
            for gate in gates
            if gate.result
            for v in gate.result.violations
        ],
        "breakers": [
            {"name": trip.name, "value": trip.value, "limit": trip.limit, "unit": trip.unit} for trip in state.tripped
        ],
        "verdict": _verdict(iteration),
        "diff": {
            "files": candidate.diff.files if candidate else 0,
            "insertions": candidate.diff.insertions if candidate else 0,
            "deletions": candidate.diff.deletions if candidate else 0,
        },
        "journal": {"events": state.seq, "head": state.head},
    }


def shown(state: State) -> Iteration | None:
    """The iteration that the result speaks of: the kept candidate's, else the last one."""
    best = state.finished.best if state.finished else None
    for iteration in state.iterations:
        if best and iteration.candidate and iteration.candidate.commit == best:
            return iteration
    return state.iterations[-1] if state.iterations else None


def kept(state: State, n: int | None = None) -> CandidateMade | None:
    """Iteration `n`'s candidate; without `n` the one the run kept, or would keep if it ended now."""
    if n is not None:
        return next((it.candidate for it in state.iterations if it.n == n), None)
    iteration = shown(state)
    return (iteration.candidate if iteration else None) or state.best


def _standing(state: State) -> str:
    return state.parked.reason if state.parked else f"not finished: {state.phase}"


def _verdict(iteration: Iteration | None) -> dict[str, Any] | None:
    """What the checker said of the shown iteration, with a row for each criterion."""
    if iteration is None or not iteration.verdicts:
        return None
    said = iteration.verdicts[-1]
    return {
        "decision": said.decision,
        "model": said.model,
        "summary": said.summary,
        "criteria": [{"id": c.id, "state": c.state, "evidence": c.evidence} for c in said.criteria],
        "findings": [{"severity": f.severity, "path": f.path, "line": f.line, "claim": f.claim} for f in said.findings],
    }


def _gate(gate: GateFinished) -> dict[str, Any]:
    return {
        "name": gate.gate,
        "status": gate.status,
        "new_failures": list(gate.new_failures),
        "baseline_failures": list(gate.baseline_failures),
        "seconds": gate.micros / MICRO,
    }
