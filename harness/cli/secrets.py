"""The credentials of this process's environment: what must never be stored, shown or sent."""

import os
import re

_CREDENTIAL = re.compile(r"(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASS|CREDENTIALS?)$", re.IGNORECASE)


def secrets() -> tuple[str, ...]:
    """Values of the environment that must never be stored: those named like a credential, paths apart."""
    return tuple(
        value
        for name, value in os.environ.items()
        if _CREDENTIAL.search(name) and len(value) >= 8 and not value.startswith(("/", "~", "."))
    )
