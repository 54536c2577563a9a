"""Who speaks in which role: the tiers of the configuration, seen from where the run stands."""

from harness.events import Role
from harness.journal import State
from harness.loop.run import Run
from harness.models import Profile

TIERS: dict[str, str] = {
    "maker": "mid", "checker": "frontier", "explore": "light", "refute": "light", "light": "light",
    "answer": "mid", "plan": "mid",
}  # fmt: skip
"""The tier of each role; a maker that stalls is promoted to the frontier."""


def profiles(run: Run, role: Role, n: int) -> tuple[Profile, ...]:
    """The models for a role in iteration `n`, the preferred one first."""
    models, router = run.config.models, run.router
    match role:
        case "maker":
            return router.profiles(models.making) if not promoted(run, n) else _promotable(run)
        case "answer" | "plan":
            return router.profiles(models.making)
        case "checker":
            return router.profiles(models.checking)
        case _:
            return router.tiers["light"]


def apart(run: Run, role: Role) -> frozenset[str]:
    """The families that must not speak in a role: whoever made the change does not judge it."""
    if role != "checker":
        return frozenset()
    names = {talk.model for talk in run.state.conversations.values() if talk.role == "maker"}
    return frozenset(run.router.named(name).profile.family for name in names)


def promoted(run: Run, n: int) -> bool:
    """Whether iteration `n` is made on the frontier tier."""
    models = run.config.models
    return bool(models.stalled and not models.maker and stalled(run.state, n) >= models.stalled and _promotable(run))


def stalled(state: State, n: int) -> int:
    """How many iterations in a row before `n` got no further: not green, and no better than the best before."""
    count, best = 0, None
    for it in state.iterations:
        if it.n >= n or it.finished is None:
            continue
        score = it.finished.score or None
        ahead = it.finished.green or (best is not None and score is not None and score > best)
        count = 0 if ahead else count + 1
        best = max(filter(None, (best, score)), default=None)
    return count


def _promotable(run: Run) -> tuple[Profile, ...]:
    """The frontier models that leave another one to check what they make."""
    made = apart(run, "checker")
    checking = {profile.family for profile in run.router.profiles(run.config.models.checking)}
    return tuple(p for p in run.router.tiers["frontier"] if checking - made - {p.family})
