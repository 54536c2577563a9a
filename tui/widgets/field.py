"""A line to type into. What is pasted is cleaned like everything that comes from outside."""

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input

from harness.clean import clean
from tui.text import Line
from tui.widgets.bars import Bar


class Field(Input):
    """One line of text; nothing in it is completed, highlighted or parsed."""

    def __init__(self, value: str = "", placeholder: str = "", *, id: str | None = None) -> None:
        super().__init__(clean(value), placeholder=placeholder, select_on_focus=False, compact=True, id=id)

    def _on_paste(self, event: events.Paste) -> None:
        """All of what was pasted: Textual's own field takes the first line and drops the rest without a word."""
        event.prevent_default()
        event.stop()
        self.replace(self.validate_value(event.text.strip("\r\n")), *self.selection)

    def validate_value(self, value: str) -> str:
        """Without control sequences, whatever was pasted."""
        return clean(value).replace("\n", " ").replace("\t", " ")


class Ask(Horizontal):
    """A label and a field at the foot of a screen, there only while something is typed into it."""

    class Typed(Message):
        """The text changed; with `done` it was confirmed."""

        def __init__(self, text: str, *, done: bool) -> None:
            super().__init__()
            self.text, self.done = text, done

    class Left(Message):
        """The field was left without a word."""

    def __init__(self, label: str) -> None:
        super().__init__(classes="line")
        self._label = label
        self.field = Field()
        self.field.can_focus = False

    def compose(self) -> ComposeResult:
        label = Bar(self._draw)
        label.styles.width = len(self._label) + 2
        yield label
        yield self.field

    def _draw(self, width: int) -> Sequence[Line]:
        return (((f" {self._label} ", "key"),),)

    @property
    def opened(self) -> bool:
        """Whether somebody is typing here."""
        return self.has_class("open")

    def open(self, text: str = "") -> None:
        """Show it, and give it the keys."""
        self.add_class("open")
        self.field.can_focus = True
        self.field.value = text
        self.field.focus()

    def close(self) -> None:
        """Hide it; the one who opened it takes the keys back."""
        self.remove_class("open")
        self.field.can_focus = False

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.opened:
            self.post_message(self.Typed(event.value, done=False))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.close()
        self.post_message(self.Typed(event.value, done=True))

    def key_escape(self, event: events.Key) -> None:
        """Leave without a word, and leave nothing but this line."""
        event.stop()
        event.prevent_default()
        self.close()
        self.post_message(self.Left())
