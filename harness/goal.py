"""What is wanted: a goal, its acceptance criteria, its scope and its limits."""

import re
import unicodedata
from typing import Literal

import msgspec

MICRO = 1_000_000
"""Micro-dollars in a dollar, and microseconds in a second: the journal holds no floats."""


Asks = Literal["change", "answer", "plan"]
"""What a goal is after: a change with its proof; or, changing nothing, an answer, or a plan of the change."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The hard limits of one run; each is a breaker of its own.

    The defaults bound an unattended run to what a person would accept to lose without being asked.
    """

    iterations: int = 6
    micro_usd: int = 5 * MICRO
    tokens: int = 20_000_000
    seconds: int = 3_600
    turns: int = 150
    """Turns of one iteration."""
    output_tokens: int = 400_000
    """Of all replies of one conversation."""
    unchanged: int = 3
    """Iterations in a row whose failures are the same."""
    error_percent: int = 60
    """Share of environment errors among the last `error_window` tool results that trips the run."""
    error_window: int = 20


class Criterion(msgspec.Struct, frozen=True):
    """One acceptance criterion, judged by the checker with evidence."""

    id: str
    text: str


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """What a run pursues.

    `must_pass` names tests that have to pass on the candidate, whatever they did at base.
    `scope` holds the globs of paths that may change; `may_edit_tests` the globs of base tests that may be
    edited or removed. `source` says where the goal came from: `cli`, `issue#12`, ...
    """

    text: str
    criteria: tuple[Criterion, ...] = ()
    must_pass: tuple[str, ...] = ()
    scope: tuple[str, ...] = ("**",)
    may_edit_tests: tuple[str, ...] = ()
    limits: Limits = Limits()
    source: str = "cli"
    asks: Asks = "change"


def slug(text: str, width: int = 48) -> str:
    """A branch-safe name made of `text`: lower-case ASCII words joined by dashes, cut at a word."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", plain)
    name = ""
    for word in words:
        longer = f"{name}-{word}" if name else word
        if len(longer) > width:
            break
        name = longer
    return name or (words[0][:width] if words else "goal")
