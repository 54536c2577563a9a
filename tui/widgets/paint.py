"""From lines of toned spans to Textual's strips. Spans are text and nothing else: no markup is ever parsed."""

from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.scrollbar import ScrollBarRender
from textual.strip import Strip
from textual.widget import Widget

from tui.text import Line, Tone
from tui.theme import looks

BREAKS = {ord("\t"): " ", ord("\n"): " "}
ASCII = {
    ord(sign): plain
    for sign, plain in zip("✓✗●○◆‖…·❯▸▾█░▏│─╱━╺╸–−×⏎←→↑↓◀▶▌∙", "+x*oo=~.>>v#.||-/=----x+<>^v<>|.", strict=True)
}
"""What our own signs become where the font or the reader has none of them; each takes one cell, as before."""


class Blunt(ScrollBarRender):
    """A scroll bar of whole cells, which take no sign."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * 8


def paint(widget: Widget, line: Line, width: int, base: Style) -> Strip:
    """`line` as a strip of exactly `width` cells on `base`, in the colours that `widget` has for the tones."""
    if any("\t" in text or "\n" in text for text, _ in line):  # no text of an event may move the terminal's cursor
        line = tuple((text.translate(BREAKS), tone) for text, tone in line)
    app = widget.app
    if getattr(app, "ascii", False):
        line = tuple((text.translate(ASCII), tone) for text, tone in line)
    segments = [Segment(text, base + style(app, tone)) for text, tone in line if text]
    return Strip(segments).adjust_cell_length(width, base)


def signs(app: App[Any], text: str) -> str:
    """`text` in the signs that the reader has."""
    return text.translate(ASCII) if getattr(app, "ascii", False) else text


_styles: dict[str, dict[Tone, Style]] = {}
"""By theme, what its tones look like. Component classes would do the same, a hundred times slower: Textual matches
every one of them against every rule, for each widget, whenever anything about a widget changes."""


def style(app: App[Any], tone: Tone) -> Style:
    """The style of a tone, which may be several, in the theme that the app wears."""
    known = _styles.get(app.theme)
    if known is None:
        known = _styles[app.theme] = looks(app.theme_variables, ansi=app.current_theme.ansi)
    found = known.get(tone)
    if found is None:
        found = known[tone] = Style.combine(known[one] for one in tone.split())
    return found
