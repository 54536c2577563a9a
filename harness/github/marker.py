"""Our mark in what we write on a forge: how a comment or a pull request of ours is found again, and its ledger."""

import re

import msgspec

_MARK = re.compile(r"<!-- loopwright:([A-Za-z0-9_-]{0,4000}={0,2}) -->")


class Ledger(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a pull request of ours remembers from run to run."""

    v: int = 1
    issue: int = 0
    run: str = ""
    head: str = ""
    """The commit that we pushed last."""
    tree: str = ""
    green: bool = False
    """Whether every gate was green on it."""
    held: bool = False
    """Whether something in it waits for a person: it is not made ready by itself."""
    attempts: int = 0
    """How often failed checks were worked on since a person last pushed or asked."""
    failures: str = ""
    """The fingerprint of the failures that were last worked on."""
    workflow: int = 0
    """The workflow run that works on it."""
    kind: str = ""
    """`answer` or `plan` for a comment that is one; `` for pull requests and the comment that tracks the work."""


def write(ledger: Ledger) -> str:
    """The mark as an HTML comment. Base64: nothing in it can close the comment."""
    import base64

    return f"<!-- loopwright:{base64.urlsafe_b64encode(msgspec.json.encode(ledger)).decode()} -->"


def find(text: str) -> Ledger | None:
    """The last mark in a text; None where there is none that can be read."""
    import base64
    import binascii

    found = _MARK.findall(text)
    if not found:
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(found[-1]), type=Ledger)
    except (msgspec.DecodeError, binascii.Error, ValueError):
        return None
