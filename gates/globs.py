"""Path globs: `**` crosses directories, `*` and `?` do not, everything else is literal."""

import functools
import re
from collections.abc import Iterable


def matches(path: str, globs: Iterable[str], *, anywhere: bool = False) -> bool:
    """Whether `path`, or a directory above it, is named by one of `globs`.

    A glob starts at the root; with `anywhere`, one without a slash inside it matches at any depth. Lists that
    forbid should pass `anywhere`, lists that permit should not.
    """
    return any(_pattern(glob, anywhere).fullmatch(path) for glob in globs)


@functools.lru_cache(maxsize=1024)
def _pattern(glob: str, anywhere: bool) -> re.Pattern[str]:
    body = glob.strip("/")
    deep = "(?:.*/)?" if anywhere and "/" not in body and not glob.startswith("/") else ""
    tokens = re.findall(r"\*\*/|\*\*|.", body, re.DOTALL)
    return re.compile(deep + "".join(_TOKENS.get(t) or re.escape(t) for t in tokens) + "(?:/.*)?", re.DOTALL)


_TOKENS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
