"""What a note is: one fact about a repository and the evidence for it, in a file that people can read and edit."""

import hashlib
import re
import tomllib
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import msgspec

from harness.goal import MICRO

Kind = Literal["command", "quirk", "fix", "decision", "flaky"]
Status = Literal["active", "retired", "invalid"]

FENCE = "+++"
"""The line around a file's TOML front matter; the text of the note follows."""
TEXT_CHARS = 1_000
"""A note's length; one fact needs no more, and twelve of them have to fit into a prompt."""
PATHS = 20
"""How many paths a note keeps."""
LEARNED_DAYS, IMPOSSIBLE_DAYS = 180, 14
"""Days for which a note that nobody confirms is told: what the harness learned, and what cannot be done."""
DAY = 86_400 * MICRO
IMPOSSIBLE = re.compile(
    r"\b(impossible|not possible|infeasible|unsupported|never works?|does(?:n't| not) work|can(?:no|')t|unable to|"
    r"no way to|blocked)\b",
    re.IGNORECASE,
)
FILE_BYTES = 65_536
"""A file that is larger is no note."""


class MemoryFailed(Exception):
    """A note could not be read or written: what happened, why, and what the user can do about it."""

    def __init__(self, what: str, why: str = "", fix: str = "") -> None:
        super().__init__(f"{what}: {why}" if why else what)
        self.what, self.why, self.fix = what, why, fix


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """One fact. Notes of the same kind and fingerprint are the same note; times are microseconds since 1970."""

    id: str
    kind: Kind
    text: str
    paths: tuple[str, ...] = ()
    fingerprint: str = ""
    """What the note is about: equal for equal facts, whatever their wording."""
    run: str = ""
    """Evidence: the run that showed it, and the commit it showed it on."""
    sha: str = ""
    by: str = ""
    """The person who wrote it; empty for what the harness learned."""
    created: int = 0
    verified: int = 0
    """When a run last confirmed it."""
    used: int = 0
    """How many runs were told it."""
    helped: int = 0
    """How many of those succeeded."""
    status: Status = "active"
    why: str = ""
    """Why it is told no more."""
    supersedes: str = ""
    command: str = ""
    """A command that works here; one that fails at base retires the note."""
    failures: tuple[str, ...] = ()
    """Ids of the failures it is about: it is told when one of them comes back."""
    impossible: bool = False
    """It says that something cannot be done: nobody should believe that for long."""
    expires: int = 0
    """When it is told no more unless a run confirms it; 0 for never."""

    def lapsed(self, now: int) -> bool:
        """Whether nobody has confirmed it for too long."""
        return bool(self.expires and self.expires <= now)


def make(kind: Kind, text: str, about: str = "", **fields: Any) -> Note:
    """A note on the subject `about` (default: its own text), with the id that follows from it."""
    fingerprint = hashlib.sha256(f"{kind}\n{about or ' '.join(text.lower().split())}".encode()).hexdigest()[:16]
    return Note(
        id=f"{kind}-{fingerprint[:8]}",
        kind=kind,
        text=text[:TEXT_CHARS].strip(),
        fingerprint=fingerprint,
        **fields,
    )


def lasting(note: Note) -> Note:
    """The note with the day on which it lapses: a person's never does, the impossible soonest."""
    if note.by:
        return msgspec.structs.replace(note, expires=0)
    impossible = note.impossible or bool(IMPOSSIBLE.search(note.text))
    days = IMPOSSIBLE_DAYS if impossible else LEARNED_DAYS
    return msgspec.structs.replace(note, impossible=impossible, expires=note.verified + days * DAY)


def encode(note: Note) -> str:
    """The file of a note."""
    lines = [FENCE]
    for name in Note.__struct_fields__:
        value = getattr(note, name)
        if name == "text" or (not value and name not in _ALWAYS):
            continue
        # JSON's strings, numbers and arrays of strings are TOML's, too
        lines.append(f"{name} = {_date(value) if name in _TIMES else msgspec.json.encode(value).decode()}")
    return "\n".join([*lines, FENCE, note.text.strip(), ""])


def decode(data: bytes, id: str) -> Note:
    """The note of a file, which is named by its id. Raises ValueError (saying what is wrong with it)."""
    text = data.decode("utf-8-sig").replace("\r\n", "\n")
    head, fence, rest = text.partition(f"{FENCE}\n")
    front, closed, body = rest.partition(f"\n{FENCE}\n") if not rest.startswith(f"{FENCE}\n") else ("", "", "")
    if head.strip() or not fence or not closed:
        raise ValueError(f"it has no front matter between two lines of {FENCE}")
    if not body.strip():
        raise ValueError("it has no text")
    if len(body.strip()) > TEXT_CHARS:
        raise ValueError(f"its text has {len(body.strip())} of {TEXT_CHARS} characters")
    try:
        table = tomllib.loads(front)
    except RecursionError:
        raise ValueError("its front matter is nested too deeply") from None
    if unknown := sorted(table.keys() - set(Note.__struct_fields__)):
        raise ValueError(f"it has an unknown key: {unknown[0]}")
    if table.get("kind") not in get_args(Kind):
        raise ValueError(f"kind has to be one of {', '.join(get_args(Kind))}")
    times = {name: _micros(name, table[name]) for name in _TIMES if name in table}
    try:
        note = msgspec.convert({**table, **times, "id": id, "text": body.strip()}, Note)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    return (
        note if note.fingerprint else msgspec.structs.replace(note, fingerprint=make(note.kind, note.text).fingerprint)
    )


_TIMES = ("created", "verified", "expires")
_ALWAYS = ("kind", "created", "verified", "used", "helped", "status")


def _date(micros: int) -> str:
    return datetime.fromtimestamp(micros // MICRO, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _micros(name: str, value: object) -> int:
    if not isinstance(value, datetime):
        raise ValueError(f"{name} has to be a date with time, such as 2026-01-31T12:00:00Z")
    moment = value if value.tzinfo else value.replace(tzinfo=UTC)
    return int(moment.timestamp()) * MICRO
