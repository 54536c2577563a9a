"""The breakers between iterations: pure functions of what the journal says."""

from collections.abc import Sequence

from harness.exits import BLOCKED, ENVIRONMENT, UNPROVEN
from harness.goal import Limits
from harness.journal import Iteration, State
from harness.loop.endings import Ended

OUTSIDE = "out-of-scope"
"""The integrity gate's rule for a path that the goal's scope does not hold."""
HINT = "sharpen the goal, or give a hint as a note: loopwright memory add"

Tripped = tuple[str, int, int, str]
"""A breaker, its value, its limit and their unit."""


def between_iterations(state: State, limits: Limits) -> None:
    """Raise `Ended` when the finished iterations show that another would be a waste."""
    done = [it for it in state.iterations if it.finished and it.n > state.judged_anew]
    unchanged(done, limits.unchanged)
    seen_trees(done)
    review_rounds(done)
    repetition(done)
    scope_tools(done)
    scope_paths(done)
    scope_hosts(state.denied)


def unchanged(done: Sequence[Iteration], limit: int) -> None:
    """The same failures `limit` iterations in a row are no progress."""
    last = [it.finished.fingerprint for it in done[-limit:] if it.finished and it.finished.fingerprint]
    if len(last) == limit and len(set(last)) == 1:
        raise _stuck(
            f"the same failures after {limit} iterations", HINT, ("unchanged_failures", limit, limit, "iterations")
        )


def seen_trees(done: Sequence[Iteration]) -> None:
    """A tree that comes back is an oscillation: told once, tripped the second time. So is changing nothing."""
    trees = [it.candidate.tree for it in done if it.candidate]
    repeats = len(trees) - len(set(trees))
    if repeats >= 2:
        why = "the maker keeps coming back to trees that were judged before"
        raise _stuck(why, HINT, ("seen_tree", repeats, 2, "repeats"))


def repetition(done: Sequence[Iteration]) -> None:
    """A maker that repeated itself to its end will do so again, unless somebody says something new."""
    last = done[-1] if done else None
    if last and last.ending == "stuck" and last.finished and not last.finished.accepted:
        raise repeats(last.detail, last.value, last.limit)


def scope_tools(done: Sequence[Iteration]) -> None:
    """A conversation that ended over tools which it does not have will not go better the next time."""
    last = done[-1] if done else None
    if last and last.ending == "scope" and last.finished:
        raise foreign_tools(last.detail, last.value, last.limit)


def scope_paths(done: Sequence[Iteration], limit: int = 2) -> None:
    """A maker that leaves the goal's scope at the same place `limit` times in a row needs it, or will not hear."""
    outside = [
        {v.path for gate in it.gates.values() if gate.result for v in gate.result.violations if v.rule == OUTSIDE}
        for it in done[-limit:]
    ]
    paths = set.intersection(*outside) if len(outside) == limit else set()
    if paths:
        raise _blocked(
            f"the change needs paths outside of the goal's scope: {', '.join(sorted(paths)[:5])}",
            "widen scope.paths, or change the goal",
            ("scope_paths", limit, limit, "iterations"),
            sorted(paths)[:10],
        )


def scope_hosts(denied: Sequence[tuple[str, int]], limit: int = 20) -> None:
    """Something in the sandbox that tries so many different hosts is looking for a way out."""
    hosts = {host for host, _ in denied}
    if len(hosts) >= limit:
        why = f"the sandbox tried {len(hosts)} hosts that the network policy does not name"
        raise _blocked(why, "read them with: loopwright log RUN", ("scope_hosts", len(hosts), limit, "hosts"))


def repeats(detail: str, value: int, limit: int) -> Ended:
    """The maker came to a standstill inside a conversation."""
    return _stuck(detail or "the maker repeats itself", HINT, ("repetition", value, limit, "calls"))


def runaway(detail: str, value: int, limit: int) -> Ended:
    """A model that does not stop talking: replies cut at their limit in a row, or too many tokens of replies."""
    unit = "replies" if limit < 100 else "tokens"
    fix = "use another model, or raise limits.output_tokens"
    return _stuck(detail or "the model does not stop talking", fix, ("output_runaway", value, limit, unit))


def foreign_tools(detail: str, value: int, limit: int) -> Ended:
    """The maker keeps asking for tools that it does not have."""
    return _blocked(
        detail or "the maker keeps calling tools that it does not have",
        "allow the tool in scope.tools, or change the goal",
        ("scope_tools", value, limit, "calls"),
        [part.strip() for part in detail.rpartition(":")[2].split(",")],
    )


def review_rounds(done: Sequence[Iteration], limit: int = 2) -> None:
    """A checker that has said no `limit` times to green candidates will not be argued with any further."""
    rejections = sum(1 for it in done if it.finished and it.finished.green and not it.finished.accepted)
    if rejections >= limit:
        why = f"the checker turned down {rejections} green candidates"
        fix = "read its findings with: loopwright show RUN"
        raise _stuck(why, fix, ("review_rounds", rejections, limit, "rejections"))


def iterations_used(limits: Limits) -> Ended:
    """The breaker of the outer loop itself."""
    why, most = f"no proof after {limits.iterations} iterations", limits.iterations
    fix = "look at the best candidate with: loopwright diff RUN"
    return Ended("exhausted", why, UNPROVEN, fix, tripped=("iterations", most, most, "iterations"))


def error_rate(percent: int, limit: int) -> Ended:
    """Too many of the last tool results were the environment's fault, not the maker's."""
    why = f"{percent} % of the last tool calls failed for reasons of the environment"
    fix = "check with: loopwright doctor; then: loopwright resume RUN"
    return Ended("failed", why, ENVIRONMENT, fix, tripped=("error_rate", percent, limit, "percent"))


def _stuck(why: str, fix: str, tripped: Tripped) -> Ended:
    return Ended("stuck", why, UNPROVEN, fix, tripped=tripped)


def _blocked(why: str, fix: str, tripped: Tripped, subject: Sequence[str] = ()) -> Ended:
    return Ended("blocked", why, BLOCKED, fix, tripped=tripped, subject="\n".join(subject))
