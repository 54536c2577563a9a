"""The tools that search the tree: fixed programs of the sandbox, whose arguments no shell ever reads."""

import posixpath
import re
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from harness.agent.answer import Answer, Mistake, shown, text_of, whole_path
from sandboxes.base import WORKSPACE, Result, Sandbox

PATTERN_CHARS = 2_000

GREP_BYTES, GREP_LINE = 20_000, 500
"""What one `grep` shows, and how much of a line."""

GLOB_PATHS, GLOB_BYTES = 200, 4_000_000
"""Paths that one `glob` shows, and bytes of found paths that are sorted for it (some 50,000 paths)."""

SECONDS = 30.0


class Grep(Struct, frozen=True, forbid_unknown_fields=True):
    r"""Search the content of files, below a directory or in one file, for an extended regular expression (POSIX
    ERE; write [0-9] for \d). Binary files and .git are left out. Results are path:line:text."""

    pattern: Annotated[str, Meta(description="The regular expression.")]
    path: Annotated[str, Meta(description="Where to search; default: the whole of /w.")] | UnsetType = UNSET


class Glob(Struct, frozen=True, forbid_unknown_fields=True):
    """Find files by name, newest first, at most 200. ** stands for any directories: src/**/*.py."""

    pattern: Annotated[str, Meta(description="A glob pattern, relative to path.")]
    path: Annotated[str, Meta(description="The directory to search in; default: /w.")] | UnsetType = UNSET


def grep(sandbox: Sandbox, args: Grep) -> Answer:
    _check_pattern(args.pattern)
    command = ["grep", "-rnHIE", "--exclude-dir=.git", "-e", args.pattern]
    if args.path is not UNSET:
        whole_path(args.path)
        command += ["--", args.path]
    result = sandbox.run(command, timeout=SECONDS, cap=GREP_BYTES, merge=False)
    _check(result, "grep", (0, 1) if not result.stdout else (0, 1, 2))
    if not result.stdout:
        hint = r"; \d is no digit here, write [0-9]" if r"\d" in args.pattern else ""
        return Answer(f"no matches{hint}")
    lines = shown(result, GREP_BYTES).rstrip("\n").split("\n")
    return Answer("\n".join(line if len(line) <= GREP_LINE else f"{line[:GREP_LINE]}..." for line in lines))


def glob(sandbox: Sandbox, args: Glob) -> Answer:
    place = WORKSPACE if args.path is UNSET else posixpath.normpath(whole_path(args.path))
    result = sandbox.run(find_command(place, args.pattern), timeout=SECONDS, cap=GLOB_BYTES, merge=False)
    _check(result, "find", (0, 1) if result.stdout else (0,))
    # A record at the point of elision is two halves of different ones: only whole ones have a time and a path.
    records = [record.split(b"\t", 1) for record in result.stdout.split(b"\0")]
    found = sorted((-_seconds(r[0]), r[1]) for r in records if len(r) == 2)
    if not found:
        hint = "; it was looked for in one directory only, put **/ before it" if "/" not in args.pattern else ""
        return Answer(f"no matches{hint}")
    prefix = "" if args.path is UNSET else args.path
    paths = [posixpath.join(prefix, text_of(path)) for _, path in found[:GLOB_PATHS]]
    rest = len(found) - len(paths)
    if rest or result.elided:
        paths.append(f"({'more than ' if result.elided else ''}{rest} more; narrow the pattern)")
    return Answer("\n".join(paths))


def find_command(place: str, pattern: str) -> list[str]:
    """The `find` that prints `seconds TAB path NUL` for each file below `place` (absolute) that matches a glob."""
    _check_pattern(pattern)
    root = place.rstrip("/") + "/"
    pattern = pattern.removeprefix(root)
    parts = pattern.split("/")
    if pattern.startswith("/") or ".." in parts:
        raise Mistake("the pattern is relative and goes down only; name another directory as path")
    regex = _escaped(root) + expression("/".join([*(part for part in parts[:-1] if part != "."), parts[-1]]))
    kept = ["(", "-type", "f", "-o", "-type", "l", ")", "-regex", regex, "-printf", r"%T@\t%P\0"]
    return ["find", root, "-regextype", "posix-extended", "-name", ".git", "-prune", "-o", *kept]


def expression(pattern: str) -> str:
    """A glob as a POSIX extended regular expression over whole paths."""
    braces = pattern.count("{") == pattern.count("}")
    depth, out, at = 0, "", 0
    while at < len(pattern):
        rest = pattern[at:]
        if stars := re.match(r"\*+", rest):
            whole = stars[0] == "**" and (at == 0 or pattern[at - 1] == "/")
            after = rest[2:3]
            if whole and after in ("", "/"):
                out, at = out + ("(.*/)?" if after else ".*"), at + 3
            else:
                out, at = out + "[^/]*", at + stars.end()
            continue
        if group := re.match(r"\[([!^]?)(\][^\]/]*|[^\]/]+)\]", rest):
            out, at = out + _one_of(group[2], bool(group[1])), at + group.end()
            continue
        match rest[0]:
            case "?":
                out += "[^/]"
            case "{" if braces:
                out, depth = out + "(", depth + 1
            case "," if depth:
                out += "|"
            case "}" if depth:
                out, depth = out + ")", depth - 1
            case other:
                out += _escaped(other)
        at += 1
    return out + ")" * depth


def _one_of(members: str, negated: bool) -> str:
    """A bracket expression that never matches a slash. Ranges go from one letter or digit to another only."""
    ranges = "".join(re.findall(r"[^\W_]-[^\W_]", members))
    singles = set(re.sub(r"[^\W_]-[^\W_]", "", members)) - {"/"} | ({"/"} if negated else set())
    # POSIX.1-2017, 9.3.5: `]` is itself in the first place only, `-` in the last, `^` anywhere but in the first,
    # and `[` where no `.`, `:` or `=` follows.
    last = "".join(char for char in "^[-" if char in singles)
    plain = "".join(sorted(singles - set("]^[-")))
    body = ("]" if "]" in singles else "") + ranges + plain + last
    return r"\^" if body == "^" and not negated else f"[{'^' if negated else ''}{body}]"


def _check_pattern(pattern: str) -> None:
    if not pattern or "\0" in pattern or len(pattern) > PATTERN_CHARS:
        raise Mistake(f"a pattern has 1 to {PATTERN_CHARS} characters and no NUL")


def _escaped(text: str) -> str:
    return re.sub(r"[.^$*+?()\[\]{}|\\]", r"\\\g<0>", text)


def _seconds(number: bytes) -> float:
    try:
        return float(number)
    except ValueError:
        return 0.0


def _check(result: Result, program: str, good: tuple[int, ...]) -> None:
    if result.timed_out:
        raise TimeoutError(f"{program} took more than {SECONDS:.0f} s: narrow the path")
    if result.exit_code == 127:
        raise Mistake(f"this sandbox has no {program}: use bash")
    if result.exit_code not in good:
        why = text_of(result.stderr).strip().removeprefix(f"{program}: ")
        raise Mistake(why or f"failed with exit code {result.exit_code}")
