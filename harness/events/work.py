"""Iterations and what they leave: candidates, notes, the branch."""

from typing import Literal

import msgspec

from harness.events.base import Fact


class AnswerGiven(Fact, frozen=True, kw_only=True, tag="answer.given"):
    """What a run that changes nothing was after: the answer to a question, or the plan of a change. A model's words;
    `places` are those of them that the harness has found in the tree."""

    bulk = ("text", "steps", "risks")
    kind: Literal["answer", "plan"]
    model: str
    text: str = ""
    places: tuple[str, ...] = ()
    """`path:line`, each of which exists at base."""
    dropped: int = 0
    """Places that it named and that are not there."""
    steps: tuple[str, ...] = ()
    """Of a plan, like all that follows: what is to be done, in order."""
    criteria: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    """Globs of the paths that would change."""
    tests: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()


class DiffStat(msgspec.Struct, frozen=True, kw_only=True):
    files: int = 0
    insertions: int = 0
    deletions: int = 0


class IterationStarted(Fact, frozen=True, kw_only=True, tag="iteration.started"):
    n: int
    parent: str
    """The commit whose tree the maker starts from."""
    model: str


class IterationFinished(Fact, frozen=True, kw_only=True, tag="iteration.finished"):
    bulk = ("feedback",)
    n: int
    ending: str
    """Why the maker's conversation ended: finish, blocked, quiet, limit, stuck, context, refused, error."""
    green: bool
    accepted: bool
    score: tuple[int, ...] = ()
    fingerprint: str = ""
    """Digest of the failures; equal fingerprints in a row are no progress."""
    feedback: str = ""
    """What the next iteration's maker is told."""


class CandidateMade(Fact, frozen=True, kw_only=True, tag="candidate.made"):
    n: int
    commit: str
    tree: str
    parent: str
    diff: DiffStat
    paths: tuple[str, ...] = ()


class NotesInjected(Fact, frozen=True, kw_only=True, tag="notes.injected"):
    """What makers are told of the repository's memory from here on: ids, and the notes as they stood then."""

    bulk = ("told",)
    notes: tuple[str, ...]
    iteration: int = 0
    told: str = ""
    """The notes as JSON."""


class NoteChecked(Fact, frozen=True, kw_only=True, tag="note.checked"):
    """A note's command was run at base: one that fails there holds no longer."""

    note: str
    command: str
    tree: str
    exit_code: int
    micros: int = 0
    key: str = ""
    """Command, tree and image: the same key gives the same result."""
    cached: bool = False


class NoteDropped(Fact, frozen=True, kw_only=True, tag="note.dropped"):
    """A note is kept and told to no run any more."""

    bulk = ("told",)
    note: str
    status: str
    """`retired` or `invalid`."""
    why: str
    told: str = ""
    """The note as JSON, where it would have been told."""


class NoteLearned(Fact, frozen=True, kw_only=True, tag="note.learned"):
    """A note was written, or one that was there was confirmed."""

    note: str
    kind: str
    text: str
    by: str = ""
    """The model that chose and worded it; empty for a rule of the harness."""


class BranchIntended(Fact, frozen=True, kw_only=True, tag="branch.intended"):
    """Written before the one effect on the user's repository."""

    branch: str
    tree: str
    commit: str


class BranchMade(Fact, frozen=True, kw_only=True, tag="branch.made"):
    branch: str
    tree: str
    commit: str
