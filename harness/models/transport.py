"""The SDK and its transport: what their failures mean, and how to end what they wait for."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from harness.models import errors
from harness.models.base import ModelError

if TYPE_CHECKING:
    import anthropic
    import httpx2


def check_keys(client: "anthropic.Anthropic") -> None:
    """Refuse a key that no header can carry here: the transport would quote it in its error."""
    for secret in _secrets(client):
        if not secret.isascii() or not secret.isprintable() or " " in secret:
            raise ValueError("the key holds blanks, line ends or other characters that no key has")


def _secrets(client: "anthropic.Anthropic") -> tuple[str, ...]:
    """What a platform's client authenticates with, as far as it is told in words."""
    named = (getattr(client, name, None) for name in ("api_key", "auth_token", "access_token"))
    return tuple(secret for secret in named if secret)


def answer(client: "anthropic.Anthropic", send: "Callable[[], httpx2.Response]") -> "httpx2.Response | ModelError":
    """The answer to a request, or what the SDK's refusal to give one means."""
    import anthropic

    try:
        return send()
    except anthropic.AnthropicError as error:
        return _refused(client, error)
    except UnicodeError:
        return _unsendable(client)
    except (ImportError, RuntimeError) as error:  # a cloud's credentials, looked for when the request is signed
        what = "install loopwright[aws] or loopwright[google]" if isinstance(error, ImportError) else "log in there"
        return ModelError("auth", f"no credentials: {clean(client, str(error))}; {what}", charged=False)
    except TypeError as error:  # the SDK's way to say that it has nothing to authenticate with
        if "authentication" not in str(error):
            raise
        return ModelError("auth", f"no credentials. {errors.FIXES['auth']}", charged=False)


def _refused(client: "anthropic.Anthropic", error: Exception) -> ModelError:
    """What an error of the SDK means, raised before the stream began."""
    import anthropic
    import httpx2

    match error:
        case anthropic.APIStatusError():
            message, kind = clean(client, error.api_message or ""), error.type or ""
            headers = error.response.headers
            return errors.from_status(error.status_code, kind, error.error_code or "", message, headers)
        case anthropic.APIConnectionError():
            pass
        case _:
            why = f"{clean(client, str(error))} {errors.FIXES['auth']}"
            return ModelError("auth", why, charged=False)
    cause, host = error.__cause__, client.base_url.host
    match cause:
        case httpx2.ConnectError() | httpx2.ConnectTimeout() | httpx2.PoolTimeout() | httpx2.ProxyError():
            sent, slow = False, False
        case httpx2.LocalProtocolError() | httpx2.UnsupportedProtocol():  # its words may quote a header
            return _unsendable(client)
        case _:
            sent, slow = True, isinstance(cause, httpx2.TimeoutException)
    if slow:
        return ModelError("timeout", f"{host} does not answer", charged=sent)
    why = clean(client, str(cause or error)) or type(cause).__name__
    return ModelError("unreachable", f"{host}: {why}. {errors.FIXES['unreachable']}", charged=sent)


def _unsendable(client: "anthropic.Anthropic") -> ModelError:
    why = f"the request to {client.base_url.host} cannot be sent as HTTP"
    return ModelError("bad_request", f"{why}. Check ANTHROPIC_BASE_URL and ANTHROPIC_CUSTOM_HEADERS.", charged=False)


def clean(client: "anthropic.Anthropic", message: str) -> str:
    """Foreign words without the key that they may quote, and no longer than a person reads."""
    for secret in _secrets(client):
        if len(secret) > 7:
            message = message.replace(secret, "[key]")
    return message[:1_000]


def shut(connection: socket.socket) -> None:
    """End a connection under whoever reads from it."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


@contextlib.contextmanager
def alarm(response: "httpx2.Response", seconds: float) -> Iterator[None]:
    """Shut the connection of `response` when the time is over: reading alone is bounded per read only."""
    connection = response.extensions["network_stream"].get_extra_info("socket")
    timer = threading.Timer(max(0.0, seconds), shut, [connection])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
