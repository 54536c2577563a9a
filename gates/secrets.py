"""Finding credentials in added text: the shapes that providers publish for theirs, and telling names with values
that look random. Placeholders, examples and references to the environment are not secrets."""

import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

CHUNK = 8_000
"""Characters of one line looked at in one piece; longer lines are looked at in overlapping pieces."""
OVERLAP = 600

_TOKENS = {
    "aws-access-key": r"\b((?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16})\b",
    "aws-secret-key": r"(?i)aws[\w.-]{0,20}(?:secret|key)[\w.-]{0,20}[\"'\s:=]{1,6}"
    r"([a-z0-9/+]{40})(?![a-z0-9/+=])",
    "github-token": r"\b(gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,255})\b",
    "gitlab-token": r"\b(gl(?:pat|dt|rt|cbt|ptt|oas)-[A-Za-z0-9_-]{20,100})",
    "anthropic-key": r"\b(sk-ant-[A-Za-z0-9_-]{20,200})",
    "openai-key": r"\b(sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,200}|sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}"
    r"|sk-[A-Za-z0-9]{48})\b",
    "slack-token": r"\b(xox[abeoprs]-[A-Za-z0-9-]{20,250}|xapp-\d-[A-Za-z0-9-]{20,250})",
    "slack-webhook": r"(hooks\.slack\.com/(?:services|workflows)/T[A-Za-z0-9_]{6,20}/[A-Za-z0-9_/]{20,100})",
    "google-api-key": r"\b(AIza[A-Za-z0-9_-]{35})(?![A-Za-z0-9_-])",
    "google-oauth": r"\b(ya29\.[A-Za-z0-9_-]{30,300}|GOCSPX-[A-Za-z0-9_-]{28})",
    "stripe-key": r"\b([sr]k_(?:live|test)_[A-Za-z0-9]{20,250}|whsec_[A-Za-z0-9+/]{32,100})",
    "npm-token": r"\b(npm_[A-Za-z0-9]{36})\b",
    "pypi-token": r"\b(pypi-AgEI[A-Za-z0-9_-]{50,400})",
    "sendgrid-key": r"\b(SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})\b",
    "huggingface-token": r"\b(hf_[A-Za-z0-9]{34,40})\b",
    "digitalocean-token": r"\b(do[opr]_v1_[a-f0-9]{64})\b",
    "azure-storage-key": r"AccountKey=([A-Za-z0-9+/]{86}==)",
    "twilio-key": r"\b(SK[a-f0-9]{32})\b",
    "jwt": r"\b(eyJ[A-Za-z0-9_-]{10,500}\.eyJ[A-Za-z0-9_-]{10,400}\.[A-Za-z0-9_-]{20,600})",
    "private-key": r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:[\s\"'+,]|\\[nr]){0,40}"
    r"(?:[A-Za-z-]{3,20}: [^\n]{0,80}\s{1,4}){0,4}([A-Za-z0-9+/=]{40,100})",
}

_URL = re.compile(
    r"\b[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s:/@\"'<>{}$()]{1,64}:([^\s:/@\"'<>{}$()]{4,100})@([^\s/:\"'<>{}]{1,100})"
)
_NAMED = re.compile(
    r"(?i)(?:secret|token|passw(?:or)?d|api[_-]?key|access[_-]?key|private[_-]?key|credential|auth[_-]?key)"
    r"[\w-]{0,30}[\"']?\s{0,3}(?::=|=>|=|:)\s{0,3}(?:[A-Za-z_]{1,10}\()?([\"']?)([^\s\"',;)}\]]{16,200})\1"
)
_SHAPES = {rule: re.compile(pattern) for rule, pattern in _TOKENS.items()}

_MASKED = re.compile(r"(?i)example|x{5,}|\*{3,}|\.{3}|<[^>]*>|\$\{|\{\{")
_PLACEHOLDER = re.compile(
    r"(?i)example|sample|dummy|fake|placeholder|changeme|change[-_]me|your[-_]|redacted|notasecret|not[-_]a[-_]|"
    r"x{5,}|\*{3,}|\.{3}|<[^>]*>|\$\{|\{\{|\$\(|%\(|%s|abcdef|123456|foobar|lorem"
)
_CODE = re.compile(
    r"[()\[\]{}<>$\\|]|^(?:os|env|self|config|settings|process|data|args)\b|^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$|::|://"
)
_WEAK = frozenset(
    (
        *("password", "passwd", "pass", "secret", "token", "user", "username"),
        *("admin", "root", "test", "guest", "postgres", "mysql"),
    )
)
_LOCAL = re.compile(
    r"(?i)^(?:localhost|127\.|\[?::1|.*\bexample\b|.*\.(?:test|invalid|local|localhost)$|host(?:name)?$|db$)"
)


class Secret(msgspec.Struct, frozen=True):
    """A credential found: the rule, the line, and the value. The value goes nowhere but into a digest."""

    rule: str
    line: int
    value: str


def scan(lines: Sequence[tuple[int, str]], *, lenient: bool = False) -> Iterator[Secret]:
    """The credentials in numbered lines. `lenient`, for tests, fixtures and lock files, looks for the unmistakable
    shapes only: no tokens signed for nobody, no names with random values, no URLs."""
    for number, text in _pieces(lines):
        yield from _shaped(number, text, lenient)
        if not lenient:
            yield from _guessed(number, text)
    yield from _keys(lines)


def _shaped(number: int, text: str, lenient: bool) -> Iterator[Secret]:
    for rule, shape in _SHAPES.items():
        if rule == "private-key" or (lenient and rule in ("jwt", "twilio-key")):
            continue
        for match in shape.finditer(text):
            if _random_enough(match[1], 2.8):
                yield Secret(rule, number, match[1])


def _guessed(number: int, text: str) -> Iterator[Secret]:
    for match in _URL.finditer(text):
        if match[1].lower() not in _WEAK and not _PLACEHOLDER.search(match[1]) and not _LOCAL.search(match[2]):
            yield Secret("url-credentials", number, match[1])
    for match in _NAMED.finditer(text):
        value = match[2]
        mixed = re.search(r"\d", value) and re.search(r"[A-Za-z]", value)
        known = any(shape.search(value) for shape in _SHAPES.values())
        telling = not _CODE.search(value) and not _PLACEHOLDER.search(value)
        if mixed and telling and not known and _random_enough(value, 3.5):
            yield Secret("random-value", number, value)


def _keys(lines: Sequence[tuple[int, str]]) -> Iterator[Secret]:
    """Private keys span lines, so they are looked for in all the added text at once."""
    starts, length = [], 0
    for _, text in lines:
        starts.append(length)
        length += len(text) + 1
    for match in _SHAPES["private-key"].finditer("\n".join(text for _, text in lines)):
        if _random_enough(match[1], 3.0):
            yield Secret("private-key", lines[bisect_right(starts, match.start()) - 1][0], match[1])


def _pieces(lines: Sequence[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    for number, text in lines:
        for start in range(0, max(1, len(text) - OVERLAP), CHUNK - OVERLAP):
            yield number, text[start : start + CHUNK]


def _random_enough(value: str, bits: float) -> bool:
    """Whether the characters of `value` vary like those of a secret, in bits of Shannon entropy a character."""
    if _MASKED.search(value):
        return False
    counts = Counter(value).values()
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts) >= bits
