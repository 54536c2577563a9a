"""The reader's own settings: `tui.toml` beside the user's `config.toml`. A wrong one is said, not guessed at."""

import difflib
import tomllib
from pathlib import Path

import msgspec

from tui.notify import How
from tui.theme import THEMES


class SettingsError(Exception):
    """`tui.toml` cannot be used: what, why, and the fix."""

    def __init__(self, what: str, why: str = "", fix: str = "") -> None:
        super().__init__(f"{what}: {why}" if why else what)
        self.what, self.why, self.fix = what, why, fix


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the screen looks and which keys do what."""

    theme: str = "dark"
    ascii: bool = False
    """Signs of ASCII alone."""
    notify: How = "auto"
    keys: dict[str, str] = {}
    """From a binding's id, as the help shows it, to its keys, with commas between them."""


def read(path: Path, *, theme: str | None = None, ascii: bool = False) -> Settings:
    """The settings of a file (the defaults where there is none), and on top what is given. Raises `SettingsError`."""
    try:
        table = tomllib.loads(path.read_text())
    except FileNotFoundError:
        table = {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read", str(error), "mend it, or move it away") from error
    try:
        found = msgspec.convert(table, Settings)
    except msgspec.ValidationError as error:
        names = ", ".join(Settings.__struct_fields__)
        raise SettingsError(f"{path} has a wrong setting", str(error), f"there are: {names}") from error
    found = msgspec.structs.replace(found, theme=theme or found.theme, ascii=ascii or found.ascii)
    if found.theme not in THEMES:
        raise SettingsError(f"there is no theme {found.theme!r}", str(path), f"there are: {', '.join(THEMES)}")
    return found


def checked(settings: Settings, known: set[str]) -> Settings:
    """The same, if its keys are for bindings that there are. Raises `SettingsError`."""
    for name in settings.keys:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            fix = f"did you mean {near[0]}?" if near else "the help (?) names them"
            raise SettingsError(f"tui.toml binds a key to {name!r}", "nothing is called that", fix)
    return settings
