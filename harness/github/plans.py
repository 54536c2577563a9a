"""A plan once somebody has approved it: read again from its comment, as it stands there. Whoever approves it has seen
exactly that, and may have changed it before."""

import re

import msgspec

from harness.forge.github import GitHub
from harness.github import tracker
from harness.github.snapshot import before, edits
from harness.github.visible import one_line, visible

CRITERIA, PATHS = "Acceptance criteria", "Paths that may change"
ROWS = 20
_HEAD = "#### "
_GLOB = re.compile(r"`([^`\s/][^`\s]{0,200})`")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan's comment shows."""

    text: str
    url: str = ""
    criteria: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    """Globs; none where it names none."""


def plan_of(github: GitHub, number: int, at: str, voices: tuple[int, ...] = ()) -> Plan | None:
    """The newest plan of ours under an issue that stood there at `at` as it stands now."""
    plans = [comment for comment, ledger in tracker.marked(github, number, voices) if ledger.kind == "plan"]
    if not plans:
        return None
    known = edits(github, number)
    for each in plans:
        if before([each], at, known)[0]:
            return read(each.body, each.url)
    return None


def read(body: str, url: str = "") -> Plan:
    """The plan in a comment: what a reader sees of it, and the two lists that bind the run."""
    text = visible(body).text
    return Plan(
        text=text,
        url=url,
        criteria=tuple(one_line(row.removeprefix("[ ]").strip(), 300) for row in _rows(text, CRITERIA))[:ROWS],
        scope=tuple(found[1] for row in _rows(text, PATHS) if (found := _GLOB.fullmatch(row)))[:ROWS],
    )


def _rows(text: str, head: str) -> list[str]:
    """The list below a heading."""
    rows, inside = [], False
    for line in text.splitlines():
        if line.startswith("#"):
            inside = line == _HEAD + head
        elif inside and line.startswith("- "):
            rows.append(line.removeprefix("- ").strip())
    return rows
