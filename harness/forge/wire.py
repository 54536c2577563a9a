"""HTTP to a forge: one connection pool, one token, one origin; what may be sent twice is, and nothing else.

The rules for a second attempt: an answer that says the request was not carried out (429, 503, a 403 with
`Retry-After` or an exhausted limit, no connection at all) allows it for every method. An answer that leaves it open
(500, 502, 504, a connection that broke) allows it for requests that may be repeated, which a POST may not: it raises
`Uncertain`, and the caller looks first.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from harness import __version__
from harness.forge.errors import (
    ForgeDenied,
    ForgeMissing,
    ForgeRejected,
    ForgeUnavailable,
    RateLimited,
    Uncertain,
)

if TYPE_CHECKING:
    import httpx2

ATTEMPTS = 4
PATIENCE = 60.0
"""Seconds that one wait for a rate limit may take, and one answer's body; longer is an error that says so."""
PAUSE = 0.5
"""Seconds before the second attempt after a failure; doubled for each further one."""
PAGES = 20
"""Pages that are read at most: 2,000 entries."""
LARGEST = 32 << 20
"""Bytes of one answer."""
_NEXT = re.compile(r'<([^>]+)>;\s*rel="next"')


class Rate(msgspec.Struct, frozen=True):
    """What the last answer said about the limit; `resets` is seconds since 1970."""

    limit: int = 0
    remaining: int = 0
    resets: int = 0


class Answer(msgspec.Struct, frozen=True):
    """A successful answer: its status, headers in lower case, and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as data; None when it is empty. Raises `ForgeUnavailable` when it is no JSON."""
        try:
            return msgspec.json.decode(self.body) if self.body else None
        except msgspec.DecodeError as error:
            raise ForgeUnavailable("the forge's answer is no JSON", str(error)) from None


class Wire:
    """Requests to `base`, the API's root. `auth` are headers with the token, sent to this origin alone.

    `send` and its short forms raise `ForgeDenied`, `ForgeMissing`, `ForgeRejected`, `ForgeUnavailable`,
    `RateLimited` and `Uncertain`.
    """

    def __init__(
        self,
        base: str,
        auth: Mapping[str, str],
        timeout: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
        patience: float = PATIENCE,
    ) -> None:
        self.base = base.rstrip("/")
        self.rate = Rate()
        self._auth, self._timeout, self._sleep, self._patience = dict(auth), timeout, sleep, patience
        self._known: dict[str, tuple[str, Answer]] = {}
        self._client: httpx2.Client | None = None

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def get(self, path: str, **query: str | int) -> Any:
        """What a GET answers, as data. An answer that has not changed is not sent again (ETag)."""
        return self.send("GET", path, query=query).json()

    def post(self, path: str, body: Any = None) -> Any:
        return self.send("POST", path, body).json()

    def patch(self, path: str, body: Any) -> Any:
        """A PATCH here always sets whole values, so that sending it twice is sending it once."""
        return self.send("PATCH", path, body).json()

    def put(self, path: str, body: Any) -> Any:
        return self.send("PUT", path, body).json()

    def pages(self, path: str, key: str = "", size: str = "per_page", **query: str | int) -> Iterator[Any]:
        """The entries of a list, page by page; `key` names the list in an object that holds it, `size` the parameter
        for how many there are on a page."""
        answer = self.send("GET", path, query={size: 100} | query)
        for _ in range(PAGES):
            found = answer.json()
            yield from (found.get(key, []) if key and isinstance(found, dict) else found) or []
            following = _NEXT.search(answer.headers.get("link", ""))
            if following is None or not following[1].startswith(self.base + "/"):
                return
            answer = self.send("GET", following[1].removeprefix(self.base))

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, str | int] | None = None,
        accept: str = "",
    ) -> Answer:
        """One request, with as many attempts as the rules above allow; `accept` asks for another form of answer."""
        repeatable = method != "POST"
        for attempt in range(1, ATTEMPTS + 1):
            last = attempt == ATTEMPTS
            try:
                answer = self._once(method, path, body, query or {}, accept)
            except OSError as error:  # nothing was sent
                if last:
                    raise ForgeUnavailable("the forge cannot be reached", str(error), "check URL and network") from None
                self._sleep(PAUSE * 2**attempt)
                continue
            except ValueError as error:  # it broke on the way
                if not repeatable:
                    raise Uncertain(f"{method} {path} was cut", str(error)) from None
                if last:
                    raise ForgeUnavailable("the forge's connection breaks", str(error), "try again") from None
                self._sleep(PAUSE * 2**attempt)
                continue
            if answer.status < 400:
                return answer
            wait = self._wait(answer, attempt)
            if wait is None or last:
                raise self._refusal(method, path, answer, repeatable)
            if wait > self._patience:
                raise RateLimited(f"{method} {path} has to wait", int(wait))
            if not (repeatable or _unprocessed(answer)):
                raise Uncertain(f"{method} {path} failed half-way", f"status {answer.status}")
            self._sleep(wait)
        raise AssertionError("unreachable")

    def download(self, url: str, most: int, hosts: tuple[str, ...] = ()) -> bytes:
        """Up to `most` bytes of a URL elsewhere, without our token. `hosts` are those it may lie on; none means any
        that an answer of the forge named. Raises `ForgeRejected` for another host or too many bytes."""
        import httpx2

        try:
            host = httpx2.URL(url).host
        except httpx2.InvalidURL as error:
            raise ForgeRejected("the file has no address that can be asked", str(error)) from None
        if hosts and host not in hosts:
            raise ForgeRejected("the file is on a host that is not the forge's", host)
        try:
            with httpx2.stream("GET", url, timeout=self._timeout, follow_redirects=False) as response:
                if response.status_code != 200:
                    raise ForgeMissing("the file cannot be fetched", f"status {response.status_code}")
                return _read(response, most, self._patience, "the file")
        except httpx2.HTTPError as error:
            raise ForgeUnavailable("the file cannot be fetched", str(error)) from None

    def _once(self, method: str, path: str, body: Any, query: Mapping[str, str | int], accept: str) -> Answer:
        """One attempt. Raises OSError when nothing was sent, ValueError when it broke on the way."""
        import httpx2

        if self._client is None:
            self._client = httpx2.Client(timeout=self._timeout, follow_redirects=False)
        url = self.base + path
        if query:
            url = str(httpx2.URL(url, params={name: str(value) for name, value in query.items()}))
        headers = {"User-Agent": f"loopwright/{__version__}", **self._auth}
        if accept:
            headers["Accept"] = accept
        known = self._known.get(url) if method == "GET" and not accept else None
        if known:
            headers["If-None-Match"] = known[0]
        content = None
        if body is not None:
            content = msgspec.json.encode(body)
            headers["Content-Type"] = "application/json"
        try:
            with self._client.stream(method, url, content=content, headers=headers) as response:
                whole = _read(response, LARGEST, self._patience, "the forge's answer")
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise ConnectionError(str(error) or type(error).__name__) from None
        except httpx2.HTTPError as error:
            raise ValueError(str(error) or type(error).__name__) from None
        found = Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, whole)
        if "x-ratelimit-remaining" in found.headers:
            names = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
            self.rate = Rate(*(_number(found.headers.get(name, "")) for name in names))
        if found.status == 304 and known:
            return known[1]
        if method == "GET" and not accept and found.status == 200 and (tag := found.headers.get("etag")):
            self._known[url] = (tag, found)
        return found

    def _wait(self, answer: Answer, attempt: int) -> float | None:
        """Seconds to wait before another attempt; None when one would make no difference."""
        if answer.status in (403, 429):
            if "retry-after" in answer.headers:
                return float(_number(answer.headers["retry-after"]))
            if answer.headers.get("x-ratelimit-remaining") == "0":
                return max(0.0, _number(answer.headers.get("x-ratelimit-reset", "")) - time.time()) + 1
        if answer.status in (429, 500, 502, 503, 504):
            return (
                float(_number(answer.headers["retry-after"])) if "retry-after" in answer.headers else PAUSE * 2**attempt
            )
        return None

    def _refusal(self, method: str, path: str, answer: Answer, repeatable: bool) -> Exception:
        what, why = f"{method} {path.partition('?')[0]} was refused", _reason(answer)
        match answer.status:
            case 401:
                return ForgeDenied(what, why, "give a token that is valid for this forge")
            case 403:
                return ForgeDenied(what, why, "give the token the permission that this needs")
            case 404 | 410:
                return ForgeMissing(what, why, "check the number and the repository, and that the token may see them")
            case 429:
                return RateLimited(what, int(self._wait(answer, 1) or 0))
            case status if status >= 500:
                if not repeatable and not _unprocessed(answer):
                    return Uncertain(what, why)
                return ForgeUnavailable(f"{method} {path} keeps failing", why, "try again later")
            case status:
                return ForgeRejected(what, why, status=status)


def _read(response: "httpx2.Response", most: int, seconds: float, what: str) -> bytes:
    """A whole body. A server that drips, or never stops, is given up: the client's own limit is for each read alone."""
    import httpx2

    content, until = bytearray(), time.monotonic() + seconds
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > most:
            raise ForgeRejected(f"{what} is too large", f"more than {most} bytes")
        if time.monotonic() > until:
            raise httpx2.ReadTimeout(f"{what} was not through after {seconds:g} s")
    return bytes(content)


def _unprocessed(answer: Answer) -> bool:
    """Whether the answer says that nothing was carried out."""
    return answer.status in (403, 429, 503)


def _reason(answer: Answer) -> str:
    """What the forge says, in one line."""
    try:
        found = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        return f"status {answer.status}"
    if not isinstance(found, dict):
        return f"status {answer.status}"
    parts = [str(found.get("message") or found.get("error") or "")]
    errors = found.get("errors")
    for each in errors if isinstance(errors, list) else ():
        parts.append(str(each.get("message") or each.get("code") or each) if isinstance(each, dict) else str(each))
    return f"{answer.status}: " + "; ".join(" ".join(part.split()) for part in parts if part)[:500]


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
