"""A run in one row: its state in a word and a mark, its gates as lights, its figures."""

from typing import NamedTuple

from harness.events import DiffStat, GateFinished, Outcome
from harness.goal import MICRO
from harness.journal import Iteration, Phase, State, Summary
from tui.text import Line, Tone, one_line
from tui.view import View

Standing = tuple[str, str, Tone]
"""A state in a word, its sign, and its tone."""
ENDED: dict[Outcome, tuple[str, Tone]] = {
    "succeeded": ("✓", "good"),
    "already_satisfied": ("✓", "good"),
    "blocked": ("!", "warn"),
    "exhausted": ("✗", "bad"),
    "stuck": ("✗", "bad"),
    "refused": ("✗", "bad"),
    "failed": ("✗", "bad"),
    "cancelled": ("–", "dim"),
}
PHASES: dict[Phase, Standing] = {
    "created": ("starting", "●", "live"),
    "baseline": ("baseline", "◆", "gate"),
    "making": ("making", "●", "live"),
    "judging": ("judging", "◆", "gate"),
    "checking": ("checking", "●", "live"),
    "publishing": ("publishing", "●", "live"),
    "paused": ("paused", "‖", "dim"),
    "parked": ("parked", "‖", "warn"),
    "finished": ("finished", "–", "dim"),
}
ASKS: Standing = ("asks you", "!", "warn strong")
INTERRUPTED: Standing = ("interrupted", "×", "warn")
STOPPING: Standing = ("stopping", "○", "warn")
LIGHTS: dict[str, Tone] = {"✓": "good", "✗": "bad", "…": "gate", "·": "dim"}
"""What a gate's light says: green, red, running, has not spoken."""


class Light(NamedTuple):
    """One gate of the newest iteration that has any: its name, cut to what tells it from the others, and its mark."""

    name: str
    mark: str


class Card(NamedTuple):
    """What a row shows. Times are microseconds since 1970, money is micro-dollars."""

    run: str
    word: str
    mark: str
    tone: Tone
    live: bool
    goal: str
    iteration: int
    iterations: int
    """The limit."""
    lights: tuple[Light, ...]
    cost: int
    budget: int
    started: int
    until: int | None
    """When its clock stopped; None while it runs, 0 when that is not known."""
    diff: DiffStat | None
    rank: int
    """Where it stands among the others: what needs a person first, what has ended last."""
    since: int
    """Since when it stands where it does: what sorts runs of one rank."""
    asks: str = ""
    """What it asks, in a line."""
    spent: int = 0
    """Microseconds for which it was pursued."""
    seconds: int = 0
    """The limit of its time."""
    repo: str = ""


RANKS = {"asks you": 0, "parked": 1, "unreadable": 1, "interrupted": 2, "paused": 4}
LIVE, OVER = 3, 5


def of_view(tail: View) -> Card:
    """The row of a run that is followed, or seen as it stood."""
    state = tail.state
    word, mark, tone = _standing(tail)
    best = state.best
    return Card(
        run=state.run,
        word=word,
        mark=mark,
        tone=tone,
        live=not tail.over,
        goal=one_line(state.created.goal.text) if state.created else "",
        iteration=state.iterations[-1].n if state.iterations else 0,
        iterations=state.limits.iterations,
        lights=lights(state),
        cost=state.cost,
        budget=state.limits.micro_usd,
        started=state.started,
        until=state.ended or (state.touched if tail.over else None),
        diff=best.diff if best else None,
        rank=rank(word, ended=state.finished is not None),
        since=_since(state),
        asks=one_line(state.questions[0].text) if state.questions and not state.finished else "",
        spent=state.active,
        seconds=state.limits.seconds,
        repo=state.created.repo if state.created else "",
    )


def rank(word: str, *, ended: bool) -> int:
    """The inbox's order."""
    return OVER if ended else RANKS.get(word, LIVE)


def _since(state: State) -> int:
    """The question that expires first; what has ended, newest first; the rest by their beginning, newest first."""
    if state.finished:
        return -state.ended
    return state.questions[0].deadline if state.questions else -state.started


def _standing(tail: View) -> Standing:
    if tail.state.finished:
        return _ended(tail.state.finished.outcome)
    if tail.state.questions:
        return ASKS
    if tail.interrupted:
        return INTERRUPTED
    return STOPPING if tail.stopping else PHASES[tail.state.phase]


def _ended(outcome: Outcome) -> Standing:
    return (outcome, *ENDED[outcome])


def note(view: View, card: Card) -> tuple[str, Tone]:
    """What to know about a run that stands still or is told something, or else who works where."""
    state = view.state
    if state.finished:
        said = state.finished
        branch = f"branch {said.branch}" if said.branch else ""
        return one_line(" · ".join(filter(None, (said.reason, branch, said.next_step)))), "plain"
    if card.asks:
        return f"asks: {card.asks} · a answers", "warn"
    if state.parked:
        return f"parked: {one_line(state.parked.reason)} · r resumes", "warn"
    if view.interrupted:
        return f"its process is gone · r resumes it, as does: loopwright resume {view.run}", "warn"
    if view.stopping:
        return "asked to stop: it ends after this step · u takes it back while that can be", "warn"
    if view.unheard:
        return f"not heard yet: {one_line(f'{view.unheard[-1].kind} {view.unheard[-1].text}')}", "dim"
    created = state.created
    if created is None:
        return "", "dim"
    name = created.repo.rstrip("/").rpartition("/")[2]
    return one_line(f"{name} at {created.base[:10]} · {created.maker}, checked by {created.checker}"), "dim"


def of_summary(row: Summary) -> Card:
    """The row of a run that nobody has looked into yet; unless it has ended or waits, it is an interrupted one."""
    ended = row.phase == "finished" and row.outcome
    word, mark, tone = _ended(row.outcome) if ended and row.outcome else _resting(row)
    return Card(
        run=row.run,
        word=word,
        mark=mark,
        tone=tone,
        live=False,
        goal=one_line(row.goal),
        iteration=row.iterations,
        iterations=row.max_iterations,
        lights=(),
        cost=row.cost,
        budget=row.limit,
        started=row.created,
        until=row.ended,
        diff=row.diff,
        rank=rank(word, ended=bool(ended)),
        since=row.questions[0].deadline if row.questions and not ended else -(row.ended or row.created),
        asks=one_line(row.questions[0].text) if row.questions and not ended else "",
        repo=row.repo,
    )


def _resting(row: Summary) -> Standing:
    if row.questions:
        return ASKS
    return PHASES["parked"] if row.phase == "parked" else INTERRUPTED


def unreadable(row: Summary) -> Card:
    """The row of a run whose events cannot be read."""
    return of_summary(row)._replace(word="unreadable", mark="?", tone="bad", rank=RANKS["unreadable"])


def judged(state: State) -> Iteration | None:
    """The newest iteration about which a gate has spoken, or is about to."""
    asked = {gate.iteration for gate in state.running if gate.place == "candidate"}
    for iteration in reversed(state.iterations):
        if iteration.gates or iteration.n in asked:
            return iteration
    return None


def lights(state: State) -> tuple[Light, ...]:
    """A light for each gate, in the order in which base was judged."""
    iteration = judged(state)
    spoken: dict[str, GateFinished] = iteration.gates if iteration else {}
    running = {gate.gate for gate in state.running}
    names = list(dict.fromkeys((*state.baseline, *spoken, *(gate.gate for gate in state.running))))
    marks = []
    for name in names:
        if name in running:
            marks.append("…")
        else:
            marks.append(("✓" if spoken[name].green else "✗") if name in spoken else "·")
    return tuple(Light(short, mark) for short, mark in zip(_short(names), marks, strict=True))


def _short(names: list[str]) -> list[str]:
    """Each name cut to the fewest letters that no other one begins with."""
    short = []
    for name in names:
        size = 1
        while size < len(name) and any(other != name and other.startswith(name[:size]) for other in names):
            size += 1
        short.append(name[:size].capitalize())
    return short


def lamps(card: Card) -> Line:
    """The lights as spans."""
    spans: list[tuple[str, Tone]] = []
    for light in card.lights:
        spans += [(light.name, "dim"), (f"{light.mark} ", LIGHTS[light.mark])]
    return tuple(spans)


def steps(card: Card) -> str:
    """Iterations begun, and how many there may be."""
    return f"{card.iteration}/{card.iterations}"


def elapsed(card: Card, now: int) -> str:
    """The time since the run began, until it ended; empty where that is not known."""
    return "" if card.until == 0 else clock((now if card.until is None else card.until) - card.started)


def clock(micros: int) -> str:
    """A duration as m:ss, or h:mm:ss from an hour on."""
    minutes, seconds = divmod(max(micros, 0) // MICRO, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def dollars(micro_usd: int) -> str:
    """Money to the cent; below a cent to the hundredth of one."""
    return f"{micro_usd / MICRO:.2f}" if micro_usd >= MICRO // 100 or not micro_usd else f"{micro_usd / MICRO:.4f}"


def gauge(part: int, whole: int, width: int, tone: Tone) -> Line:
    """A bar of `width` cells, filled by the share of `part` in `whole`; anything at all is a cell."""
    full = min(width, max(part * width // whole, part > 0)) if whole > 0 else 0
    return ("█" * full, tone), ("░" * (width - full), "faint")


def sized(diff: DiffStat) -> Line:
    """The size of a change."""
    return (f"+{diff.insertions}", "good"), (f" −{diff.deletions}", "bad")
