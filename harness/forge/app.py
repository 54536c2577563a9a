"""Tokens of a GitHub App: minted for one repository with no more permissions than named, and given back."""

import base64
import os
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import quote

import msgspec

from harness.forge.errors import ForgeDenied, ForgeError, ForgeRejected, Uncertain
from harness.forge.github import API, headers
from harness.forge.wire import Wire

LIFE, SKEW = 540, 60
"""Seconds that the app's own word lives (GitHub allows 600), and by which clocks may differ."""


def mint(repository: str, app: str, key: str, permissions: Mapping[str, str], api: str = API) -> str:
    """A token of the app's installation on `repository`, for that repository and those permissions alone.

    Raises `ForgeDenied` for a key that is none, and what `Wire.send` raises.
    """
    wire = Wire(api, headers(assertion(app, key)))
    try:
        owner, _, name = repository.partition("/")
        number = int(wire.get(f"/repos/{quote(owner)}/{quote(name)}/installation")["id"])
        wanted = {"repositories": [name], "permissions": dict(permissions)}
        try:
            made = wire.post(f"/app/installations/{number}/access_tokens", wanted)
        except Uncertain:  # a token that nobody has seen runs out by itself
            made = wire.post(f"/app/installations/{number}/access_tokens", wanted)
        except ForgeRejected as error:
            fix = f"let the app have {', '.join(f'{name}: {access}' for name, access in permissions.items())}"
            raise ForgeDenied(error.what, error.why, fix) from None
        return str(made["token"])
    finally:
        wire.close()


def give_back(token: str, api: str = API) -> None:
    """End a token's life. One that cannot be ended runs out within the hour."""
    wire = Wire(api, headers(token))
    with suppress(ForgeError):
        wire.send("DELETE", "/installation/token")
    wire.close()


def assertion(app: str, key: str) -> str:
    """The app's own word for who it is: a JSON web token, signed by `openssl` with RS256. The key passes through a
    pipe and is written nowhere."""
    now = int(time.time())
    parts = ({"alg": "RS256", "typ": "JWT"}, {"iat": now - SKEW, "exp": now + LIFE, "iss": app})
    head = b".".join(_coded(msgspec.json.encode(part)) for part in parts)
    content = key.strip().encode() + b"\n"
    if len(content) > 16_384:  # what a pipe takes without a reader
        raise ForgeDenied("the app's private key is too long", "it is no key", "give the PEM file's content")
    reader, writer = os.pipe()
    try:
        os.write(writer, content)
        os.close(writer)
        command = ["openssl", "dgst", "-sha256", "-sign", f"/dev/fd/{reader}"]
        done = subprocess.run(command, input=head, capture_output=True, check=False, timeout=30, pass_fds=(reader,))
    except FileNotFoundError:
        raise ForgeDenied("the app's word cannot be signed", "there is no openssl here", "install it") from None
    except subprocess.TimeoutExpired:
        raise ForgeDenied(
            "the app's word cannot be signed", "openssl does not answer", "give a key without a passphrase"
        ) from None
    finally:
        os.close(reader)
    if done.returncode:
        raise ForgeDenied("the app's private key cannot be used", "openssl does not read it", "give the PEM file")
    return (head + b"." + _coded(done.stdout)).decode()


def _coded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
