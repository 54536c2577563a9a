"""A pane of any length that draws only what is seen: rows are computed when they come into view."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.text import Line, lit
from tui.widgets.paint import Blunt, paint
from tui.widgets.rows import Rows

T = TypeVar("T")
U = TypeVar("U")
GUTTER = 1
"""Cells before the items of a pane with a cursor, where the cursor's mark stands."""


class Pane(ScrollView, Generic[T], can_focus=True, inherit_bindings=False):
    """Items one below the other, each drawn on its own rows by `draw` and measured by `height`.

    With `choose` one of them is under a cursor, and Enter posts `Chosen`; without, the keys scroll. With `follow` the
    newest item stays in view while the reader is at the tail, and nothing ever moves while the reader is not.
    """

    DEFAULT_CSS = """
    Pane { height: 1fr; width: 100%; overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"pane--cursor"}
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "step(-1)", "Up", show=False, id="pane.up"),
        Binding("down,j", "step(1)", "Down", show=False, id="pane.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="pane.pageup"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="pane.pagedown"),
        Binding("home,g", "first", "First", show=False, id="pane.first"),
        Binding("end,G", "last", "Last, and follow", show=False, id="pane.last"),
        Binding("enter", "choose", "Open", id="pane.open"),
    ]

    class Moved(Message):
        """Another item is under the cursor."""

    class Chosen(Message, Generic[U]):
        """Enter, or a click on the item under the cursor."""

        def __init__(self, item: U) -> None:
            super().__init__()
            self.item = item

    def __init__(
        self,
        draw: Callable[[T, int], Sequence[Line]],
        height: Callable[[T, int], int] = lambda item, width: 1,
        *,
        choose: bool = False,
        follow: bool = False,
        empty: str = "",
        text: Callable[[T], str] = str,
        mark: str = "❯",
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._draw, self._text = draw, text
        self._choose, self._follow, self._empty, self._mark = choose, follow, empty, mark
        self.needle = ""
        """What is lit up wherever it stands in a row."""
        self.cursor = 0
        self._rows = Rows(height)
        self._to_last = False
        """The reader asked for the last item before there was a layout to find it in."""
        self._drawn: dict[int, Sequence[Line]] = {}

    def on_mount(self) -> None:
        if getattr(self.app, "ascii", False):
            self.vertical_scrollbar.renderer = Blunt  # type: ignore[misc]

    @property
    def items(self) -> list[T]:
        """All of them, from above."""
        return self._rows.items

    @property
    def at_tail(self) -> bool:
        """Whether the reader looks at the newest item."""
        last = not self._choose or self.cursor >= len(self.items) - 1
        return last and self.scroll_offset.y >= self.max_scroll_y

    @property
    def chosen(self) -> T | None:
        """The item under the cursor."""
        return self.items[self.cursor] if self._choose and self.items else None

    @property
    def span(self) -> tuple[int, int]:
        """The first and the last item in view, or under the cursor."""
        top = self.scroll_offset.y
        first, last = self._rows.at(top), self._rows.at(top + max(self.size.height, 1) - 1)
        return (min(first, self.cursor), max(last, self.cursor)) if self._choose else (first, last)

    @property
    def seen(self) -> list[T]:
        """The items in view."""
        top = self.scroll_offset.y
        return self.items[self._rows.at(top) : self._rows.at(top + max(self.size.height, 1) - 1) + 1]

    def replace(self, items: Sequence[T], key: Callable[[T], object] | None = None) -> None:
        """Show `items` instead; the cursor stays on the item of the same `key`, wherever that is now."""
        held, row = self.chosen, self._rows.tops[self.cursor] - self.scroll_offset.y
        self._rows.replace(items, self._rows.width)
        self._resize_rows()
        if key and held is not None:
            keys = [key(item) for item in self.items]
            self.cursor = keys.index(key(held)) if key(held) in keys else self.cursor
        self._keep_cursor()
        if self._choose:
            self._show_row(self._rows.tops[self.cursor] - row if key and row >= 0 else self.scroll_offset.y)

    def append(self, items: Sequence[T]) -> None:
        """Add `items` at the end."""
        if items:
            self.swap_last(0, items)

    def swap_last(self, count: int, items: Sequence[T]) -> None:
        """Put `items` in the place of the last `count`; the reader at the tail stays there, any other where he is."""
        follow, row = self._follow and self.at_tail, self.scroll_offset.y
        self._rows.swap_last(count, items)
        self._resize_rows()
        self._keep_cursor()
        if follow:
            self.action_last()
        elif count:
            self._show_row(row)

    def prepend(self, items: Sequence[T]) -> None:
        """Add `items` at the beginning; what is in view stays where it is."""
        if items:
            row = self.scroll_offset.y + self._rows.prepend(items)
            self.cursor += len(items)
            self._resize_rows()
            self._show_row(row)

    def change(self, at: int, item: T) -> None:
        """Put `item` in the place of another; the reader at the tail stays there, and what is above does not move."""
        follow, row = self._follow and self.at_tail, self.scroll_offset.y
        if grown := self._rows.change(at, item):
            self._resize_rows()
            if self._rows.tops[at] < row:
                self._show_row(row + grown)
        self._drawn.pop(at, None)
        if follow:
            self.action_last()
        self.refresh()

    def cut_first(self, count: int) -> None:
        """Forget the first `count` items; what is in view stays where it is."""
        row = self.scroll_offset.y - self._rows.cut_first(count)
        self.cursor = max(0, self.cursor - count)
        self._resize_rows()
        self._show_row(row)

    def go(self, at: int, *, top: bool = False) -> None:
        """Bring the item `at` into view, under the cursor where there is one; with `top` to the top of the view."""
        if self.items:
            at = max(0, min(at, len(self.items) - 1))
            self._move(at)
            if top or not self._choose:
                self._show_row(self._rows.tops[at] - (0 if top else self.size.height // 3))

    def find(self, words: str, *, back: bool = False) -> bool:
        """Go to the next item (or the one before) that has `words`, whatever the case, round the end if need be."""
        here = self.cursor if self._choose else self.span[0]
        at = self._rows.find(lambda item: words.casefold() in self._text(item).casefold(), here, back=back)
        if at is not None:
            self.go(at)
        return at is not None

    def redraw(self) -> None:
        """Draw the same items again: the time has gone on, or what they are drawn with has changed."""
        self._drawn.clear()
        self.refresh()

    @property
    def _room(self) -> int:
        """Cells that an item has here."""
        return max(0, self.scrollable_content_region.width - (GUTTER if self._choose else 0))

    def _resize_rows(self) -> None:
        self._drawn.clear()
        self.virtual_size = Size(self._rows.width, self._rows.total)
        self.refresh()

    def _keep_cursor(self) -> None:
        self.cursor = max(0, min(self.cursor, len(self.items) - 1))

    def _show_row(self, row: int) -> None:
        """Bring `row` to the top of the view, as far as that can be."""
        self.scroll_to(y=max(0, min(row, self.max_scroll_y)), animate=False, force=True, immediate=True)

    def on_resize(self, event: events.Resize) -> None:
        last = self._to_last or (self._follow and self.at_tail)
        if self._room != self._rows.width:
            top = self._rows.at(self.scroll_offset.y)
            self._rows.replace(self.items, self._room)
            self._resize_rows()
            self._show_row(self._rows.tops[top])
        if last:
            self.action_last()

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self.rich_style
        row = self.scroll_offset.y + y
        if not self.items and y == 0:
            return paint(self, ((f" {self._empty}", "dim"),), width, base)
        if row >= self._rows.total:
            return Strip.blank(width, base)
        at = self._rows.at(row)
        line = self._lines(at)[row - self._rows.tops[at]]
        if self._choose:
            here = at == self.cursor
            if here:
                base += self.get_component_rich_style("pane--cursor", partial=True)
            line = ((self._mark if here else " ", "key"), *line)
        return paint(self, lit(line, self.needle) if self.needle else line, width, base)

    def _lines(self, at: int) -> Sequence[Line]:
        if at not in self._drawn:
            if len(self._drawn) > 256:
                self._drawn.clear()
            # the first paint comes before the message of the size: a row each then, but whole ones
            self._drawn[at] = self._draw(self.items[at], self._rows.width or self._room)
        return self._drawn[at]

    def action_step(self, by: int) -> None:
        """Move the cursor by an item, through one that is taller than the view by rows; without a cursor by a row."""
        if self._choose and self.items:
            top, end = self.scroll_offset.y, self.scroll_offset.y + self.size.height
            first, last = self._rows.tops[self.cursor], self._rows.tops[self.cursor + 1]
            if (by > 0 and first < end < last) or (by < 0 and first < top < last):
                self._show_row(self.scroll_offset.y + by * 3)
            else:
                self._move(self.cursor + by)
        else:
            self._show_row(self.scroll_offset.y + by)

    def action_page(self, by: int) -> None:
        """Move by what is in view."""
        rows = max(1, self.size.height - 1) * by
        if self._choose:
            to = self._rows.at(max(0, self._rows.tops[self.cursor] + rows))
            self._move(to if to != self.cursor else self.cursor + by)
        else:
            self._show_row(self.scroll_offset.y + rows)

    def action_first(self) -> None:
        """Go to the first item."""
        self._to_last = False
        self._move(0)
        self._show_row(0)

    def action_last(self) -> None:
        """Go to the last item, and follow the tail again."""
        self._to_last = not self._rows.width
        self._move(len(self.items) - 1)
        self._show_row(self.max_scroll_y)

    def action_choose(self) -> None:
        """Open what is under the cursor."""
        if (item := self.chosen) is not None:
            self.post_message(self.Chosen(item))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enter is offered only where there is something to open."""
        return self._choose and bool(self.items) if action == "choose" else True

    def _move(self, to: int) -> None:
        if not self._choose or not self.items:
            return
        self.cursor = max(0, min(to, len(self.items) - 1))
        self.post_message(self.Moved())
        top, bottom = self._rows.tops[self.cursor], self._rows.tops[self.cursor + 1]
        first = self.scroll_offset.y
        if top < first:
            self._show_row(top)
        elif bottom > first + self.size.height:
            self._show_row(min(top, bottom - self.size.height))
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        row = self.scroll_offset.y + event.y
        if self._choose and row < self._rows.total:
            at = self._rows.at(row)
            if at == self.cursor:
                self.action_choose()
            self._move(at)
