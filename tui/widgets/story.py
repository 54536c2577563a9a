"""A pane of blocks: they fold, they are copied, and the cursor goes from one to the next."""

from typing import ClassVar

import msgspec
from textual.binding import Binding, BindingType

from tui.block import Block, draw, height
from tui.widgets.pane import Pane


class Story(Pane[Block], inherit_bindings=True):
    """What happened, a block each. Enter opens one in full (`Chosen`)."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "fold", "Fold", id="story.fold"),
        Binding("z", "fold_all", "Fold all", show=False, id="story.fold_all"),
        Binding("y", "copy", "Copy", show=False, id="story.copy"),
    ]

    def __init__(self, *, id: str, empty: str = "Nothing has happened yet.", choose: bool = True) -> None:
        super().__init__(draw, height, choose=choose, follow=True, empty=empty, mark="▌", id=id)

    def action_fold(self) -> None:
        """Fold or unfold the block under the cursor."""
        block = self.chosen
        if block and block.body:
            self.change(self.cursor, msgspec.structs.replace(block, open=not block.open))

    def action_fold_all(self) -> None:
        """Fold all that is open; where nothing is, unfold what went wrong."""
        some = any(block.open for block in self.items)
        self.replace(
            [
                msgspec.structs.replace(block, open=not some and block.mark == "✗") if block.body else block
                for block in self.items
            ],
            key=lambda block: (block.seq, block.call),
        )

    def action_copy(self) -> None:
        """Copy the block's text to the terminal's clipboard."""
        if block := self.chosen:
            self.app.copy_to_clipboard("\n".join((block.text, *(text for text, _ in block.body))))
            self.app.notify("copied", markup=False, timeout=1.5)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Folding is offered where there is something to fold."""
        if action == "fold":
            return bool(self.chosen and self.chosen.body)
        return super().check_action(action, parameters)
