"""What a screen of one run looks at: the run as it stands and goes on, or as it stood once."""

from typing import Protocol

from harness.journal import Command, Record, Spoken, State


class View(Protocol):
    """A run at one moment; `look` brings the next."""

    run: str
    state: State
    unheard: tuple[Command, ...]
    held: bool
    interrupted: bool

    @property
    def stopping(self) -> bool:
        """Whether it is about to stop because somebody asked."""

    @property
    def over(self) -> bool:
        """Whether nothing more is to be expected until somebody resumes it."""

    @property
    def end(self) -> int | None:
        """The last event that there is for this view; None for the journal's own last."""

    def look(self) -> tuple[Record, ...]:
        """Bring it up to date with the next records, and return them."""

    def hear(self) -> Spoken | None:
        """What its model is saying and has not said to its end."""
