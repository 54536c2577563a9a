"""Tool calls as blocks: what was called with what, what came of it; a failure is open, the rest is one line."""

import difflib
import re
from typing import Any

import msgspec

from harness.events import ToolFinished, ToolStarted
from harness.goal import MICRO
from tui.block import Block, Row, folded
from tui.text import Tone, one_line

EXIT = re.compile(r"\[exit code (-?\d+)\]\s*\Z")
"""How the tool `bash` ends its output when a command failed."""
LOUD = re.compile(r"^(E  |FAILED|ERROR|error|Error|Traceback|fatal:|\w*(?:Error|Exception)\b)")
SIGNS = {"bash": "$", "background": "&"}
ROWS = 200
"""Rows of an output that are looked at for its body."""


def begun(event: ToolStarted, seq: int) -> Block:
    """A call that has no result yet."""
    name = SIGNS.get(event.name, event.name)
    body, changed = _change(event)
    rows, more = folded(body)
    return Block(
        seq=seq, text=f"{name} {one_line(event.summary)}", call=f"{event.conversation}/{event.call}", waiting=True,
        right=changed or "…", body=rows, more=more,
    )  # fmt: skip


def ended(block: Block | None, event: ToolFinished, seq: int) -> Block:
    """The call with its result; `block` is its beginning where that is known."""
    if block is None:
        name = SIGNS.get(event.name, event.name)
        block = Block(seq=seq, text=name, call=f"{event.conversation}/{event.call}")
    code = found.group(1) if (found := EXIT.search(event.output)) else ""
    failed = event.status in ("error", "environment") or bool(code)
    body, more = block.body, block.more
    if failed or not body:
        body, more = folded(_output(event.output), end=bool(code))
    mark = "·" if event.status == "skipped" else "✗" if failed else "✓"
    changed = block.right if block.waiting and block.right != "…" else ""
    return msgspec.structs.replace(
        block, waiting=False, mark=mark, body=body, more=more, until=seq,
        open=failed or block.open or bool(changed),
        right=" · ".join(filter(None, (_said(event, code, changed), _took(event.micros)))),
    )  # fmt: skip


def _said(event: ToolFinished, code: str, changed: str) -> str:
    if code:
        return f"exit {code}"
    if event.status != "ok":
        return event.status
    if changed:
        return changed
    count = event.output.count("\n") + bool(event.output.strip())
    return f"{count} line{'' if count == 1 else 's'}" if event.name in ("read", "grep", "glob", "bash") else ""


def _took(micros: int) -> str:
    return f"{micros / MICRO:.1f}s" if micros < 60 * MICRO else f"{micros // (60 * MICRO)}m{micros // MICRO % 60:02}"


def _output(output: str) -> list[Row]:
    rows = EXIT.sub("", output).rstrip("\n").split("\n")[-ROWS:]
    return [(row.expandtabs(4), "bad" if LOUD.match(row) else "dim") for row in rows] if output.strip() else []


def _change(event: ToolStarted) -> tuple[list[Row], str]:
    """What an edit or a write changes, as rows of a diff, and its size."""
    if event.name not in ("edit", "write") or not event.input:
        return [], ""
    try:
        given: dict[str, Any] = msgspec.json.decode(event.input, type=dict[str, Any])
    except msgspec.DecodeError:
        return [], ""
    old, new = given.get("old_string", ""), given.get("new_string", given.get("content", ""))
    if not isinstance(old, str) or not isinstance(new, str):
        return [], ""
    rows = list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=2))[2:]
    plus, minus = (sum(row.startswith(sign) for row in rows) for sign in "+-")
    return [(row.expandtabs(4), _tone(row)) for row in rows if not row.startswith("@@")], f"+{plus} −{minus}"


def _tone(row: str) -> Tone:
    return {"+": "add", "-": "del"}.get(row[:1], "dim")
