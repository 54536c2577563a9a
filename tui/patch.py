"""A unified diff as rows that can be drawn: files, hunks, and lines with their numbers on both sides."""

import re
from difflib import SequenceMatcher
from typing import Literal

import msgspec

from harness.clean import clean

HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)")
TAB = 4
BLOCK = 24
"""Lines removed or added in a row up to which they are matched by what they say; in longer ones by their order."""
ALIKE = 0.6
"""From which share of the same letters a line is taken to replace another: difflib's own measure of likeness."""
LONGEST = 2_000
"""Characters of a line that are kept: what is beyond is no source that anybody reads here."""

Sign = Literal[" ", "+", "-", "@", "#", "\\"]
"""Unchanged, added, removed; a hunk's head, a file's head, a remark."""


class Row(msgspec.Struct, gc=False):
    """One line of the diff. `pair` is the index (in its file's rows) of the line that it replaces or is replaced by."""

    sign: Sign
    text: str
    file: int
    old: int = 0
    new: int = 0
    pair: int = -1


class File(msgspec.Struct):
    """One changed file."""

    path: str
    status: Literal["A", "M", "D"] = "M"
    plus: int = 0
    minus: int = 0
    rows: list[Row] = []


def parse(text: str) -> list[File]:
    """The files of a unified diff as git writes it. Whatever does not belong into one is shown as a remark."""
    files: list[File] = []
    old = new = 0
    file: File | None = None
    inside = False
    for line in text.split("\n"):
        if line.startswith("diff --git "):
            file = File(path=_path(line.removeprefix("diff --git ")), rows=[])
            files.append(file)
            inside = False
        elif file is None:
            continue
        elif (found := HUNK.match(line)) and (inside or line.startswith("@@")):
            old, new, inside = int(found[1]), int(found[2]), True
            file.rows.append(Row("@", _shown(found[3]), len(files) - 1, old, new))
        elif inside and line[:1] in ("+", "-", " ", "\\"):
            sign = line[0]
            row = Row(sign, _shown(line[1:]), len(files) - 1, old if sign != "+" else 0, new if sign != "-" else 0)  # type: ignore[arg-type]
            old += sign in " -"
            new += sign in " +"
            file.plus += sign == "+"
            file.minus += sign == "-"
            file.rows.append(row)
        else:
            _head(file, line, len(files) - 1)
    for file in files:
        _pair(file.rows)
    return files


def _path(names: str) -> str:
    """The path in `a/PATH b/PATH`; the lines that follow say it better where it has spaces or is quoted."""
    return clean(names[len(names) // 2 + 1 :].strip('"').removeprefix("b/")).replace("\n", "␊")


def _head(file: File, line: str, at: int) -> None:
    match line.split(" ", 1):
        case ["new", _]:
            file.status = "A"
        case ["deleted", _]:
            file.status = "D"
        case ["---" | "+++", name] if name.strip() != "/dev/null":
            file.path = clean(name.strip().strip('"')[2:]).replace("\n", "␊")
        case ["Binary", _] | ["old" | "similarity" | "rename", _]:
            file.rows.append(Row("\\", _shown(line), at))


def _shown(text: str) -> str:
    """A line as a terminal may show it: the tree is foreign text that no journal has cleaned."""
    return clean(text[:LONGEST]).replace("\n", "␊").expandtabs(TAB)


def _pair(rows: list[Row]) -> None:
    """Removed lines and the added ones right behind them belong together."""
    at = 0
    while at < len(rows):
        if rows[at].sign != "-":
            at += 1
            continue
        removed = at
        while at < len(rows) and rows[at].sign == "-":
            at += 1
        added = at
        while at < len(rows) and rows[at].sign == "+":
            at += 1
        _match(rows, removed, added, at)


def _match(rows: list[Row], removed: int, added: int, end: int) -> None:
    """Each removed line with the first added one, behind the last that was taken, that is much the same."""
    if max(added - removed, end - added) > BLOCK:
        for n in range(min(added - removed, end - added)):
            rows[removed + n].pair, rows[added + n].pair = added + n, removed + n
        return
    free = added
    for old in range(removed, added):
        for new in range(free, end):
            if SequenceMatcher(None, rows[old].text, rows[new].text, autojunk=False).quick_ratio() >= ALIKE:
                rows[old].pair, rows[new].pair = new, old
                free = new + 1
                break
