"""A diff laid out for a pane: rows of one column or of two, drawn when they are seen."""

from rich.cells import cell_len

from tui.colour import Painter, changed, over
from tui.patch import File, Row
from tui.text import Line, cells, cut, fit, trim

NUMBER = 5
"""Cells of a line number."""
SPLIT_FROM = 120
"""Cells of the diff from which two columns are shown unless told otherwise."""
GROUND = {"+": "add", "-": "del"}
WORDS = {"+": "addword", "-": "delword"}

Pair = tuple[int, int, int]
"""A row of the sheet: the file, and the indices of its rows on the left and the right (-1: nothing there)."""


class Sheet:
    """The rows of a diff in one layout, and how each looks."""

    def __init__(self, files: list[File]) -> None:
        self.files = files
        self._painters = [Painter(file) for file in files]

    def unified(self) -> list[Pair]:
        """One row for each line."""
        rows: list[Pair] = []
        for number, file in enumerate(self.files):
            rows.append((number, -1, -1))
            rows += [(number, at, at) for at in range(len(file.rows))]
        return rows

    def split(self) -> list[Pair]:
        """Old on the left, new on the right; what replaces something stands beside it."""
        rows: list[Pair] = []
        for number, file in enumerate(self.files):
            rows.append((number, -1, -1))
            shown = 0  # before this row of the file every added line has its place: both sides keep their own order
            for at, row in enumerate(file.rows):
                if row.sign == "-":
                    if row.pair >= 0:
                        added = (n for n in range(max(shown, at), row.pair) if file.rows[n].sign == "+")
                        rows += [(number, -1, n) for n in added]
                        shown = row.pair + 1
                    rows.append((number, at, row.pair))
                elif row.sign == "+":
                    if at >= shown:
                        rows.append((number, -1, at))
                else:
                    rows.append((number, at, at))
        return rows

    def text(self, pair: Pair) -> str:
        """What a row of the sheet says, to be searched."""
        file = self.files[pair[0]]
        return "\n".join(file.rows[at].text for at in pair[1:] if at >= 0) or file.path

    def draw(self, pair: Pair, width: int, *, two: bool) -> tuple[Line, ...]:
        """A row of the sheet in `width` cells."""
        number, left, right = pair
        file = self.files[number]
        if left < 0 and right < 0:
            return (self._file(file, width),)
        one = file.rows[left if left >= 0 else right]
        if one.sign in "@\\":
            return (_hunk(one, width),)
        if not two:
            return (self._line(number, left, width, f"{one.old or '':>{NUMBER}} {one.new or '':>{NUMBER}}"),)
        half = (width - 1) // 2
        old = self._half(number, left, half, new=False)
        return ((*old, ("│", "rule"), *self._half(number, right, width - 1 - half, new=True)),)

    def _file(self, file: File, width: int) -> Line:
        size = f" +{file.plus} −{file.minus} "
        head = cut(f" {file.status} {file.path}", width - len(size) - 2)
        gap = width - cell_len(head) - len(size)
        return (head, "strong gate"), (size, "dim"), ("─" * max(gap, 0), "rule")

    def _half(self, number: int, at: int, width: int, *, new: bool) -> Line:
        if at < 0:
            return (("╱" * width, "faint"),)
        row = self.files[number].rows[at]
        return self._line(number, at, width, f"{row.new if new else row.old:>{NUMBER}}")

    def _line(self, number: int, at: int, width: int, numbers: str) -> Line:
        row = self.files[number].rows[at]
        ground = GROUND.get(row.sign, "")
        spans = self._painters[number].spans(at)
        if row.pair >= 0:
            other = self.files[number].rows[row.pair]
            old, new = changed(row.text, other.text) if row.sign == "-" else changed(other.text, row.text)
            spans = over(spans, old if row.sign == "-" else new, WORDS[row.sign])
        lead: Line = (f"{numbers} ", f"{ground} dim".strip()), (f"{row.sign} ", ground or "faint")
        body = tuple((text, f"{ground} body {tone}" if ground else tone) for text, tone in spans)
        gap = width - cells((*lead, *body))
        return (*lead, *body, (" " * gap, ground or "plain")) if gap >= 0 else trim((*lead, *body), width)


def _hunk(row: Row, width: int) -> Line:
    if row.sign == "\\":
        return ((fit(f"  {row.text}", width), "dim"),)
    return ((fit(f"{'…':>{NUMBER}} {row.text}", width), "hunk"),)
