"""The colours of source text, and the words that changed in a line: both found only for what is on the screen."""

import re
from functools import lru_cache
from typing import Any

from tui.patch import File, Row
from tui.text import Span, Tone

CHUNK = 200
"""Lines that are coloured at once: what a person can page through before it is noticed."""
WORD = re.compile(r"\w+|\s+|[^\w\s]")
ALIKE = 0.4
"""Share of a pair of lines that has to be the same for its changed words to be worth a mark."""
LONGEST = 400
"""Characters of a line beyond which its words are not compared."""

Marks = list[tuple[int, int]]
"""Where in a line something is: from, to."""


class Painter:
    """Colours the rows of one file, a chunk at a time, and remembers it."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._done: dict[int, list[list[Span]]] = {}

    def spans(self, at: int) -> list[Span]:
        """The text of the file's row `at` in colours."""
        chunk = at // CHUNK
        if chunk not in self._done:
            rows = self._file.rows[chunk * CHUNK : (chunk + 1) * CHUNK]
            self._done[chunk] = _coloured(self._file.path, rows)
        return self._done[chunk][at % CHUNK]


def _coloured(path: str, rows: list[Row]) -> list[list[Span]]:
    """Both sides are read one after the other, so that a removed quote does not colour what is added."""
    lexer = _lexer(path)
    found: list[list[Span]] = [[(row.text, "plain")] for row in rows]
    if lexer is None:
        return found
    for signs in (" +", "-"):
        chosen = [n for n, row in enumerate(rows) if row.sign in signs]
        lines: list[list[Span]] = [[]]
        for token, text in lexer.get_tokens("\n".join(rows[n].text for n in chosen)):
            tone = _tone(token)
            for part, piece in enumerate(text.split("\n")):
                if part:
                    lines.append([])
                if piece:
                    lines[-1].append((piece, tone))
        for n, spans in zip(chosen, lines, strict=False):
            if "".join(text for text, _ in spans) == rows[n].text:
                found[n] = spans
    return found


@lru_cache(maxsize=64)
def _lexer(path: str) -> Any:
    from pygments.lexers import get_lexer_for_filename
    from pygments.util import ClassNotFound

    try:
        return get_lexer_for_filename(path, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


@lru_cache(maxsize=256)
def _tone(token: Any) -> Tone:
    from pygments.token import Comment, Keyword, Name, Number, Operator, String

    for kind, tone in (
        (Comment, "com"), (String.Doc, "com"), (Keyword.Constant, "num"), (Keyword, "kw"), (Operator.Word, "kw"),
        (String, "str"), (Number, "num"), (Name.Function, "fn"), (Name.Class, "fn"), (Name.Decorator, "fn"),
        (Name.Builtin, "fn"),
    ):  # fmt: skip
        if token in kind:
            return tone
    return "plain"


@lru_cache(maxsize=512)
def changed(old: str, new: str) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
    """Where the words of `old` and of `new` differ; nowhere when the lines have little in common."""
    if max(len(old), len(new)) > LONGEST:
        return (), ()
    import difflib

    a, b = WORD.findall(old), WORD.findall(new)
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
    same = sum(size for _, _, size in matcher.get_matching_blocks())
    if same * 2 < ALIKE * (len(a) + len(b)):
        return (), ()
    left: Marks = []
    right: Marks = []
    for what, a0, a1, b0, b1 in matcher.get_opcodes():
        if what != "equal":
            _mark(left, a, a0, a1)
            _mark(right, b, b0, b1)
    return tuple(left), tuple(right)


def _mark(marks: Marks, words: list[str], first: int, last: int) -> None:
    if first < last:
        start = sum(map(len, words[:first]))
        marks.append((start, start + sum(map(len, words[first:last]))))


def over(spans: list[Span], marks: tuple[tuple[int, int], ...], tone: Tone) -> list[Span]:
    """`spans` with `tone` on top of what is marked."""
    if not marks:
        return spans
    found: list[Span] = []
    at = 0
    for text, base in spans:
        cuts = sorted({0, len(text), *(min(max(edge - at, 0), len(text)) for mark in marks for edge in mark)})
        for start, end in zip(cuts, cuts[1:], strict=False):
            inside = any(first <= at + start and at + end <= last for first, last in marks)
            found.append((text[start:end], f"{base} {tone}" if inside else base))
        at += len(text)
    return found
