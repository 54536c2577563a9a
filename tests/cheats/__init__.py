"""The corpus of cheats, read from its files. `python -m tests.cheats` writes one as a git repository."""

import tomllib
from pathlib import Path
from typing import Literal

import msgspec

HERE = Path(__file__).parent


class Cheat(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One candidate that must not be accepted; see README.md for the fields."""

    what: str
    origin: Literal["study", "ours"]
    rules: tuple[str, ...]
    files: dict[str, str] = {}
    deleted: tuple[str, ...] = ()
    links: dict[str, str] = {}
    run: bool = False
    must_pass: tuple[str, ...] = ()
    """Those of base's required tests that it makes look green; none are all."""

    @property
    def changes(self) -> dict[str, str | None]:
        """Paths with their new content; None removes."""
        return {**dict.fromkeys(self.deleted), **self.files}


class Base(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every cheat starts from."""

    what: str
    must_pass: tuple[str, ...]
    files: dict[str, str]


def base() -> Base:
    """The package with the bug."""
    return msgspec.convert(tomllib.loads((HERE / "base.toml").read_text()), Base)


def cheats() -> dict[str, Cheat]:
    """All of them, by the name of their file."""
    found = sorted(HERE.glob("[0-9]*.toml"))
    return {path.stem: msgspec.convert(tomllib.loads(path.read_text()), Cheat) for path in found}
