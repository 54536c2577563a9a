"""What a run has shown about its repository: new notes, from the harness's own evidence alone.

Nothing a model said is used: these are facts that the harness saw, in its own words. Which of them are worth keeping,
and in which words, a light model may say (`choose.py`). The usual answer is: nothing worth keeping.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from harness.events import (
    CandidateMade,
    GateFinished,
    QuestionAnswered,
    QuestionAsked,
    ToolFinished,
    ToolStarted,
)
from harness.goal import MICRO
from harness.journal import Iteration, Record, State, fold
from harness.memory.note import PATHS, Kind, Note, make

SLOW = 60 * MICRO
"""A gate that takes longer is worth knowing about before it is run by hand."""
NAMED = 8
"""Failures that a note names; of more it says how many."""
LABEL = 120
"""Characters of one failure's id: it comes from the repository, and is told to later runs."""
COMMAND = 200
"""Characters of a command that is worth knowing; a longer one is a script."""
_EXIT = re.compile(r"\[exit code (\d+)\]\s*$")
_EVERYWHERE = frozenset(
    ("python", "python3", "bash", "echo", "true", "false", "then", "else", "export", "grep", "find", "head", "tail",
     "sort", "exit", "code", "file", "files")
)  # fmt: skip
"""Words of a command line that do not say what it is for."""
FLAKY = "flaky: "
"""How a gate marks a test that failed and then passed on the same tree (in `GateResult.notes`)."""


def learn(records: Iterable[Record]) -> tuple[Note, ...]:
    """The notes of one run, in a fixed order. Pure: the same records give the same notes."""
    records = tuple(records)
    state = fold(records)
    found = (*_quirks(state), *_commands(state), *_flaky(state), *_fixes(state))
    return tuple(_once((*found, *_tried(state, records), *_said(state, records))))


def given_up(records: Iterable[Record], reason: str) -> Note:
    """That a run for this goal ended as blocked: worth a second look soon, and nobody's belief for long."""
    state = fold(records)
    goal = state.created.goal.text.strip().splitlines()[0] if state.created else ""
    text = f"A run that wanted {_label(goal)!r} was given up as blocked; its maker's reason: {_label(reason)!r}"
    note = _note(state, "decision", text, f"blocked {goal}", (), _base(state))
    return msgspec.structs.replace(note, impossible=True)


def _quirks(state: State) -> Iterator[Note]:
    """What fails at base already, before anybody changed anything."""
    for name, result in state.baseline.items():
        if result.status == "fail" and result.failures:
            ids = [failure.id for failure in result.failures]
            text = f"The gate {name} has {_count(ids, 'failure')} without any change: {_listed(ids)}"
            paths = [failure.path for failure in result.failures if failure.path]
            yield _note(state, "quirk", text, f"baseline {name}", paths, _base(state), failures=tuple(ids[:PATHS]))


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
                yield _note(state, "flaky", text, test, [test.partition("::")[0]], sha, failures=(test,))


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
    about = f"{gate} {' '.join(sorted(cured))}"
    return _note(state, "fix", text, about, candidate.paths, candidate.commit, failures=tuple(cured[:PATHS]))


def _tried(state: State, records: tuple[Record, ...]) -> Iterator[Note]:
    """Commands that worked where others for the same purpose had not: seen by their exit codes, in the sandbox."""
    failed: list[tuple[str, str]] = []
    for command, exit_code, output in _ran(records):
        if exit_code:
            failed.append((command, output))
            continue
        before = next(((old, said) for old, said in reversed(failed) if _alike(old, command)), None)
        if before and before[0] != command:
            text = f"`{_label(before[0])}` fails here ({_label(before[1])}); `{command}` works."
            purpose = " ".join(sorted(_purpose(command) & _purpose(before[0])))
            yield _note(state, "command", text, f"works {purpose}", (), _base(state), command=command)
            failed = [pair for pair in failed if not _alike(pair[0], command)]


def _ran(records: Iterable[Record]) -> Iterator[tuple[str, int, str]]:
    """Every short shell command of a maker: its line, exit code, and the last line it printed."""
    lines: dict[tuple[str, str], str] = {}
    for record in records:
        match record.event:
            case ToolStarted(name="bash") as started if started.input and started.conversation.startswith("maker"):
                given = json.loads(started.input)
                line = given.get("command") if isinstance(given, dict) else None
                if isinstance(line, str) and 0 < len(line) <= COMMAND and "\n" not in line:
                    lines[started.conversation, started.call] = line.strip()
            case ToolFinished(name="bash", status="ok") as done if (done.conversation, done.call) in lines:
                ended = _EXIT.search(done.output)
                said = done.output[: ended.start()] if ended else done.output
                last = (said.strip().splitlines() or [""])[-1]
                yield lines.pop((done.conversation, done.call)), int(ended[1]) if ended else 0, last


def _alike(one: str, other: str) -> bool:
    """Whether two commands are after the same thing: they share a word that says what is run."""
    return bool(_purpose(one) & _purpose(other))


def _purpose(command: str) -> frozenset[str]:
    words = {part.rsplit("/", 1)[-1].lower() for part in re.findall(r"[\w./-]+", command)}
    return frozenset(word for word in words if len(word) > 3 and not word.startswith("-")) - _EVERYWHERE


def _said(state: State, records: Iterable[Record]) -> Iterator[Note]:
    """What people decided when they were asked."""
    asked = {r.event.question: r.event for r in records if isinstance(r.event, QuestionAsked)}
    for record in records:
        event = record.event
        if isinstance(event, QuestionAnswered) and event.text and not event.expired and event.question in asked:
            question = asked[event.question]
            about = f"{question.kind} {question.subject}"
            text = f"Asked about {_label(question.subject or question.kind)}, a person said: {_label(event.text)}"
            yield _note(state, "decision", text, about, (), _base(state))


def _accepted(state: State) -> Iteration | None:
    for iteration in reversed(state.iterations):
        if iteration.finished and iteration.finished.accepted and iteration.finished.green:
            return iteration
    return None


def _note(state: State, kind: Kind, text: str, about: str, paths: Iterable[str], sha: str, **more: Any) -> Note:
    kept = tuple(dict.fromkeys(path for path in paths if path))[:PATHS]
    at = state.touched // MICRO * MICRO
    return make(kind, text, about, paths=kept, run=state.run, sha=sha, created=at, verified=at, **more)


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
