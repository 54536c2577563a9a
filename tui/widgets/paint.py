"""From lines of toned spans to Textual's strips. Spans are text and nothing else: no markup is ever parsed."""

from typing import get_args

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from tui.text import Line, Tone

CLASSES = {f"tone--{tone}" for tone in get_args(Tone)}
"""The component classes through which a theme colours the tones."""


def paint(widget: Widget, line: Line, width: int, base: Style) -> Strip:
    """`line` as a strip of exactly `width` cells on `base`, in the colours that `widget` has for the tones."""
    segments = [Segment(text, base + _style(widget, tone)) for text, tone in line if text]
    return Strip(segments).adjust_cell_length(width, base)


def _style(widget: Widget, tone: Tone) -> Style:
    return widget.get_component_rich_style(f"tone--{tone}", partial=True)
