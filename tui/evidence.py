"""What the gates and the checker have said, as paragraphs: each gate over all iterations, and one iteration in full."""

from collections.abc import Iterator

import msgspec

from harness.events import GateFinished, VerdictGiven
from harness.goal import MICRO
from harness.journal import Iteration, State
from tui.card import LIGHTS, clock, judged, sized
from tui.text import Item, Span, Tone, one_line

NAME = 10
"""Cells of a gate's name beside what it says."""
BASE = {"pass": "✓", "skipped": "·"}
"""How a gate stands at base; otherwise it is red there."""
DETAIL = 8
"""Lines of a failure's detail that are shown under it; Enter shows all."""
CRITERIA = {"met": "✓", "not_met": "✗", "not_verifiable": "·"}


class Detail(msgspec.Struct, frozen=True):
    """What a paragraph opens: a title and the whole text."""

    title: str
    text: str


Shown = tuple[Item, Detail | None]


def side(state: State) -> list[Item]:
    """The column beside a transcript: iterations, then what the gates say now."""
    items = [_title("ITERATIONS"), *(_short(state, it) for it in state.iterations)]
    left = state.limits.iterations - len(state.iterations)
    if left > 0 and not state.finished:
        items.append(Item(text=f"{left} more allowed", tone="faint"))
    newest = judged(state)
    items += [_title(""), _title(f"GATES{f' · iteration {newest.n}' if newest else ' · base'}")]
    shown = _gates(state, newest, 3) if newest else _baseline(state)
    items += [item for item, _ in shown]
    if newest and newest.verdicts:
        items += [_title(""), _title("CHECKER"), *(item for item, _ in _verdict(newest.verdicts[-1]))]
    return items


def history(state: State, chosen: int | None) -> list[Shown]:
    """The tab: lights over iterations, then iteration `chosen` (or the newest judged one) in full."""
    newest = judged(state)
    if chosen is not None:
        newest = next((it for it in state.iterations if it.n == chosen), newest)
    shown: list[Shown] = [(item, None) for item in _lights(state, newest)]
    if newest is None:
        return [*shown, (_title(""), None), (_title("AT BASE"), None), *_baseline(state)]
    shown += [(_title(""), None), (_title(f"ITERATION {newest.n}"), None), *_gates(state, newest, DETAIL)]
    for verdict in reversed(newest.verdicts):
        shown += [(_title(""), None), (_title(f"CHECKER · {verdict.model}"), None), *_verdict(verdict)]
    if newest.finished and newest.finished.feedback:
        shown += [(_title(""), None), (_title("WHAT THE NEXT MAKER WAS TOLD"), None)]
        shown.append((Item(text=newest.finished.feedback, indent=2, tone="dim"), None))
    return shown


def names(state: State) -> list[str]:
    """Every gate of the run, in the order in which base was judged."""
    spoken = (name for it in state.iterations for name in it.gates)
    return list(dict.fromkeys((*state.baseline, *spoken, *(gate.gate for gate in state.running))))


def _title(text: str) -> Item:
    return Item(text=text, tone="dim")


def _lights(state: State, chosen: Iteration | None) -> Iterator[Item]:
    """A row a gate: base, then each iteration."""
    gates = names(state)
    wide = max((len(name) for name in gates), default=0) + 2
    numbers = "".join(f"{f'[{it.n}]' if chosen and it.n == chosen.n else it.n:>5}" for it in state.iterations)
    yield Item(text=f"{'GATE':<{wide}}base {numbers}".rstrip(), tone="dim")
    running = {(gate.gate, gate.iteration) for gate in state.running}
    for name in gates:
        base = state.baseline.get(name)
        marks = ["…" if (name, 0) in running else "·" if base is None else BASE.get(base.status, "✗")]
        for it in state.iterations:
            said = it.gates.get(name)
            marks.append("…" if (name, it.n) in running else "·" if said is None else "✓" if said.green else "✗")
        lamps = tuple((f"{mark:>5}", LIGHTS[mark]) for mark in marks)
        yield Item(text=name, line=((f"{name:<{wide}}", "strong" if marks[-1] == "✗" else "plain"), *lamps))


def _gates(state: State, iteration: Iteration, detail: int) -> Iterator[Shown]:
    running = {gate.gate for gate in state.running if gate.iteration == iteration.n}
    for name in dict.fromkeys((*state.baseline, *iteration.gates, *running)):
        said = iteration.gates.get(name)
        if name in running or said is None:
            mark = "…" if name in running else "·"
            text = f"{name:<{NAME}} {'running' if name in running else 'has not spoken'}"
            yield Item(text=text, mark=mark, mark_tone=LIGHTS[mark], tone="dim"), None
        else:
            yield from _gate(state, said, detail)


def _gate(state: State, said: GateFinished, detail: int) -> Iterator[Shown]:
    mark = "✓" if said.green else "✗"
    took = "cached" if said.cached else f"{said.micros / MICRO:.1f}s"
    whole = Detail(f"{said.gate} · iteration {said.iteration}", said.result.output if said.result else "")
    head = Item(
        text=f"{said.gate:<{NAME}} {one_line(said.summary)}", mark=mark, mark_tone=LIGHTS[mark], right=took,
        hang=NAME + 1, tone="plain" if said.green else "strong",
    )  # fmt: skip
    yield head, whole if whole.text else None
    if said.result is None:
        yield from ((Item(text=name, indent=2, tone="warn"), None) for name in said.new_failures)
        return
    for violation in said.result.violations:
        where = f"{violation.path}:{violation.line}" if violation.line else violation.path
        tone: Tone = "bad" if violation.severity == "block" else "warn"
        yield Item(text=f"{violation.rule}: {where}: {violation.message}", mark="!", mark_tone=tone, indent=2), None
        yield Item(text=violation.fix, indent=4, tone="dim"), None
    new = set(said.new_failures)
    for failure in said.result.failures:
        if failure.id in new:
            where = f"  {failure.path}:{failure.line}" if failure.path else ""
            opens = Detail(failure.id, f"{failure.message}\n\n{failure.detail}")
            yield Item(text=f"{failure.id}{where}", indent=2, tone="warn"), opens
            yield (
                Item(text=f"{failure.message or 'no message'}{_seen(state, said, failure.id)}", indent=4, tone="bad"),
                opens,
            )
            if detail > 3 and (tail := failure.detail.strip().splitlines()[-detail:]):
                yield Item(text="\n".join(tail), indent=4, tone="dim"), opens
    if detail > 3:
        for note in said.result.notes:
            tone = "good" if note.startswith("proves:") else "warn" if note.startswith("proves nothing") else "dim"
            yield Item(text=note, indent=2, tone=tone), None
    if old := len(said.baseline_failures):
        yield Item(text=f"{old} more, which base has too", indent=2, tone="dim"), None


def _seen(state: State, said: GateFinished, failure: str) -> str:
    """In which iterations the same failure was there before."""
    found = [it.n for it in state.iterations if said.gate in it.gates and failure in it.gates[said.gate].new_failures]
    return f"   same failure {len(found)}x, since iteration {found[0]}" if len(found) > 1 else ""


def _baseline(state: State) -> Iterator[Shown]:
    for name, result in state.baseline.items():
        mark = BASE.get(result.status, "✗")
        text = f"{name:<{NAME}} {one_line(result.summary) or result.status}"
        item = Item(text=text, mark=mark, mark_tone=LIGHTS[mark], hang=NAME + 1)
        yield item, Detail(f"{name} at base", result.output) if result.output else None
    for gate in state.running:
        yield Item(text=f"{gate.gate:<{NAME}} running", mark="…", mark_tone="gate", tone="dim"), None


def _verdict(verdict: VerdictGiven) -> Iterator[Shown]:
    mark = "✓" if verdict.decision == "accept" else "✗"
    yield Item(text=f"{verdict.decision}: {verdict.summary}", mark=mark, mark_tone=LIGHTS[mark]), None
    for criterion in verdict.criteria:
        mark = CRITERIA[criterion.state]
        state = criterion.state.replace("_", " ")
        text = f"{criterion.id:<8} {state:<14} {criterion.evidence}"
        yield Item(text=text, mark=mark, mark_tone=LIGHTS[mark], indent=2, hang=24), None
    for finding in verdict.findings:
        tone: Tone = "bad" if finding.severity == "blocking" else "plain"
        text = f"{finding.severity}: {finding.path}:{finding.line}: {finding.claim}"
        yield Item(text=text, indent=2, tone=tone, mark="•", mark_tone=tone), None
    for finding in verdict.dropped:
        text = f"dropped, no such line: {finding.path}:{finding.line}: {finding.claim}"
        yield Item(text=text, indent=2, tone="faint"), None


def _short(state: State, iteration: Iteration) -> Item:
    here = iteration is state.iterations[-1] and not state.finished
    done = iteration.finished
    lamps: list[Span] = []
    for name in names(state):
        if name not in iteration.gates:
            continue
        mark = "✓" if iteration.gates[name].green else "✗"
        lamps += [(name[:1].upper(), "dim"), (f"{mark} ", LIGHTS[mark])]
    said = "running" if done is None else "accepted" if done.accepted else "green" if done.green else "not green"
    size = sized(iteration.candidate.diff) if iteration.candidate else ()
    ended = state.touched if here else _until(state, iteration)
    took = f"  {clock(ended - iteration.started)}" if iteration.started and ended else ""
    tone: Tone = "strong" if here else "good" if done and done.accepted else "plain"
    line = ((f"{iteration.n}  ", tone), (f"{said:<10}", tone), *lamps, (" ", "plain"), *size, (took, "dim"))
    return Item(text=f"{iteration.n} {said}", line=line, mark="❯" if here else "", mark_tone="key")


def _until(state: State, iteration: Iteration) -> int:
    """When the next one began, or the run ended."""
    later = (it.started for it in state.iterations if it.n > iteration.n)
    return next(later, 0) or state.ended
