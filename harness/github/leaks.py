"""The last look at every text that leaves for a forge: no credential goes out, in whatever form."""

import re
from collections.abc import Sequence
from urllib.parse import quote

from harness.clean import clean, redact

WITHHELD = "[withheld: it held a credential]"
SHORTEST = 8
PIECE = 12
"""Characters of the beginning or end of a secret that count as the secret, of one that is longer than 16."""


def safe(text: str, secrets: Sequence[str]) -> str:
    """`text` without control and invisible characters and credentials; withheld whole when one is hidden in pieces."""
    text, _ = redact(clean(text), secrets)
    for form in _forms(secrets):
        text = text.replace(form, "[redacted:secret]")
    return WITHHELD if _scattered(text, secrets) else text


def leaks(text: str, secrets: Sequence[str]) -> bool:
    """Whether a credential stands in `text`, plain, encoded, turned around or in pieces."""
    if redact(text, secrets)[1]:
        return True
    return any(form in text for form in _forms(secrets)) or _scattered(text, secrets)


def _forms(secrets: Sequence[str]) -> tuple[str, ...]:
    found: set[str] = set()
    for secret in secrets:
        if len(secret) < SHORTEST:
            continue
        coded = secret.encode().hex()
        found |= {secret, secret[::-1], coded, coded.upper(), quote(secret, safe="")}
        if len(secret) > 16:
            found |= {secret[:PIECE], secret[-PIECE:]}
    return tuple(sorted(found, key=lambda form: (-len(form), form)))


def _scattered(text: str, secrets: Sequence[str]) -> bool:
    """Whether a secret stands in `text` with anything but letters and digits between its characters."""
    bare = _bare(text)
    return any(len(_bare(secret)) >= SHORTEST and _bare(secret) in bare for secret in secrets)


def _bare(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", text)
