"""The keys that work right now, from the bindings themselves: what the footer, the palette and the help are made of."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from textual.app import App

from tui.text import Item

GROUPS = (
    ("THE RUN", ("run", "new", "fleet.new", "question", "ask", "steer", "replay", "memory")),
    ("LOOKING", ("tab", "find", "iteration", "fleet", "diff", "events", "back")),
    ("MOVING", ("pane", "story", "palette.up", "palette.down")),
    ("EVERYWHERE", ("",)),
)
"""What the keys are for, by how their names begin."""
FIRST = (
    "pane.open", "run.answer", "run.undo", "run.resume", "run.steer", "run.pause", "run.continue", "run.stop",
)  # fmt: skip
"""What a narrow footer shows before all else."""
KEY, WORDS = 14, 22
"""Cells of a key and of what it does in the help."""


class Key(NamedTuple):
    """One thing that a key does here. `shown` are all its keys as they are written."""

    action: str
    text: str
    shown: str
    name: str
    tip: str


def active(app: App[Any]) -> list[Key]:
    """What can be done here, what is done to the run first."""
    found: dict[tuple[str, str], list[Key]] = {}
    for one in app.screen.active_bindings.values():
        binding = one.binding
        if one.enabled and binding.description:
            key = Key(
                binding.action, binding.description, app.get_key_display(binding), binding.id or "", binding.tooltip
            )
            found.setdefault((binding.action, binding.description), []).append(key)
    keys = []
    for same in found.values():
        if named := next((key for key in same if key.name), None):  # Textual's own have none
            keys.append(named._replace(shown=" ".join(dict.fromkeys(key.shown for key in same))))
    return sorted(keys, key=lambda key: _group(key.name))


def rank(name: str) -> int:
    """Where a key stands in the footer: the lower, the more it is wanted."""
    return FIRST.index(name) if name in FIRST else len(FIRST)


def overview(keys: list[Key]) -> Iterator[Item]:
    """The help: the keys by what they are for, each with the name by which it is bound to another one."""
    yield Item(text="[keys] in tui.toml binds another key to a name on the right.", tone="dim")
    for number, (title, _) in enumerate(GROUPS):
        group = [key for key in keys if _group(key.name) == number]
        if group:
            yield Item(text="")
            yield Item(text=title, tone="dim")
        for key in group:
            line = ((f"{key.shown:<{KEY}}", "key"), (f" {key.text:<{WORDS}}", "strong"), (f" {key.tip}", "plain"))
            yield Item(text=f"{key.shown} {key.text} {key.tip} {key.name}", line=line, right=key.name)


def _group(name: str) -> int:
    exact = [number for number, (_, starts) in enumerate(GROUPS) if name in starts]
    family = [number for number, (_, starts) in enumerate(GROUPS) if name.partition(".")[0] in starts]
    return (*exact, *family, len(GROUPS) - 1)[0]
