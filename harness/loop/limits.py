"""The breakers between iterations: pure functions of what the journal says."""

from collections.abc import Sequence

from harness.exits import ENVIRONMENT, UNPROVEN
from harness.goal import Limits
from harness.journal import Iteration, State
from harness.loop.endings import Ended


def between_iterations(state: State, limits: Limits) -> None:
    """Raise `Ended` when the finished iterations show that another would be a waste."""
    done = [it for it in state.iterations if it.finished]
    unchanged(done, limits.unchanged)
    seen_trees(done)
    review_rounds(done)
    repetition(done)


def unchanged(done: Sequence[Iteration], limit: int) -> None:
    """The same failures `limit` iterations in a row are no progress."""
    last = [it.finished.fingerprint for it in done[-limit:] if it.finished and it.finished.fingerprint]
    if len(last) == limit and len(set(last)) == 1:
        raise Ended(
            "stuck",
            f"the same failures after {limit} iterations",
            UNPROVEN,
            "sharpen the goal, or give a hint as a note: loopwright memory add",
            tripped=("unchanged_failures", limit, limit, "iterations"),
        )


def seen_trees(done: Sequence[Iteration]) -> None:
    """A tree that comes back is an oscillation: told once, tripped the second time. So is changing nothing."""
    trees = [it.candidate.tree for it in done if it.candidate]
    repeats = len(trees) - len(set(trees))
    if repeats >= 2:
        raise Ended(
            "stuck",
            "the maker keeps coming back to trees that were judged before",
            UNPROVEN,
            "sharpen the goal, or give a hint as a note: loopwright memory add",
            tripped=("seen_tree", repeats, 2, "repeats"),
        )


def repetition(done: Sequence[Iteration]) -> None:
    """A maker that repeated itself to its end will do so again, unless somebody says something new."""
    last = done[-1] if done else None
    if last and last.ending == "stuck" and last.finished and not last.finished.accepted:
        raise repeats(last.detail)


def repeats(detail: str) -> Ended:
    """The maker came to a standstill inside a conversation."""
    return Ended(
        "stuck",
        detail or "the maker repeats itself",
        UNPROVEN,
        "sharpen the goal, or give a hint as a note: loopwright memory add",
        tripped=("repetition", 4, 4, "calls"),
    )


def review_rounds(done: Sequence[Iteration], limit: int = 2) -> None:
    """A checker that has said no `limit` times to green candidates will not be argued with any further."""
    rejections = sum(1 for it in done if it.finished and it.finished.green and not it.finished.accepted)
    if rejections >= limit:
        raise Ended(
            "stuck",
            f"the checker turned down {rejections} green candidates",
            UNPROVEN,
            "read its findings with: loopwright show RUN",
            tripped=("review_rounds", rejections, limit, "rejections"),
        )


def iterations_used(limits: Limits) -> Ended:
    """The breaker of the outer loop itself."""
    return Ended(
        "exhausted",
        f"no proof after {limits.iterations} iterations",
        UNPROVEN,
        "look at the best candidate with: loopwright diff RUN",
        tripped=("iterations", limits.iterations, limits.iterations, "iterations"),
    )


def error_rate(percent: int, limit: int) -> Ended:
    """Too many of the last tool results were the environment's fault, not the maker's."""
    return Ended(
        "failed",
        f"{percent} % of the last tool calls failed for reasons of the environment",
        ENVIRONMENT,
        "check with: loopwright doctor",
        tripped=("error_rate", percent, limit, "percent"),
    )
