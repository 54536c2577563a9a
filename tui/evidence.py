"""What the gates and the checker have said, as paragraphs: the newest verdicts first, each failure under its gate."""

from collections.abc import Iterator

from harness.events import GateFinished, VerdictGiven
from harness.journal import Iteration, State
from tui.card import LIGHTS, judged
from tui.text import Item, Tone, one_line

DETAIL = 6
"""Lines of a failure's detail that are shown under it."""


def evidence(state: State) -> list[Item]:
    """The gates of the newest judged iteration, its verdicts, and the iterations before it in a line each."""
    newest = judged(state)
    items: list[Item] = []
    if newest:
        items += [_title(f"GATES · iteration {newest.n}"), *_gates(state, newest)]
        for verdict in reversed(newest.verdicts):
            items += [_title(""), _title("CHECKER"), *_verdict(verdict)]
    elif state.baseline or state.running:
        items += [_title("GATES · base"), *_baseline(state)]
    if state.iterations:
        items += [_title(""), _title("ITERATIONS"), *(_history(it) for it in reversed(state.iterations))]
    return items


def _title(text: str) -> Item:
    return Item(text=text, tone="dim")


def _gates(state: State, iteration: Iteration) -> Iterator[Item]:
    running = {gate.gate for gate in state.running}
    for name in dict.fromkeys((*state.baseline, *iteration.gates, *running)):
        said = iteration.gates.get(name)
        if name in running or said is None:
            mark = "…" if name in running else "·"
            yield Item(text=f"{name}  {'running' if name in running else 'has not spoken'}", mark=mark, tone="dim")
        else:
            yield from _gate(said)


def _gate(said: GateFinished) -> Iterator[Item]:
    mark = "✓" if said.green else "✗"
    yield Item(
        text=f"{said.gate}  {one_line(said.summary)}  {said.micros / 1_000_000:.1f} s",
        mark=mark,
        mark_tone=LIGHTS[mark],
        tone="plain" if said.green else "strong",
    )
    if said.result is None:
        yield from (Item(text=name, indent=2, tone="bad") for name in said.new_failures)
        return
    for violation in said.result.violations:
        where = f"{violation.path}:{violation.line}" if violation.line else violation.path
        yield Item(text=f"{violation.rule}: {where}: {violation.message}", mark="!", mark_tone="bad", indent=2)
        yield Item(text=violation.fix, indent=4, tone="dim")
    new = set(said.new_failures)
    for failure in said.result.failures:
        if failure.id not in new:
            continue
        where = f"  {failure.path}:{failure.line}" if failure.path else ""
        yield Item(text=f"{failure.id}{where}", indent=2, tone="bad")
        yield Item(text=failure.message or "no message", indent=4)
        if tail := failure.detail.strip().splitlines()[-DETAIL:]:
            yield Item(text="\n".join(tail), indent=4, tone="dim")
    if old := len(said.baseline_failures):
        yield Item(text=f"{old} more, which base has too", indent=2, tone="dim")


def _baseline(state: State) -> Iterator[Item]:
    for name, result in state.baseline.items():
        tone: Tone = "bad" if result.status in ("error", "timeout") else "plain"
        yield Item(text=f"{name}  {result.status}: {one_line(result.summary)}", tone=tone)
    for gate in state.running:
        yield Item(text=f"{gate.gate}  running", mark="…", tone="dim")


def _verdict(verdict: VerdictGiven) -> Iterator[Item]:
    mark = "✓" if verdict.decision == "accept" else "✗"
    yield Item(text=f"{verdict.decision}: {verdict.summary}", mark=mark, mark_tone=LIGHTS[mark])
    for finding in verdict.findings:
        tone: Tone = "bad" if finding.severity == "blocking" else "plain"
        yield Item(text=f"{finding.severity}: {finding.path}:{finding.line}: {finding.claim}", indent=2, tone=tone)
    for criterion in verdict.criteria:
        mark = {"met": "✓", "not_met": "✗"}.get(criterion.state, "·")
        yield Item(text=f"{criterion.id}: {criterion.evidence}", mark=mark, mark_tone=LIGHTS[mark], indent=2)


def _history(iteration: Iteration) -> Item:
    lamps = "  ".join(f"{name} {'✓' if gate.green else '✗'}" for name, gate in iteration.gates.items())
    done = iteration.finished
    ending = "going on" if done is None else "accepted" if done.accepted else "green" if done.green else "not green"
    size = f"  +{c.diff.insertions} -{c.diff.deletions}" if (c := iteration.candidate) else ""
    return Item(text=f"{iteration.n}  {ending}  {lamps}{size}", indent=0)
