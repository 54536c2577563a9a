"""What the failures of a Messages API mean for a run: try again, or stop and say why."""

import math
import re
import time
from collections.abc import Mapping

from harness.models.base import ErrorKind, ModelError

TYPES: dict[str, ErrorKind] = {
    "overloaded_error": "overloaded",
    "rate_limit_error": "rate_limited",
    "api_error": "server",
    "timeout_error": "timeout",
    "gateway_timeout_error": "timeout",
    "authentication_error": "auth",
    "permission_error": "permission",
    "billing_error": "credit",
    "not_found_error": "not_found",
    "request_too_large": "too_large",
    "invalid_request_error": "bad_request",
}
"""The error types of the API (its page on errors); unknown ones count as the server's."""

STATUSES: dict[int, ErrorKind] = {
    401: "auth", 402: "credit", 403: "permission", 404: "not_found", 408: "timeout", 409: "server",
    413: "too_large", 429: "rate_limited", 504: "timeout", 524: "timeout", 529: "overloaded",
}  # fmt: skip

UNBILLED = frozenset({500, 503, 529})
"""Answers of the API itself, which bills no failed request. Every other 5xx comes from something between, and
what became of the request behind it is unknown."""

_CREDIT = re.compile(r"spend_limit|billing|organization_on_hold")
_TOO_LONG = re.compile(
    r"prompt is too long|context (length|window|size)|exceeds? .{0,40}context|maximum context", re.IGNORECASE
)

FIXES: dict[str, str] = {
    "auth": "Set ANTHROPIC_API_KEY (or another credential of the SDK) to a valid key; for a local server, any.",
    "permission": "Use a key that may use this model.",
    "credit": "Add credit, or raise the spend limit, in the console of the key's organisation.",
    "not_found": "Check the model's name, and that ANTHROPIC_BASE_URL has no /v1 at its end.",
    "unreachable": "Check the network and ANTHROPIC_BASE_URL.",
}


def from_status(status: int, kind: str, code: str, message: str, headers: Mapping[str, str]) -> ModelError:
    """The error for an HTTP answer: its status, the body's type, finer code and message, and its headers."""
    meant = _refined(STATUSES.get(status) or ("server" if status >= 500 else "bad_request"), code, message)
    if meant == "rate_limited" and headers.get("x-should-retry") == "false":
        meant = "credit"  # the server's way to say that this limit does not pass by waiting
    said = message or kind or "no explanation"
    return ModelError(
        meant,
        _advised(meant, f"HTTP {status}: {said}"),
        charged=status >= 500 and status not in UNBILLED,
        retry_after=retry_after(headers),
        status=status,
    )


def from_event(kind: str, code: str, message: str) -> ModelError:
    """The error for an `error` event inside a stream: the request was accepted, so it may have been billed."""
    meant = _refined(TYPES.get(kind, "server"), code, message)
    return ModelError(meant, _advised(meant, f"{kind} in the stream: {message}"), charged=True, status=200)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The pause the server asks for, in seconds: `retry-after-ms`, else `retry-after` as seconds or as a date."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        return max(0.0, seconds) if math.isfinite(seconds) else None
    from email.utils import parsedate_to_datetime  # slow to import, and rarely needed

    try:
        when = parsedate_to_datetime(headers.get("retry-after", ""))
        return max(0.0, when.timestamp() - time.time())
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def _refined(kind: ErrorKind, code: str, message: str) -> ErrorKind:
    if _CREDIT.search(code) or (kind == "bad_request" and "credit balance" in message):
        return "credit"
    if kind == "bad_request" and _TOO_LONG.search(message):
        return "too_large"
    return kind


def _advised(kind: str, message: str) -> str:
    return f"{message} {FIXES[kind]}" if kind in FIXES else message
