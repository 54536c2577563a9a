"""The colours: near-black ground, one accent (amber: a person is needed), state by sign and word and only then colour.

Each theme names the same colours, and `LOOKS` gives them to the tones. `terminal` takes the colours that the user's
own terminal has, and sets none of its own.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from rich.style import Style
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

_GROUNDS = ("add-ground", "del-ground", "addword-ground", "delword-ground", "hit-ground")


def _theme(name: str, *, dark: bool, contrast: bool = False, grounds: tuple[str, ...], **colours: Any) -> Theme:
    faded = {"dim-text": 0.8 if contrast else 0.6, "faint-text": 0.65 if contrast else 0.36}
    ground, text = Color.parse(colours["background"]), Color.parse(colours["foreground"])
    mixed = {name: ground.blend(text, share).hex for name, share in faded.items()}
    variables = dict(zip(_GROUNDS, grounds, strict=True)) | mixed | {"syntax-keyword": colours["secondary"]}
    return Theme(name=name, dark=dark, variables=variables, **colours)


DARK = _theme(
    "dark", dark=True,
    primary="#6cb6ff", secondary="#c79bd6", warning="#ffb454", error="#ff6b6b", success="#8bd649", accent="#7fd1b9",
    foreground="#d5d9e0", background="#0f1217", surface="#161b22", panel="#1d2631",
    grounds=("#10251a", "#2b1417", "#1d5232", "#6b2229", "#6d5200"),
)  # fmt: skip
LIGHT = _theme(
    "light", dark=False,
    primary="#0b62c4", secondary="#8a3fa0", warning="#a85a00", error="#c4262e", success="#2e7d14", accent="#0f7b6c",
    foreground="#1f2430", background="#fbfbf9", surface="#efefeb", panel="#e2e4e4",
    grounds=("#e3f6e0", "#fde6e6", "#b5e5ac", "#f7baba", "#ffe08a"),
)  # fmt: skip
CONTRAST = _theme(
    "contrast", dark=True, contrast=True,
    primary="#7cc7ff", secondary="#ff9cff", warning="#ffd000", error="#ff8080", success="#50ff50", accent="#40ffe0",
    foreground="#ffffff", background="#000000", surface="#101010", panel="#303030",
    grounds=("#002a00", "#3d0000", "#006000", "#900000", "#806000"),
)  # fmt: skip
TERMINAL = Theme(
    name="terminal", ansi=True, dark=True,
    primary="ansi_blue", secondary="ansi_magenta", warning="ansi_yellow", error="ansi_red", success="ansi_green",
    accent="ansi_cyan", foreground="ansi_default", background="ansi_default", surface="ansi_default",
    panel="ansi_default", boost="ansi_default",
    variables=BUILTIN_THEMES["ansi-dark"].variables
    | dict.fromkeys(_GROUNDS, "ansi_default")
    | {
        "dim-text": "ansi_bright_black", "faint-text": "ansi_bright_black", "syntax-keyword": "ansi_magenta",
        "block-cursor-foreground": "ansi_black", "block-cursor-background": "ansi_white",
        "input-cursor-background": "ansi_default", "input-cursor-foreground": "ansi_default",
        "input-cursor-text-style": "reverse",
    },
)  # fmt: skip

THEMES = {theme.name: theme for theme in (DARK, LIGHT, CONTRAST, TERMINAL)}
"""By name, in the order in which the key goes through them."""


class Look(NamedTuple):
    """How a tone looks: the names of its colours in a theme, and its strokes. What is empty stays as it is."""

    colour: str = ""
    ground: str = ""
    strokes: str = ""
    in_terminal: str = ""
    """The strokes where grounds are the terminal's own, and tell nothing apart."""


LOOKS = {
    "plain": Look(), "strong": Look(strokes="bold"), "italic": Look(strokes="italic"),
    "dim": Look("dim-text"), "faint": Look("faint-text"), "rule": Look("faint-text"),
    "good": Look("success"), "bad": Look("error"), "warn": Look("warning"), "live": Look("accent"),
    "gate": Look("primary"), "result": Look("secondary"), "key": Look("warning", strokes="bold"),
    "badge": Look("background", "warning", "bold", "bold reverse"),
    "name": Look("background", "primary", "bold", "bold reverse"),
    "tab": Look("primary", strokes="bold underline"),
    "add": Look("success", "add-ground"), "del": Look("error", "del-ground"), "body": Look("foreground"),
    "addword": Look("", "addword-ground", "bold", "bold underline"),
    "delword": Look("", "delword-ground", "bold", "bold underline"),
    "hunk": Look("primary"), "kw": Look("syntax-keyword"), "str": Look("accent"), "num": Look("warning"),
    "com": Look("dim-text", strokes="italic"), "fn": Look("primary"),
    "hit": Look("", "hit-ground", "bold", "bold reverse"),
}  # fmt: skip
"""Every tone there is."""


def looks(variables: Mapping[str, str], *, ansi: bool) -> dict[str, Style]:
    """The styles of all tones with a theme's `variables`; a colour that it does not name is left as it is."""

    def colour(name: str) -> Any:
        return Color.parse(variables[name]).rich_color if name in variables else None

    return {
        tone: Style(color=colour(look.colour), bgcolor=colour(look.ground))
        + Style.parse((ansi and look.in_terminal) or look.strokes or "none")
        for tone, look in LOOKS.items()
    }
