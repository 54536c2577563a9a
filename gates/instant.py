"""Instant feedback for a maker: what the linter says of the file it has just changed, in its own sandbox.

Clearly no evidence: the tree, the configuration and the answer are the maker's. What counts is found in a clean room.
"""

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from gates.base import Gate
from gates.tools import TOOLS
from sandboxes.base import Sandbox

SECONDS = 5.0
SHOWN = 8
CALL = """
grep -qs 'tool[.]ruff' pyproject.toml || ls ruff.toml .ruff.toml >/dev/null 2>&1 || set -- "$@" --select=E4,E7,E9,F
exec "$0" "$@"
"""
"""Where nothing configures ruff, mistakes alone: as the gate does it."""
OPTIONS = ("check", "--output-format=json", "--no-cache", "--force-exclude", "--no-fix", "--quiet")


class _Place(msgspec.Struct):
    row: int


class _Found(msgspec.Struct):
    code: str | None
    message: str
    location: _Place

    @property
    def key(self) -> tuple[str | None, str]:
        return self.code, self.message


def remark(gates: Iterable[Gate], sandbox: Sandbox, path: str, before: bytes) -> str:
    """What is new in a file that was just written, in a few lines; nothing where no linter is a gate, or it is quiet.

    Syntax errors are told by who wrote the file.
    """
    gate = next((gate for gate in gates if gate.kind == "ruff"), None)
    if gate is None or not path.endswith((".py", ".pyi")):
        return ""
    options = (*OPTIONS, *shlex.split(gate.command or ""))
    found = _ask(sandbox, [*options, path])
    if not found:
        return ""
    old = Counter(one.key for one in _ask(sandbox, [*options, "--stdin-filename", path, "-"], before))
    new = [one for one in found if one.code not in (None, "invalid-syntax") and not _known(one, old)]
    if not new:
        return ""
    lines = [f"  line {one.location.row}: {one.code} {one.message[:200]}" for one in new[:SHOWN]]
    more = [f"  ... and {len(new) - SHOWN} more"] if len(new) > SHOWN else []
    return "\n".join(["\nruff says of this change (a hint, no evidence):", *lines, *more])


def _ask(sandbox: Sandbox, options: Sequence[str], stdin: bytes = b"") -> list[_Found]:
    """The findings; none when the linter cannot say any."""
    done = sandbox.run(
        ["sh", "-c", CALL, f"{TOOLS}/ruff", *options], stdin=stdin, timeout=SECONDS, cap=400_000, merge=False
    )
    if done.exit_code != 1 or done.elided:
        return []
    try:
        return msgspec.json.decode(done.stdout, type=list[_Found])
    except (msgspec.DecodeError, RecursionError):
        return []


def _known(one: _Found, old: Counter[tuple[str | None, str]]) -> bool:
    """Whether the file had this finding before, as often."""
    old[one.key] -= 1
    return old[one.key] >= 0
