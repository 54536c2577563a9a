"""What a run has shown about its repository: new notes, from the harness's own evidence alone.

No model is asked, and nothing a model said is used. The usual answer is: nothing worth keeping.
"""

from collections.abc import Iterable, Iterator

from harness.events import CandidateMade, GateFinished
from harness.goal import MICRO
from harness.journal import Iteration, Record, State, fold
from harness.memory.note import PATHS, Kind, Note, make

SLOW = 60 * MICRO
"""A gate that takes longer is worth knowing about before it is run by hand."""
NAMED = 8
"""Failures that a note names; of more it says how many."""
LABEL = 120
"""Characters of one failure's id: it comes from the repository, and is told to later runs."""
FLAKY = "flaky: "
"""How a gate marks a test that failed and then passed on the same tree (in `GateResult.notes`)."""


def learn(records: Iterable[Record]) -> tuple[Note, ...]:
    """The notes of one run, in a fixed order. Pure: the same records give the same notes."""
    state = fold(records)
    return tuple(_once((*_quirks(state), *_commands(state), *_flaky(state), *_fixes(state))))


def _quirks(state: State) -> Iterator[Note]:
    """What fails at base already, before anybody changed anything."""
    for name, result in state.baseline.items():
        if result.status == "fail" and result.failures:
            ids = [failure.id for failure in result.failures]
            text = f"The gate {name} has {_count(ids, 'failure')} without any change: {_listed(ids)}"
            paths = [failure.path for failure in result.failures if failure.path]
            yield _note(state, "quirk", text, f"baseline {name}", paths, _base(state))


def _commands(state: State) -> Iterator[Note]:
    """What is slow."""
    for name, result in state.baseline.items():
        if result.micros >= SLOW and result.status in ("pass", "fail"):
            minutes = max(1, round(result.micros / MICRO / 60))
            text = (
                f"The gate {name} ({result.kind}) takes about {minutes} min here ({_label(result.summary)}):"
                " run a part of it by hand."
            )
            yield _note(state, "command", text, f"slow {name}", (), _base(state))


def _flaky(state: State) -> Iterator[Note]:
    """Tests that failed and passed on the same tree."""
    results = [(result, _base(state)) for result in state.baseline.values()]
    for iteration in state.iterations:
        sha = iteration.candidate.commit if iteration.candidate else ""
        results += [(gate.result, sha) for gate in iteration.gates.values() if gate.result]
    for result, sha in results:
        for said in result.notes:
            if said.startswith(FLAKY):
                test = said.removeprefix(FLAKY)
                text = f"{_label(test)} is flaky: it failed and passed on the same tree."
                yield _note(state, "flaky", text, test, [test.partition("::")[0]], sha)


def _fixes(state: State) -> Iterator[Note]:
    """Failures of earlier candidates that the accepted one cured."""
    accepted = _accepted(state)
    if accepted is None or accepted.candidate is None:
        return
    for name, gate in accepted.gates.items():
        if not gate.green:
            continue
        for before in state.iterations:
            cured = _cured(before, gate) if before.n < accepted.n else []
            if cured:
                yield _fix(state, name, cured, before.n, accepted.candidate)


def _cured(before: Iteration, gate: GateFinished) -> list[str]:
    old = before.gates.get(gate.gate)
    if old is None or old.green:
        return []
    return [failure for failure in old.new_failures if failure not in gate.new_failures]


def _fix(state: State, gate: str, cured: list[str], n: int, candidate: CandidateMade) -> Note:
    changed = _listed(list(candidate.paths)) or "see the commit"
    text = (
        f"{_listed(cured)} failed in {gate} on attempt {n} and passed with a change of {changed}"
        f" (+{candidate.diff.insertions} -{candidate.diff.deletions} lines)."
    )
    return _note(state, "fix", text, f"{gate} {' '.join(sorted(cured))}", candidate.paths, candidate.commit)


def _accepted(state: State) -> Iteration | None:
    for iteration in reversed(state.iterations):
        if iteration.finished and iteration.finished.accepted and iteration.finished.green:
            return iteration
    return None


def _note(state: State, kind: Kind, text: str, about: str, paths: Iterable[str], sha: str) -> Note:
    kept = tuple(dict.fromkeys(path for path in paths if path))[:PATHS]
    at = state.touched // MICRO * MICRO
    return make(kind, text, about, paths=kept, run=state.run, sha=sha, created=at, verified=at)


def _base(state: State) -> str:
    return state.created.base if state.created else ""


def _once(notes: Iterable[Note]) -> Iterator[Note]:
    """Each fact once: the first says it."""
    seen: set[str] = set()
    for note in notes:
        if note.fingerprint not in seen:
            seen.add(note.fingerprint)
            yield note


def _listed(ids: list[str]) -> str:
    shown = ", ".join(_label(id) for id in ids[:NAMED])
    return shown + (f" and {len(ids) - NAMED} more" if len(ids) > NAMED else "")


def _label(id: str) -> str:
    flat = " ".join(id.split())
    return flat if len(flat) <= LABEL else flat[: LABEL - 1] + "…"


def _count(ids: list[str], what: str) -> str:
    return f"{len(ids)} {what}{'' if len(ids) == 1 else 's'}"
