"""A few rows that are drawn anew when asked, and the keys that work right now."""

from collections.abc import Callable, Sequence

from textual import events
from textual.geometry import Size
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from tui.keys import rank
from tui.text import Line, Span, cells
from tui.widgets.paint import paint

GAP = 2
"""Cells between two keys."""


class Bar(Widget):
    """Rows that `draw` gives for a width; what has no room in the widget's height is not shown."""

    ALLOW_SELECT = False

    def __init__(
        self,
        draw: Callable[[int], Sequence[Line]],
        *,
        rows: Callable[[int], int] | None = None,
        clicked: Callable[[int], None] | None = None,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id, markup=False)
        self._draw, self._rows, self._clicked = draw, rows, clicked
        if rows:
            self.styles.height = "auto"

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many rows as are asked for at this width."""
        return self._rows(width) if self._rows else 1

    def on_click(self, event: events.Click) -> None:
        """Say at which cell."""
        if self._clicked:
            self._clicked(event.x)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Dragging is clicking all the way."""
        if self._clicked and event.button == 1:
            self._clicked(event.x)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        rows = self._draw(width)
        return paint(self, rows[y] if y < len(rows) else (), width, self.rich_style)


class Keys(Widget):
    """The footer: the bindings that are active on its screen, as many as fit, and always the way to the rest."""

    ALLOW_SELECT = False
    LAST = "help"
    """The name of what is shown whatever the width."""

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._shown: list[tuple[str, str, str, str]] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._collect)

    def _collect(self, screen: Screen[object]) -> None:
        shown: dict[str, tuple[str, str, str, str]] = {}
        for active in screen.active_bindings.values():
            binding = active.binding
            if binding.show and active.enabled and binding.action not in shown:
                shown[binding.action] = (
                    binding.key, self.app.get_key_display(binding), binding.description, binding.id or "",
                )  # fmt: skip
        keys = sorted(shown.values(), key=lambda key: (key[3] == self.LAST, rank(key[3])))
        if keys != self._shown:
            self._shown = keys
            self.refresh()

    def _fitting(self) -> list[tuple[str, Line]]:
        """The keys that fit, each with what is shown for it."""
        items = [(key, _words(display, text)) for key, display, text, _ in self._shown]
        room = self.size.width - 1
        kept = items[-1:]
        room -= sum(cells(line) for _, line in kept)
        for at, (key, line) in enumerate(items[:-1]):
            room -= cells(line)
            if room < 0:
                break
            kept.insert(at, (key, line))
        return kept

    def render_line(self, y: int) -> Strip:
        spans: list[Span] = [(" ", "plain")]
        if y == 0:
            for _, line in self._fitting():
                spans += line
        return paint(self, tuple(spans), self.size.width, self.rich_style)

    def on_click(self, event: events.Click) -> None:
        at = 1
        for key, line in self._fitting():
            at += cells(line)
            if event.x < at:
                self.app.simulate_key(key)
                return


def _words(display: str, text: str) -> Line:
    return (display, "key"), (f" {text}{' ' * GAP}", "plain")
