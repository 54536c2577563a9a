"""What a run hands to whoever publishes it: a manifest of evidence, and the pack of the one commit it is about.

Written beside a sandbox and read in another job: the reader believes nothing in it that it cannot check itself. The
texts are cleaned where they are read; the tree is computed anew from the pack.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from gates import Gate
from harness.events import AnswerGiven, GateFinished
from harness.forge import ForgeError
from harness.github.visible import one_line
from harness.goal import MICRO
from harness.journal import Record, State
from harness.journal.document import kept, shown
from harness.repo import Store

MANIFEST, PACK, CONTEXT, JOURNAL = "manifest.json", "commit.pack", "context.json", "journal.jsonl"
LARGEST = 4 << 20
"""Bytes of a manifest."""
PACK_LARGEST = 64 << 20

Text = Annotated[str, msgspec.Meta(max_length=4_000)]
Oid = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{40})?$")]
Digest = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{64})?$")]
Count = Annotated[int, msgspec.Meta(ge=0, le=10**15)]


class BundleBroken(ForgeError):
    """What came from the run's job does not hold: nothing of it is published."""


class GateProof(msgspec.Struct, frozen=True, kw_only=True):
    """One gate's result on the tree that is published."""

    name: Text
    kind: Text = ""
    command: Text = ""
    status: Text
    summary: Text
    green: bool
    tree: Oid
    micros: Count = 0
    before: Text = ""
    """What it said at base."""
    new_failures: tuple[Text, ...] = ()
    old_failures: Count = 0
    violations: tuple[Text, ...] = ()
    notes: tuple[Text, ...] = ()


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """How the checker judged one criterion."""

    id: Text
    text: Text = ""
    state: Text
    evidence: Text


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a run that changes nothing came to: an answer or a plan, in a model's words."""

    kind: Literal["answer", "plan"]
    text: Annotated[str, msgspec.Meta(max_length=10_000)] = ""
    places: tuple[Text, ...] = ()
    dropped: Count = 0
    steps: tuple[Text, ...] = ()
    criteria: tuple[Text, ...] = ()
    scope: tuple[Text, ...] = ()
    tests: tuple[Text, ...] = ()
    risks: tuple[Text, ...] = ()


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The evidence of a run. Money is micro-dollars, time microseconds."""

    v: int = 1
    run: Text
    outcome: Text
    exit_code: int
    reason: Text
    next_step: Text = ""
    tripped: Text = ""
    question: Text = ""
    source: Text = ""
    base: Oid
    base_tree: Oid
    commit: Oid = ""
    """The commit in the pack: a child of the base. `` when there is no candidate."""
    tree: Oid = ""
    files: Count = 0
    insertions: Count = 0
    deletions: Count = 0
    gates: tuple[GateProof, ...] = ()
    checker: Text = ""
    decision: Text = ""
    verdict: Text = ""
    criteria: tuple[Judged, ...] = ()
    risks: tuple[Text, ...] = ()
    maker: Text = ""
    iterations: Count = 0
    turns: Count = 0
    micro_usd: Count = 0
    tokens_in: Count = 0
    tokens_out: Count = 0
    micros: Count = 0
    notes: tuple[Text, ...] = ()
    """What was learned about the repository."""
    audit: Text = ""
    """The journal's last sequence number and hash."""
    context: Digest = ""
    pack: Digest = ""
    said: Said | None = None

    @property
    def green(self) -> bool:
        """Whether the run was proven and every gate was green on the very tree that is published."""
        proven = self.outcome == "succeeded" and self.decision == "accept"
        return proven and bool(self.gates) and all(g.green and g.tree == self.tree for g in self.gates)


def manifest_of(state: State, gates: tuple[Gate, ...] = (), context: str = "") -> Manifest:
    """The evidence that a run's journal holds about the candidate it kept."""
    created, finished, iteration = state.created, state.finished, shown(state)
    if created is None:
        raise ValueError("a run without its first event has no evidence")
    candidate = kept(state)
    verdict = iteration.verdicts[-1] if iteration and iteration.verdicts else None
    defined = {gate.name: gate for gate in gates}
    criteria = {each.id: each.text for each in created.goal.criteria}
    usage = state.usage
    return Manifest(
        run=state.run,
        outcome=finished.outcome if finished else "",
        exit_code=finished.exit_code if finished else 6,
        reason=_text(finished.reason if finished else f"not finished: {state.phase}"),
        next_step=_text(finished.next_step if finished else ""),
        tripped=state.tripped[-1].name if state.tripped else "",
        source=_text(created.goal.source),
        base=created.base,
        base_tree=created.base_tree,
        commit="",
        tree=candidate.tree if candidate else "",
        files=candidate.diff.files if candidate else 0,
        insertions=candidate.diff.insertions if candidate else 0,
        deletions=candidate.diff.deletions if candidate else 0,
        gates=tuple(_proof(each, defined, state) for each in (iteration.gates.values() if iteration else ())),
        checker=verdict.model if verdict else "",
        decision=verdict.decision if verdict else "",
        verdict=_text(verdict.summary if verdict else ""),
        criteria=tuple(
            Judged(id=c.id, text=_text(criteria.get(c.id, "")), state=c.state, evidence=_text(c.evidence))
            for c in (verdict.criteria if verdict else ())
        ),
        risks=tuple(_text(f"{f.path}:{f.line} {f.claim}") for f in (verdict.findings if verdict else ()))[:20],
        maker=created.maker,
        iterations=len(state.iterations),
        turns=state.turns,
        micro_usd=state.cost,
        tokens_in=usage.input + usage.cache_read + usage.cache_write_5m + usage.cache_write_1h,
        tokens_out=usage.output,
        micros=state.active,
        notes=tuple(_text(note.text) for note in state.learned)[:20],
        audit=f"{state.seq}:{state.head}",
        context=context,
    )


def _proof(found: GateFinished, defined: dict[str, Gate], state: State) -> GateProof:
    gate, result, before = defined.get(found.gate), found.result, state.baseline.get(found.gate)
    return GateProof(
        name=found.gate,
        kind=gate.kind if gate else (result.kind if result else ""),
        command=_text(gate.command or "" if gate else ""),
        status=found.status,
        summary=_text(found.summary),
        green=found.green,
        tree=found.tree,
        micros=found.micros,
        before=_text(before.summary if before else ""),
        new_failures=tuple(_text(each) for each in found.new_failures[:20]),
        old_failures=len(found.baseline_failures),
        violations=tuple(
            _text(f"{v.severity}: {v.path}:{v.line} {v.rule}: {v.message}")
            for v in (result.violations if result else ())
        )[:20],
        notes=tuple(_text(note) for note in (result.notes if result else ()))[:20],
    )


def said_of(records: Iterable[Record]) -> Said | None:
    """The answer or the plan that a run came to; None for a run that pursued a change."""
    given = next((record.event for record in records if isinstance(record.event, AnswerGiven)), None)
    if given is None:
        return None
    fields = {name: getattr(given, name) for name in Said.__struct_fields__}
    return Said(**fields)


def save(directory: Path, manifest: Manifest, store: Store) -> Manifest:
    """Write manifest and pack into `directory`; the manifest as it was written."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if manifest.tree and manifest.tree != manifest.base_tree:
        # the same arguments give the same commit: saving twice is saving once
        commit = store.commit(manifest.tree, manifest.base, f"candidate of {manifest.run}")
        pack = store.pack(commit, manifest.base)
        (directory / PACK).write_bytes(pack)
        manifest = msgspec.structs.replace(manifest, commit=commit, pack=hashlib.sha256(pack).hexdigest())
    else:
        manifest = msgspec.structs.replace(manifest, tree="", commit="")
    (directory / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    return manifest


def load(directory: Path) -> tuple[Manifest, bytes]:
    """Read what a run's job wrote, as if an enemy had. Raises `BundleBroken`."""
    content = _file(directory / MANIFEST, LARGEST)
    if content is None:
        raise BundleBroken("the run left no manifest", "its job was cut off", "look at the log of the run's job")
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except msgspec.MsgspecError as error:
        raise BundleBroken("the run's manifest cannot be read", one_line(str(error))) from None
    pack = _file(directory / PACK, PACK_LARGEST) if manifest.commit else b""
    if pack is None:
        raise BundleBroken("the run's commit is missing", "there is no pack beside the manifest")
    if manifest.commit and hashlib.sha256(pack).hexdigest() != manifest.pack:
        raise BundleBroken("the run's pack is another one than its manifest names", "its SHA-256 differs")
    return manifest, pack


def _file(path: Path, most: int) -> bytes | None:
    """A regular file's content; links are not followed."""
    if path.is_symlink() or not path.is_file():
        return None
    if path.stat().st_size > most:
        raise BundleBroken(f"{path.name} is too large", f"more than {most} bytes")
    return path.read_bytes()


def _text(text: str) -> str:
    return text if len(text) <= 2_000 else text[:1_999] + "…"


def dollars(micro: int) -> str:
    """Money for people."""
    return f"${micro / MICRO:.2f}" if micro >= 10_000 else f"${micro / MICRO:.4f}"
