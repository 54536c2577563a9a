"""A plan once somebody has approved it: read again from its comment, as it stands there. Whoever approves it has seen
exactly that, and may have changed it before."""

import re
from typing import TYPE_CHECKING

import msgspec

from harness.clean import clean
from harness.forge.github import GitHub
from harness.github import tracker
from harness.github.snapshot import before, edits
from harness.github.visible import one_line, visible

if TYPE_CHECKING:
    from markdown_it.token import Token

CRITERIA, PATHS = "Acceptance criteria", "Paths that may change"
ROWS = 20
_GLOB = re.compile(r"[^\s`/][^\s`]{0,200}")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan's comment shows."""

    text: str
    url: str = ""
    criteria: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    """Globs; none where it names none."""


def plan_of(github: GitHub, number: int, at: str, voices: tuple[int, ...] = ()) -> Plan | None:
    """The newest plan of ours under an issue that stood there at `at` as it stands now."""
    plans = [comment for comment, ledger in tracker.marked(github, number, voices) if ledger.kind == "plan"]
    if not plans:
        return None
    known = edits(github, number)
    for each in plans:
        if before([each], at, known)[0]:
            return read(each.body, each.url)
    return None


def read(body: str, url: str = "") -> Plan:
    """The plan in a comment: what a reader sees of it, and the two lists that bind the run. They are taken from the
    comment's structure: a model's words can look like a heading, and cannot be one."""
    lists = _lists(clean(body))
    criteria = (_words(item).strip().removeprefix("[ ]") for item in lists.get(CRITERIA, ()))
    globs = (item[0].content for item in lists.get(PATHS, ()) if len(item) == 1 and item[0].type == "code_inline")
    return Plan(
        text=visible(body).text,
        url=url,
        criteria=tuple(words for each in criteria if (words := one_line(each, 300)))[:ROWS],
        scope=tuple(each for each in globs if _GLOB.fullmatch(each))[:ROWS],
    )


def _lists(text: str) -> dict[str, list[list["Token"]]]:
    """The items of the lists below each heading of the fourth order, as the pieces of their first lines."""
    from markdown_it import MarkdownIt

    found: dict[str, list[list[Token]]] = {}
    head, inside = "", ""
    for token in MarkdownIt("commonmark", {"html": True}).parse(text):
        match token.type:
            case "heading_open":
                head, inside = "", token.tag
            case "list_item_open":
                inside = "li"
            case "inline" if inside == "h4":
                head, inside = token.content, ""
            case "inline" if inside == "li":
                found.setdefault(head, []).append(list(token.children or ()))
                inside = ""
            case "inline":
                head = "" if inside else head
                inside = ""
    return found


def _words(item: list["Token"]) -> str:
    return "".join(piece.content for piece in item if piece.type in ("text", "code_inline"))
