"""Foreign text is cleaned once, when it enters the journal: control sequences, invisible characters, secrets.

Both steps are idempotent: cleaning what is clean gives the same text, so a text that was cleaned on its way to a
model is stored exactly as the model got it.
"""

import re
from binascii import b2a_base64
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache

SHORTEST_SECRET, SHORTEST_WORD = 6, 16
"""Characters below which an exact secret is not looked for, and below which one that is a plain word (`postgres`) is
not: it would redact half of any text, paths and names that a run cannot be resumed without among it."""

_C0 = bytes(c for c in range(32) if c not in b"\t\n") + b"\x7f"
_STRING = "[^\x00-\x08\n-\x1f\x7f-\x9f]*+(?:\x07|\x1b\\\\|\x9c)"
_PARAMETERS = "[0-?]*+[ -/]*+[@-~]?"
_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff"
)
_REMOVED = (
    f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{_INVISIBLE}](?:"
    f"(?<=\x1b)\\[{_PARAMETERS}|(?<=\x9b){_PARAMETERS}"  # CSI (ECMA-48 5.4), cut off ones too
    f"|(?<=\x1b)[]PX^_](?:{_STRING})?|(?<=[\x9d\x90\x98\x9e\x9f]){_STRING}"  # OSC, DCS, SOS, PM, APC to their end;
    # of one without an end the text is kept, or a program could hide all that follows
    "|(?<=\x1b)[ -/]*+[0-~])?"  # the other escapes (ECMA-35)
)
_BREAKS = re.compile("[\r\u2028\u2029](?:(?<=\r)\r*+\n?)?")
_SURROGATES = re.compile("[\ud800-\udfff]")
_SELECTORS = re.compile("([\ufe0e\ufe0f])[\ufe0e\ufe0f]+")


def clean(text: str) -> str:
    """`text` without terminal control sequences, control and invisible characters; tab and newline stay.

    Carriage returns become a newline, so nothing can be overwritten out of sight. Emoji variation selectors
    stay, but never two in a row, which is a channel for hidden data. Lone surrogates become U+FFFD, so that the
    result always encodes. Bidirectional controls, tag characters and the like have no use in a log, and several
    against its reader (CVE-2021-42574).
    """
    if text.isascii():
        raw = text.encode()
        if len(raw) == len(raw.translate(None, _C0)):
            return text
    text = _compiled(_REMOVED).sub("", text)
    text = _BREAKS.sub("\n", text)
    if "\ufe0e" in text or "\ufe0f" in text:
        text = _SELECTORS.sub(r"\1", text)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = _SURROGATES.sub("\ufffd", text)
    return text


_AWS_NAMES = ("aws_secret_access_key", "AWS_SECRET_ACCESS_KEY", "SecretAccessKey", "secretAccessKey")
_WORD = "[A-Za-z0-9_-]"
_PATTERNS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("private-key", ("PRIVATE KEY",),
     r"-----BEGIN (?P<a>[A-Z ]{0,24})PRIVATE KEY(?: BLOCK)?-----(?:[^-]{0,20000}-----END (?P=a)PRIVATE KEY"
     r"(?: BLOCK)?-----|(?:(?:\s|\\+[nr])*+[A-Za-z0-9+/=]{16,}+)*+)"),
    ("aws", ("AKIA", "ASIA"), r"(?:AKIA|ASIA)(?<![A-Za-z0-9].{4})[A-Z0-9]{16,}+"),
    ("aws", _AWS_NAMES, rf"(?:{'|'.join(_AWS_NAMES)})[\"'\\]{{0,4}}\s{{0,4}}[=:]\s{{0,4}}[\"'\\]{{0,4}}"
     r"(?P<s>[A-Za-z0-9/+]{40,}+=*+)"),
    ("github", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"gh[pousr]_(?<![A-Za-z0-9].{4})[A-Za-z0-9_]{36,}+"),
    ("github", ("github_pat_",), r"github_pat_[A-Za-z0-9_]{22,}+"),
    ("gitlab", ("glpat-", "gldt-", "glrt-", "glptt-"), r"gl(?:pat|dt|rt|ptt)-[A-Za-z0-9_.-]{20,}+"),
    ("anthropic", ("sk-ant-",), rf"sk-ant-(?<![A-Za-z0-9].{{7}}){_WORD}{{16,}}+"),
    ("openai", ("sk-",),
     rf"sk-(?<![A-Za-z0-9].{{3}})(?:(?:proj|svcacct|admin)-{_WORD}{{20,}}+|[A-Za-z0-9]{{32,}}+)"),
    ("slack", ("xox", "xapp-"), r"(?:xox[abeprs]|xapp)-[A-Za-z0-9-]{10,}+"),
    ("slack", ("hooks.slack.com/",), r"hooks\.slack\.com/(?:services|workflows)/(?P<s>[A-Za-z0-9/_-]{20,}+)"),
    ("google", ("AIza",), rf"AIza{_WORD}{{35,}}+"),
    ("google", ("GOCSPX-", "ya29."), rf"(?:GOCSPX-{_WORD}{{20,}}+|ya29\.{_WORD}{{30,}}+)"),
    ("stripe", ("_live_", "_test_", "whsec_"),
     r"(?:[sr]k_(?:live|test)_(?<![A-Za-z0-9].{8})[A-Za-z0-9]{16,}+|whsec_[A-Za-z0-9+/=]{24,}+)"),
    ("npm", ("npm_",), r"npm_(?<![A-Za-z0-9].{4})[A-Za-z0-9]{36,}+"),
    ("pypi", ("pypi-",), rf"pypi-{_WORD}{{50,}}+"),
    ("azure", ("AccountKey", "SharedAccessKey"),
     r"(?:AccountKey|SharedAccessKey)[\"'\\]{0,4} ?[=:] ?[\"'\\]{0,4}(?P<s>[A-Za-z0-9+/]{40,}+=*+)"),
    ("docker", ("dckr_pat_",), rf"dckr_pat_{_WORD}{{20,}}+"),
    ("huggingface", ("hf_",), r"hf_(?<![A-Za-z0-9].{3})[A-Za-z0-9]{30,}+"),
    ("sendgrid", ("SG.",), rf"SG\.(?<![A-Za-z0-9].{{3}}){_WORD}{{16,}}+\.{_WORD}{{16,}}+"),
    ("jwt", ("eyJ",), rf"eyJ(?<!{_WORD}.{{3}}){_WORD}{{8,}}+\.eyJ{_WORD}{{8,}}+\.{_WORD}{{8,}}+"),
    ("bearer", ("earer ", "EARER ", "uthorization", "UTHORIZATION"),
     r"(?:[Bb](?i:earer) |(?i:uthorization[\"'\\]{0,4}: ?[\"'\\]{0,4}(?:basic|token) ))"
     r"(?=[A-Za-z._~+/-]{0,64}[0-9])(?P<s>[A-Za-z0-9._~+/-]{20,}+=*+)"),
    ("url", ("://",), r"://[^\s/:@\[\]\"'<>\\]{0,128}+:(?![$*{])(?P<s>[^\s/@\[\]\"'<>\\]{3,256})@"),
)  # fmt: skip
"""Shapes of credentials that hardly anything else has: kind, literals one of which must be present (the prefilter
that makes clean text cheap), pattern. Only the group `s` is taken out where there is one. Every pattern is linear
in the text, and none matches what another puts in its place."""
_URL_SAFE = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_MARKS = "".join(f"[redacted:{kind}]" for kind in ("secret", *(kind for kind, _, _ in _PATTERNS)))


def redact(text: str, secrets: Sequence[str] = ()) -> tuple[str, int]:
    """`text` with credentials replaced by `[redacted:KIND]`, and how many there were.

    `secrets` are found exactly, also as base64 (at any offset of a longer text), URL-encoded and JSON-escaped. The
    kinds known by their shape: keys of AWS, GitHub, GitLab, Anthropic, OpenAI, Slack, Google, Stripe, npm, PyPI,
    Azure, Docker, Hugging Face, SendGrid; JWTs, private keys in PEM, bearer and basic authorization, passwords in URLs.
    """
    return _redact(text, _exact(tuple(secrets)))


class Cleaner:
    """Cleans and redacts: the gate through which foreign text comes in. `secrets` are those the harness holds."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._exact = _exact(tuple(sorted(set(secrets))))

    def __call__(self, text: str) -> str:
        return _redact(clean(text), self._exact)[0]

    def redact(self, text: str) -> str:
        """`text` without secrets, and otherwise as it is: for what is parsed again."""
        return _redact(text, self._exact)[0]


def _redact(text: str, exact: re.Pattern[str] | None) -> tuple[str, int]:
    found = 0
    if exact is not None:
        text, found = exact.subn("[redacted:secret]", text)
    fresh = len(text) >= SHORTEST_SECRET
    while fresh:  # again after a find: what stood beside it may be a word of its own only now
        fresh = False
        for kind, literals, pattern in _PATTERNS:
            for literal in literals:
                if literal in text:
                    text, count = _compiled(pattern).subn(_marker(kind), text)
                    found += count
                    fresh |= count > 0
                    break
    return text, found


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@cache
def _marker(kind: str) -> Callable[[re.Match[str]], str]:
    def mark(match: re.Match[str]) -> str:
        whole = match.group()
        if "s" not in match.re.groupindex:
            return f"[redacted:{kind}]"
        start, end = match.start("s") - match.start(), match.end("s") - match.start()
        return f"{whole[:start]}[redacted:{kind}]{whole[end:]}"

    return mark


@lru_cache(maxsize=16)
def _exact(secrets: tuple[str, ...]) -> re.Pattern[str] | None:
    forms = {form for secret in secrets for form in _forms(secret)}
    forms = {form for form in forms if len(form) >= SHORTEST_SECRET and form not in _MARKS}
    if not forms:
        return None
    return re.compile("|".join(re.escape(form) for form in sorted(forms, key=lambda form: (-len(form), form))))


def _forms(secret: str) -> Iterator[str]:
    """A secret as it may turn up: plain, JSON-escaped, URL-encoded, and inside base64 of a longer text."""
    secret = clean(secret).strip()
    word = secret.isalpha() and secret in (secret.lower(), secret.upper(), secret.title())
    if len(secret) < (SHORTEST_WORD if word else SHORTEST_SECRET):
        return
    yield secret
    yield secret.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    raw = secret.encode()
    for safe in (_URL_SAFE, _URL_SAFE + b"/", _URL_SAFE + b"!*'()"):  # as Python, curl and JavaScript have it
        percent = "".join(chr(c) if c in safe else f"%{c:02X}" for c in raw)
        yield percent
        yield percent.replace("%20", "+")
        yield re.sub("%..", lambda code: code.group().lower(), percent)
    for before in range(3):
        coded = b2a_base64(b"\0" * before + raw, newline=False)
        first = (before * 8 + 5) // 6  # the characters that depend on what stands before or after the secret
        last = (before + len(raw)) * 8 // 6
        for alphabet in (coded, coded.translate(bytes.maketrans(b"+/", b"-_"))):
            yield alphabet[first:last].decode()
