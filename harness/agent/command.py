"""The tool that runs a command: a fresh shell each time, a deadline, and the head and tail of what it printed."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from harness.agent.answer import COMMAND_BYTES, Answer, Mistake, shown
from sandboxes.base import Sandbox

BYTES = 10_000
"""Output of one command that is shown: head and tail of it, as in mini-swe-agent."""

SECONDS, MOST = 120.0, 600_000
"""The deadline of a command when it names none (s), and the longest it may name (ms)."""

BOMBS = {
    "oom": "killed: out of memory",
    "disk": "killed: the work tree takes too much of the disk; remove what you do not need",
    "pids": "it was refused more processes: too many run at once",
    "file": "stopped: a file became too large",
}
"""What is said of a command that ran into a limit."""


class Bash(Struct, frozen=True, forbid_unknown_fields=True):
    """Run a command with bash in /w. Every command gets a fresh shell: no directory, variable or process is left over
    from the one before, only files. There is no network and no input. stdout and stderr come together; of a long
    output the head and the tail are shown. A command that runs out of time is killed with all it started."""

    command: Annotated[str, Meta(description="The command line or script.")] | UnsetType = UNSET
    timeout_ms: (
        Annotated[int, Meta(description="Milliseconds it may take; usual is 120000.", ge=1, le=MOST)] | UnsetType
    ) = UNSET
    restart: Annotated[bool, Meta(description="Has no effect: every shell is a fresh one.")] = False


def bash(sandbox: Sandbox, args: Bash, usual: float = SECONDS) -> Answer:
    """Run a command in a fresh shell; a timeout is the environment's error, an exit code the command's own."""
    if args.command is UNSET or not args.command.strip():
        if args.restart:
            return Answer("every command runs in a fresh shell: there is nothing to restart")
        raise Mistake("there is no command")
    if "\0" in args.command or len(args.command.encode()) > COMMAND_BYTES:
        raise Mistake(f"a command has no NUL and at most {COMMAND_BYTES} bytes: write a file and run that")
    seconds = usual if args.timeout_ms is UNSET else args.timeout_ms / 1_000
    result = sandbox.run(args.command, timeout=seconds, cap=BYTES)
    text = shown(result, BYTES).rstrip("\n")
    if result.timed_out:
        note = f"[killed with all it had started: it took more than {seconds:g} s]"
        return Answer(f"{text}\n{note}".lstrip("\n"), "environment")
    if result.bomb and result.bomb != "timeout":
        text += f"\n[{BOMBS[result.bomb]}]"
    if result.exit_code:
        text += f"\n[exit code {result.exit_code}]"
    return Answer(text.lstrip("\n") or "(no output)")
