"""How an iteration stands: green, accepted, worth keeping. Said in one place, for everyone who asks."""

from harness.events import CandidateMade
from harness.loop.run import Run


def is_green(run: Run, n: int) -> bool:
    """Whether every gate has spoken on iteration `n`'s candidate, and none against it."""
    it = run.iteration(n)
    return it is not None and all(gate.name in it.gates and it.gates[gate.name].green for gate in run.gates)


def proven(run: Run) -> CandidateMade | None:
    """The candidate of the iteration that ended in a proof, if there is one: this and no other becomes the branch."""
    begun = run.state.forked.iteration if run.state.forked else 0
    for it in run.state.iterations:
        if it.n > begun and it.finished and it.finished.green and it.finished.accepted:
            return it.candidate
    return None


def kept(run: Run) -> CandidateMade | None:
    """The candidate to keep: the proven one, one that is green and was never checked, the best judged, the last."""
    if candidate := proven(run):
        return candidate
    last = run.state.iterations[-1] if run.state.iterations else None
    if last and last.candidate and not last.finished and (run.state.best is None or is_green(run, last.n)):
        return last.candidate
    return run.state.best
