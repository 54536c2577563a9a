"""What a person sees of a Markdown text, and how much of it nobody does.

A list of what to keep, not of what to remove: the text is rendered, and the words, link targets and image hosts of
the result are taken over. What lies in comments, attributes, hidden elements, unused definitions and invisible
characters is counted and left out. This reduces noise; it is no wall: the wall is the sandbox.
"""

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

import msgspec

from harness.clean import clean

LONGEST = 60_000
"""Characters of one text that are looked at: a forge's own limit is 65,536."""
_UNSEEN = re.compile(r"<!--.*?(?:-->|\Z)|<\?.*?(?:\?>|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)|<![A-Za-z].*?(?:>|\Z)", re.DOTALL)
_BLOCKS = frozenset(
    (
        "p",
        "div",
        "ul",
        "ol",
        "table",
        "tr",
        "blockquote",
        "details",
        "section",
        "article",
        "header",
        "footer",
        "hr",
        "br",
    )
)
_SILENT = frozenset(
    (
        *("script", "style", "template", "noscript", "iframe", "object", "embed"),
        *("svg", "math", "head", "title", "textarea", "select"),
    )
)
_VOID = frozenset(("br", "hr", "img", "input", "meta", "link", "area", "base", "col", "source", "track", "wbr"))
_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0|opacity\s*:\s*0", re.IGNORECASE)


class Seen(msgspec.Struct, frozen=True):
    """The visible text, and the number of characters that were not."""

    text: str
    hidden: int


def visible(text: str) -> Seen:
    """The part of a Markdown text that its readers see."""
    from markdown_it import MarkdownIt

    cut = text[:LONGEST]
    shown = clean(cut)
    hidden = len(text) - len(cut) + max(0, len(cut.replace("\r\n", "\n")) - len(shown))
    env: dict[str, dict[str, dict[str, str]]] = {}
    html = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(shown, env)
    hidden += sum(len(name) + len(each.get("title", "")) for name, each in env.get("references", {}).items())
    for match in _UNSEEN.finditer(html):
        hidden += len(match.group())
    walker = _Walker()
    walker.feed(_UNSEEN.sub("", html))
    walker.close()
    lines = "".join(walker.out).splitlines()
    kept = "\n".join(line.rstrip() for line in lines)
    return Seen(re.sub(r"\n{3,}", "\n\n", kept).strip(), hidden + walker.hidden)


def one_line(text: str, width: int = 120) -> str:
    """A text as one line of plain words."""
    words = " ".join(clean(text[:LONGEST]).split())
    return words if len(words) <= width else words[: width - 1] + "…"


class _Walker(HTMLParser):
    """Collects the words of rendered Markdown."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.hidden = 0
        self._unseen: list[str] = []
        self._links: list[str] = []
        self._code = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        shown = {"a": ("href",), "img": ("src",), "code": ("class",), "ol": ("start",)}.get(tag, ())
        self.hidden += sum(len(value) for name, value in given.items() if name not in shown)
        if self._unseen or tag in _SILENT or "hidden" in given or _STYLE.search(given.get("style", "")):
            if tag not in _VOID:
                self._unseen.append(tag)
            return
        match tag:
            case "a":
                self._links.append(given.get("href", ""))
            case "img":
                self.out.append(f"[image on {urlsplit(given.get('src', '')).hostname or 'this page'}]")
            case "pre":
                self.out.append("\n```\n")
                self._code = True
            case "li":
                self.out.append("\n- ")
            case "h1" | "h2" | "h3" | "h4" | "h5" | "h6":
                self.out.append("\n\n" + "#" * int(tag[1]) + " ")
            case "td" | "th":
                self.out.append(" | ")
            case "code" if not self._code:
                self.out.append("`")
            case _ if tag in _BLOCKS:
                self.out.append("\n")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._unseen:
            if tag in self._unseen:
                while self._unseen.pop() != tag:
                    pass
            return
        match tag:
            case "a":
                target = self._links.pop() if self._links else ""
                if target.startswith(("http://", "https://")) and target not in "".join(self.out[-1:]):
                    self.out.append(f" ({target})")
            case "pre":
                self.out.append("```\n")
                self._code = False
            case "code" if not self._code:
                self.out.append("`")
            case _ if tag in _BLOCKS or tag[:1] == "h":
                self.out.append("\n")

    def handle_data(self, data: str) -> None:
        if self._unseen:
            self.hidden += len(data.strip())
        else:
            self.out.append(data)
