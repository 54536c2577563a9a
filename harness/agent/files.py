"""The tools that read and change one file, through the sandbox's own file access."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from harness.agent.answer import Answer, Mistake, text_of, whole_path
from sandboxes.base import FileRefused, Sandbox

READ_LINES, READ_BYTES, LINE_CHARS = 2_000, 50_000, 2_000
"""What one `read` shows."""

FILE_BYTES = 16 * 1024 * 1024
"""The largest file that is read or edited: room for the spilled output of a command."""

WRITE_BYTES = 256 * 1024
"""The largest file that is written, as in agent_toolset_20260401."""

REDACTED = "[redacted:"
"""How every mark of `harness.clean` begins: what the model was shown in the place of a credential."""

_NO_MARKS = f"{REDACTED}...] stands for something you were not shown; use edit on the parts around it"

_PARSE = """
import sys
sys.stdout.reconfigure(errors="replace")
try:
    compile(sys.stdin.buffer.read(), "file", "exec", dont_inherit=True)
except (SyntaxError, ValueError) as error:
    print(f"line {getattr(error, 'lineno', None) or 1}: {getattr(error, 'msg', error)}")
"""


class Read(Struct, frozen=True, forbid_unknown_fields=True):
    """Read a text file. Lines are numbered from 1. At most 2000 lines or 50 KB are shown; the rest can be read
    with view_range."""

    file_path: Annotated[str, Meta(description="The file; relative paths start at /w.")]
    view_range: (
        Annotated[
            list[int],
            Meta(description="First and last line to show; -1 as the last is the end.", min_length=2, max_length=2),
        ]
        | UnsetType
    ) = UNSET


class Write(Struct, frozen=True, forbid_unknown_fields=True):
    """Write a whole file, replacing what was there; missing directories are made. To change a part of a file, use
    edit."""

    file_path: Annotated[str, Meta(description="The file; relative paths start at /w.")]
    content: Annotated[str, Meta(description="The new content, all of it.")]


class Edit(Struct, frozen=True, forbid_unknown_fields=True):
    """Replace an exact text in a file. old_string has to occur exactly once, unless replace_all is set: give
    enough of the lines around it. The line numbers that read shows are not part of the file."""

    file_path: Annotated[str, Meta(description="The file; relative paths start at /w.")]
    old_string: Annotated[str, Meta(description="The text to replace, with its exact whitespace.")]
    new_string: Annotated[str, Meta(description="What stands there afterwards.")]
    replace_all: Annotated[bool, Meta(description="Replace every occurrence.")] = False


def read(sandbox: Sandbox, args: Read) -> Answer:
    data = sandbox.read(whole_path(args.file_path), limit=FILE_BYTES)
    if b"\0" in data[:8_192]:
        raise Mistake(f"{args.file_path} is a binary file of {len(data)} bytes")
    lines = data.removesuffix(b"\n").split(b"\n") if data else []
    if not lines:
        return Answer("(the file is empty)")
    first, last = (1, -1) if args.view_range is UNSET else args.view_range
    last = len(lines) if last == -1 else min(last, len(lines))
    if not 1 <= first <= last:
        raise Mistake(f"no lines {args.view_range}: {args.file_path} has the lines 1 to {len(lines)}")
    shown: list[str] = []
    room, number = READ_BYTES, first
    for number in range(first, min(last, first + READ_LINES - 1) + 1):
        line = _numbered(number, lines[number - 1])
        room -= len(line.encode()) + 1
        if room < 0 and shown:
            number -= 1
            break
        shown.append(line)
    if number < last:
        shown.append(f"(lines {first} to {number} of {len(lines)}; go on with view_range [{number + 1}, -1])")
    return Answer("\n".join(shown))


def write(sandbox: Sandbox, args: Write) -> Answer:
    path, data = whole_path(args.file_path), args.content.encode()
    if REDACTED in args.content and REDACTED.encode() not in before(sandbox, path):
        raise Mistake(_NO_MARKS)
    if len(data) > WRITE_BYTES:
        raise Mistake(f"{len(data)} bytes are more than the {WRITE_BYTES} that can be written at once")
    broken = _broken(sandbox, path, data)
    remark = _remark(sandbox, broken, before(sandbox, path) if broken else b"")
    sandbox.write(path, data)
    return Answer(f"wrote {args.file_path}: {args.content.count(chr(10))} lines, {len(data)} bytes{remark}")


def edit(sandbox: Sandbox, args: Edit) -> Answer:
    path = whole_path(args.file_path)
    if not args.old_string:
        raise Mistake("old_string is empty; use write to make a file")
    if args.old_string == args.new_string:
        raise Mistake("old_string and new_string are the same")
    data = sandbox.read(path, limit=FILE_BYTES)
    crlf = b"\r\n" in data and data.count(b"\n") == data.count(b"\r\n")
    text = data.decode(errors="surrogateescape")
    old, new = args.old_string, args.new_string
    if REDACTED in new and REDACTED not in text:
        raise Mistake(_NO_MARKS)
    if crlf:
        text, old, new = (part.replace("\r\n", "\n") for part in (text, old, new))
    count = text.count(old)
    if count == 0:
        raise Mistake(f"old_string is not in {args.file_path}{_near(text, old)}")
    if count > 1 and not args.replace_all:
        raise Mistake(
            f"old_string occurs {count} times in {args.file_path}, at the lines {_places(text, old)}:"
            " add lines around it, or set replace_all"
        )
    changed = text.replace(old, new)
    after = (changed.replace("\n", "\r\n") if crlf else changed).encode(errors="surrogateescape")
    broken = _broken(sandbox, path, after)
    sandbox.write(path, after)
    where = f"line {_places(text, old)}" if count == 1 else f"{count} places"
    return Answer(f"edited {args.file_path} at {where}{_remark(sandbox, broken, data)}")


def _numbered(number: int, line: bytes) -> str:
    text = text_of(line.removesuffix(b"\r"))
    if len(text) > LINE_CHARS:
        text = f"{text[:LINE_CHARS]}... ({len(text) - LINE_CHARS} more characters)"
    return f"{number:6d}\t{text}"


def _places(text: str, part: str, most: int = 10) -> str:
    """The numbers of the lines at which `part` begins."""
    lines: list[str] = []
    at = text.find(part)
    while at >= 0 and len(lines) < most:
        lines.append(str(text.count("\n", 0, at) + 1))
        at = text.find(part, at + len(part))
    return ", ".join(lines) + (", ..." if at >= 0 else "")


def _near(text: str, old: str) -> str:
    """Where the first line of a text that was not found stands with other whitespace."""
    wanted = next((line.strip() for line in old.split("\n") if line.strip()), "")
    for number, line in enumerate(text.split("\n"), 1):
        if wanted and line.strip() == wanted:
            return f"; a line like its first is line {number}: read the file again and copy it exactly"
    return ""


def before(sandbox: Sandbox, path: str) -> bytes:
    """What a file holds; nothing when it cannot be read."""
    try:
        return sandbox.read(path, limit=FILE_BYTES)
    except FileRefused:
        return b""


def _broken(sandbox: Sandbox, path: str, data: bytes) -> str:
    """The syntax error of a Python file, by the sandbox's own Python; empty when there is none, or no Python."""
    if not path.endswith((".py", ".pyi")):
        return ""
    result = sandbox.run(["python3", "-I", "-S", "-c", _PARSE], stdin=data, timeout=10, cap=1_000, merge=False)
    return text_of(result.stdout).strip() if result.exit_code == 0 else ""


def _remark(sandbox: Sandbox, broken: str, earlier: bytes) -> str:
    if not broken or _broken(sandbox, ".py", earlier):
        return ""
    return f"\nThe file now has a syntax error that it did not have before, {broken}"
