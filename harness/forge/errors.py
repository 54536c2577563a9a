"""The ways in which a forge says no: one type each, with what happened, why, and what to do about it."""


class ForgeError(Exception):
    """Something a forge did not do."""

    def __init__(self, what: str, why: str = "", fix: str = "") -> None:
        super().__init__(f"{what}: {why}" if why else what)
        self.what, self.why, self.fix = what, why, fix


class ForgeDenied(ForgeError):
    """The token is missing, wrong, or may not do this (401, 403)."""


class ForgeMissing(ForgeError):
    """There is no such thing, or the token may not see it (404, 410)."""


class ForgeRejected(ForgeError):
    """The forge understood and refuses (409, 422, and whatever else it answers below 500)."""

    def __init__(self, what: str, why: str = "", fix: str = "", *, status: int = 422) -> None:
        super().__init__(what, why, fix)
        self.status = status


class ForgeUnavailable(ForgeError):
    """The forge cannot be reached, or goes on failing."""


class RateLimited(ForgeError):
    """The limit of requests is used up for longer than we wait; `seconds` until it is lifted."""

    def __init__(self, what: str, seconds: int) -> None:
        super().__init__(what, f"the rate limit is lifted in {seconds} s", "start it again then, or use another token")
        self.seconds = seconds


class Uncertain(ForgeError):
    """A request that makes something was cut: it may or may not have been carried out. Look before you repeat it."""
