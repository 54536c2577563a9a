"""Scripts that a gate's line comes to by way of others: what a makefile's target, a shell script or a script of
package.json runs decides what the gate does as much as its own line."""

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

SHELLS = re.compile(r"(?:ba|da|z|k)?sh|source|\.|exec|env|time|timeout|xargs|node|deno|bun|ruby|perl|php|python[\d.]*")
SHELL = frozenset(("", ".sh", ".bash", ".zsh", ".mk"))
TOOLING = frozenset(("scripts", "script", "tools", "bin", "ci", "build", "hack", "dev"))
"""Directories of programs that serve the repository; elsewhere a program is taken for what is judged."""
MAKEFILES = ("Makefile", "makefile", "GNUmakefile")
MANAGERS = frozenset(("npm", "yarn", "pnpm"))
RULE = re.compile(r"^([^\s:#=][^:#=]*)::?(?!=)\s*([^=]*)$")
SET = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*[:?]?=\s*(.*)$")
MOST = 200
"""Files looked into."""

Read = Callable[[str], bytes | None]


def called(line: str, first: set[str], paths: frozenset[str], read: Read) -> set[str]:
    """The scripts among `paths` that a line runs through `first`, those that it names itself, and through what those
    run in their turn."""
    found, waiting = set[str](), [*_lines_of_scripts(line, paths, read)]
    left = [(path, line) for path in sorted(first) if _is_script(path)]
    seen = set(first)
    while (left or waiting) and len(seen) < MOST:
        if left:
            waiting += _lines(*left.pop(), read)
            continue
        inner = waiting.pop()
        for path in _scripts(inner):
            if path in paths and path not in seen:
                seen.add(path)
                found.add(path)
                left.append((path, inner))
    return found


def _is_script(path: str) -> bool:
    return PurePosixPath(path).suffix in SHELL


def _lines(path: str, by: str, read: Read) -> list[str]:
    """The lines of a script that are run when the line `by` runs it."""
    text = (read(path) or b"")[:200_000].decode(errors="replace").replace("\\\n", " ")
    if PurePosixPath(path).name in MAKEFILES:
        return _recipes(text, by)
    return [line for line in text.splitlines() if not line.lstrip().startswith("#")]


def _recipes(text: str, by: str) -> list[str]:
    """What the targets that are asked for run, with those that they need; without one, the first."""
    needs, recipes = dict[str, list[str]](), dict[str, list[str]]()
    values, included, current = dict[str, str](), list[str](), list[str]()
    for line in text.splitlines():
        if line.startswith("\t"):
            for target in current:
                recipes[target].append(line.strip().lstrip("@-+"))
        elif found := SET.match(line):
            values[found[1]] = found[2]
        elif found := RULE.match(line):
            current = [t for t in found[1].split() if not t.startswith(".")]
            for target in current:
                needs.setdefault(target, []).extend(found[2].partition("#")[0].split())
                recipes.setdefault(target, [])
        elif line.startswith(("include ", "-include ", "sinclude ")):
            included.append(f"source {line.partition(' ')[2]}")
    wanted = [word for word in by.split() if word in needs] or list(needs)[:1]
    done, lines = set[str](), list(included)
    while wanted:
        target = wanted.pop()
        if target in done or target not in needs:
            continue
        done.add(target)
        filled = [re.sub(r"\$[({](\w+)[)}]", lambda m: values.get(m[1], ""), each) for each in recipes[target]]
        lines += filled
        wanted += [*needs[target], *(word for each in filled if "make" in each.lower() for word in each.split())]
    return lines


def _lines_of_scripts(line: str, paths: frozenset[str], read: Read) -> Iterator[str]:
    """What `npm test` and the like run, by base's package.json."""
    words = line.split()
    if "package.json" not in paths or MANAGERS.isdisjoint(words):
        return
    try:
        scripts = json.loads(read("package.json") or b"{}").get("scripts", {})
    except (ValueError, RecursionError, AttributeError):
        return
    if isinstance(scripts, dict):
        for name in words:
            for each in (f"pre{name}", name, f"post{name}"):
                if isinstance(scripts.get(each), str):
                    yield scripts[each]


def _scripts(line: str) -> Iterator[str]:
    """The files that a line of a script runs."""
    for part in re.split(r"[;&|()`\n]", line):
        words = _words(part)
        while words and (re.match(r"\w+=", words[0]) or words[0] in ("if", "then", "do", "!", "else", "while")):
            del words[0]
        for n, word in enumerate(words):
            runs = n == 0 or SHELLS.fullmatch(words[n - 1].rpartition("/")[2])
            path = PurePosixPath(word)
            if runs and (path.suffix in SHELL or not TOOLING.isdisjoint(path.parts[:-1])):
                yield word.removeprefix("./")


def _words(part: str) -> list[str]:
    try:
        return shlex.split(part, comments=True)
    except ValueError:
        return part.split()
