"""Files attached to an issue: text of a modest size, from the forge's own hosts, and no more than a few.

An API token does not open an attachment of a private repository; the address in the rendered body does, for a few
minutes. It is matched by the attachment's id, and only the forge's hosts are asked.
"""

import re
from urllib.parse import unquote, urlsplit

import msgspec

from harness.clean import clean
from harness.forge import Forge, ForgeError
from harness.forge.github import GitHub
from harness.github.visible import one_line

COUNT, BYTES = 5, 256 << 10
FULL = "application/vnd.github.full+json"
"""The form of an issue that has its rendered body."""
_LINK = re.compile(r"https?://[^\s()<>\"']+/user-attachments/(?:files|assets)/[\w-]+(?:/[^\s()<>\"']*)?")
_TEXT = (".txt", ".log", ".json", ".csv", ".md", ".patch", ".diff", ".xml", ".yml", ".yaml", ".toml", ".py")
_HOSTS = (
    "objects.githubusercontent.com",
    "private-user-images.githubusercontent.com",
    "user-images.githubusercontent.com",
)


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """An attached file; `text` is empty, and `left_out` says why, when it is not shown."""

    name: str
    text: str = ""
    left_out: str = ""


def attached(github: Forge, number: int, bodies: list[str]) -> tuple[Attachment, ...]:
    """The files that the texts link to, at GitHub. One that cannot be had is named with the reason."""
    if not isinstance(github, GitHub):
        return ()
    links = list(dict.fromkeys(link for body in bodies for link in _LINK.findall(body)))
    ours = [link for link in links if link.startswith(github.server + "/")]
    if not ours:
        return ()
    try:
        html = str(github.wire.send("GET", github.api(f"/issues/{number}"), accept=FULL).json().get("body_html") or "")
    except ForgeError:
        html = ""
    found = [_fetch(github, link, html) for link in ours[:COUNT]]
    found += [Attachment(name=_name(link), left_out=f"more than {COUNT} files") for link in ours[COUNT:]]
    return tuple(found)


def _fetch(github: GitHub, link: str, html: str) -> Attachment:
    name = _name(link)
    if not name.lower().endswith(_TEXT):
        return Attachment(name=name, left_out="no text file")
    ident = link.split("/user-attachments/", 1)[1].split("/")[1]
    signed = re.search(rf'https?://[^"\s<>]*(?<!\w){re.escape(ident)}(?!\w)[^"\s<>]*', html)
    host = urlsplit(github.server).hostname or ""
    try:
        content = github.wire.download((signed[0] if signed else link).replace("&amp;", "&"), BYTES, (*_HOSTS, host))
    except ForgeError as error:
        return Attachment(name=name, left_out=one_line(error.what))
    if b"\0" in content:
        return Attachment(name=name, left_out="no text")
    try:
        return Attachment(name=name, text=clean(content.decode()))
    except UnicodeDecodeError:
        return Attachment(name=name, left_out="no UTF-8")


def _name(link: str) -> str:
    return one_line(unquote(urlsplit(link).path.rpartition("/")[2]), 80)
