"""The one way in which a configuration fails."""


class ConfigError(Exception):
    """The configuration cannot be used: what, why and the fix (exit code 2; nothing was started)."""

    def __init__(self, what: str, why: str = "", fix: str = "") -> None:
        super().__init__(f"{what}: {why}" if why else what)
        self.what, self.why, self.fix = what, why, fix
