"""From lines of toned spans to Textual's strips. Spans are text and nothing else: no markup is ever parsed."""

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from tui.text import TONES, Line, Tone

CLASSES = {f"tone--{tone}" for tone in TONES}
"""The component classes through which a theme colours the tones."""
BREAKS = {ord("\t"): " ", ord("\n"): " "}
ASCII = {
    ord(sign): plain
    for sign, plain in zip("✓✗●○◆‖…·❯▸▾█░▏│─╱━╺╸–−×⏎←→↑↓◀▶▌∙", "+x*oo=~.>>v#.||-/=----x+<>^v<>|.", strict=True)
}
"""What our own signs become where the font or the reader has none of them; each takes one cell, as before."""


def paint(widget: Widget, line: Line, width: int, base: Style) -> Strip:
    """`line` as a strip of exactly `width` cells on `base`, in the colours that `widget` has for the tones."""
    if any("\t" in text or "\n" in text for text, _ in line):  # no text of an event may move the terminal's cursor
        line = tuple((text.translate(BREAKS), tone) for text, tone in line)
    if getattr(widget.app, "ascii", False):
        line = tuple((text.translate(ASCII), tone) for text, tone in line)
    segments = [Segment(text, base + style(widget, tone)) for text, tone in line if text]
    return Strip(segments).adjust_cell_length(width, base)


def style(widget: Widget, tone: Tone) -> Style:
    """The style of a tone, which may be several."""
    if " " not in tone:
        return widget.get_component_rich_style(f"tone--{tone}", partial=True)
    return Style.combine(widget.get_component_rich_style(f"tone--{one}", partial=True) for one in tone.split())
