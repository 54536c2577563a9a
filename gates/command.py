"""The gate `command`: any shell line, judged by its exit status."""

import itertools
import re
import shlex
from pathlib import PurePosixPath

from gates import trees
from gates.base import Failure, Gate, GateResult, Room, Status
from gates.called import called
from gates.contents import base_content
from gates.naming import REQUIRED
from sandboxes.base import WORKSPACE, Result

NAMED_BY = {
    "make": ("Makefile", "makefile", "GNUmakefile"),
    "just": ("justfile", "Justfile", ".justfile"),
    "task": ("Taskfile.yml", "Taskfile.yaml"),
    "rake": ("Rakefile",),
    "invoke": ("tasks.py",),
    "nox": ("noxfile.py",),
    "hatch": ("hatch.toml",),
}
"""The files in which a runner finds what its targets do."""

INTERPRETERS = re.compile(
    r"(?:ba|da|z|k)?sh|python[\d.]*|node|deno|bun|ruby|perl|php|env|exec|time|timeout|xargs|npx|uv"
)
"""Commands that run the files they name."""
CONFIGURATION = ("", ".sh", ".cfg", ".ini", ".toml", ".json", ".yml", ".yaml", ".mk")

TAIL = 6_000


def command(gate: Gate, room: Room) -> GateResult:
    """Run the line on the candidate's tree, with base's version of the scripts and makefiles that the line names.

    Where the candidate changed tests of base, or what lies beside them, the line has to pass with base's own as well:
    it may be what runs them.
    An exit status cannot tell new failures from old ones, so a line that fails at base is no excuse: the candidate
    has to make it pass (or the configuration makes the gate `required = false`).
    Raises `SandboxGone`.
    """
    if not gate.command:
        return _result(gate, "error", "a gate of the kind command needs a command", "")
    sides = trees.layout(room)
    wanted = [trees.exact(room, sides)]
    if any(c.status != "added" and sides.is_test(c.path) for c in room.diff.changes):
        wanted.insert(0, trees.with_base_tests(room, sides))
    for each in dict.fromkeys(wanted):
        result = _result_on(each, gate, room)
        if result.status != "pass":
            return result
    return result


def _result_on(tree: str, gate: Gate, room: Room) -> GateResult:
    tree, notes = with_base_scripts(gate, room, tree)
    line = gate.command or ""
    with room.open(tree) as sandbox:
        result = sandbox.run(line, timeout=gate.timeout, cap=200_000, cwd=where(gate))
    output = result.stdout.decode(errors="replace")[-TAIL:]
    if result.timed_out:
        return _result(gate, "timeout", f"no end after {gate.timeout} s", output, notes)
    if result.exit_code == 0:
        return _result(gate, "pass", "exit status 0", output="", notes=notes)
    if reason := cannot_run(result):
        return _result(gate, "error", reason, output, notes)
    # an exit status cannot tell new failures from old ones: what is red at base has to become green
    id_ = REQUIRED + gate.name if room.baseline else gate.name
    failure = Failure(id=id_, message=f"exit status {result.exit_code}: {line}"[:300], detail=output)
    return GateResult(
        gate=gate.name,
        kind=gate.kind,
        status="fail",
        summary=f"exit status {result.exit_code}",
        failures=(failure,),
        notes=notes,
        output=output,
    )


def where(gate: Gate) -> str:
    """The directory that the gate's command runs in."""
    return f"{WORKSPACE}/{gate.project}" if gate.project else WORKSPACE


def cannot_run(result: Result) -> str:
    """Why a command that failed says nothing about the code, and the fix; nothing when it does say something."""
    match result.exit_code:
        case 126 | 127:
            reason = "cannot be executed" if result.exit_code == 126 else "is not there"
            fix = "fix: install what it calls by [sandbox] setup, or correct the line"
            return f"a command of it {reason} (exit status {result.exit_code}); {fix}"
        case 137 if result.oom:
            return "out of memory; fix: raise [sandbox] memory_mb"
    return ""


def with_base_scripts(gate: Gate, room: Room, tree: str) -> tuple[str, tuple[str, ...]]:
    """The tree with base's version of the scripts and makefiles that the gate's line names, and what was restored."""
    scripts = {change.path for change in room.diff.changes} & deciding(gate, room)
    notes = tuple(f"{path} was changed; this gate ran base's copy" for path in sorted(scripts))
    return (room.compose(tree, dict.fromkeys(scripts, room.base)) if scripts else tree), notes


def deciding(gate: Gate, room: Room) -> set[str]:
    """The files of base that decide what the gate's line does: those that it names, and scripts that they run."""
    below = f"{gate.project}/" if gate.project else ""
    paths = tuple(path.removeprefix(below) for path in room.paths(room.base) if path.startswith(below))
    line = gate.command or ""
    named = named_files(line, paths)
    more = called(line, named, frozenset(paths), lambda path: base_content(room, below + path))
    return {below + path for path in named | more}


def named_files(line: str, paths: tuple[str, ...]) -> set[str]:
    """The files of base that decide what a shell line does: scripts that it runs, itself or through a runner, and
    configuration that it names. Sources that it names are what it judges."""
    wanted = set[str]()
    for part in re.split(r"[;&|()`\n]", re.sub(r"[<>]", " ", line)):
        try:
            words = shlex.split(part)
        except ValueError:
            words = part.split()
        while words and re.match(r"\w+=", words[0]):
            del words[0]
        runs = bool(words) and bool(INTERPRETERS.fullmatch(words[0].rpartition("/")[2]))
        for n, word in enumerate(words):
            if n == 0 or runs or PurePosixPath(word).suffix in CONFIGURATION:
                wanted.add(word.removeprefix("./"))
            wanted.update(NAMED_BY.get(word.rpartition("/")[2], ()))
        wanted |= {f"{module.replace('.', '/')}.py" for flag, module in itertools.pairwise(words) if flag == "-m"}
    return wanted & set(paths)


def _result(gate: Gate, status: Status, summary: str, output: str, notes: tuple[str, ...] = ()) -> GateResult:
    return GateResult(gate=gate.name, kind=gate.kind, status=status, summary=summary, output=output, notes=notes)
