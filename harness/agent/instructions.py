"""The words a conversation starts with: the roles' prompts, the repository's instructions, sections of data."""

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

from harness.events import Role

INSTRUCTION_BYTES = 16_384
"""What all instruction files together may say; about 4,000 tokens."""


_GAP = r"[\s\u200b-\u200f\u2060\ufeff]*"


@cache
def prompt(role: Role) -> str:
    """The system prompt of a role: the same text in every run, so that it is cached across all of them."""
    return resources.files("harness.agent").joinpath("prompts", f"{role}.md").read_text(encoding="utf-8")


def section(tag: str, text: str, **attributes: str) -> str:
    """`text` as data between tags that nothing in it can open or close.

    Inside, a `<` that would begin one of these very tags is written `&lt;`; all else stays as it is.
    """
    name = re.escape(tag)
    inert = re.sub(rf"<(?={name}\b|{_GAP}/{_GAP}{name}\b)", "&lt;", text, flags=re.IGNORECASE)
    head = "".join(f' {name}="{_quoted(value)}"' for name, value in attributes.items())
    return f"<{tag}{head}>\n{inert.strip(chr(10))}\n</{tag}>"


def instructions(files: Mapping[str, bytes], cap: int = INSTRUCTION_BYTES) -> str:
    """The repository's AGENTS.md and CLAUDE.md files as one section: root first, `cap` bytes in all, copies once.

    Empty when there is nothing to say. What did not fit is named, so that it can be read in the tree.
    """
    parts, left_out, seen = [], [], set[bytes]()
    for path in sorted(files, key=lambda path: (path.count("/"), path)):
        data = files[path].strip()
        if not data or data in seen:
            continue
        seen.add(data)
        if cap <= 0:
            left_out.append(path)
            continue
        text = data[:cap].decode(errors="ignore" if len(data) > cap else "replace")
        if len(data) > cap:
            text += f"\n(cut; {len(data) - cap} bytes more in the file)"
        cap -= len(data)
        parts.append(section("file", text, path=path))
    if not parts:
        return ""
    if left_out:
        parts.append(f"Not shown: {', '.join(_quoted(path) for path in left_out)}")
    return section("instructions", "\n".join(parts))


def _quoted(text: str) -> str:
    """A name that a repository chose, fit for an attribute or a line."""
    plain = "".join(char if char.isprintable() else "?" for char in text.encode(errors="replace").decode())
    return plain.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
