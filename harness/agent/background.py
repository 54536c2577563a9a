"""The tool for what has to stay up while other commands run: started, looked after and killed by its number."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from harness.agent.answer import COMMAND_BYTES, Answer, Mistake, text_of
from sandboxes.base import Process, Progress, Sandbox

BYTES = 10_000
"""The end of what a job has printed since the last look that is shown; as much as of a command of `bash`."""


class Background(Struct, frozen=True, forbid_unknown_fields=True):
    """Start a command in /w that stays up while other commands run, such as a server; the answer has its number. Or
    look after one: with `job` alone, how it is doing and what it has printed since the last look; with `kill`, end it.
    Give it time with `sleep` in bash before you look. Its network is the one that bash has, localhost too."""

    command: Annotated[str, Meta(description="The command line to start.")] | UnsetType = UNSET
    job: Annotated[int, Meta(description="The number of a job that was started.", ge=1)] | UnsetType = UNSET
    kill: Annotated[bool, Meta(description="Kill that job.")] = False


class Jobs:
    """The jobs of one sandbox by number. They end with it: what goes on in another one finds none of them."""

    def __init__(self) -> None:
        self._started: list[Process] = []

    def run(self, sandbox: Sandbox, args: Background) -> Answer:
        """What the tool does."""
        if args.command is not UNSET:
            return self._start(sandbox, args.command, args)
        if args.job is UNSET:
            raise Mistake("there is neither a command to start nor a job to look after")
        if args.job > len(self._started):
            known = f"there are 1 to {len(self._started)}" if self._started else "there are none"
            raise Mistake(f"there is no job {args.job} in this sandbox: {known}")
        process = self._started[args.job - 1]
        return _told(args.job, process.kill(cap=BYTES) if args.kill else process.poll(cap=BYTES))

    def _start(self, sandbox: Sandbox, command: str, args: Background) -> Answer:
        if args.job is not UNSET or args.kill:
            raise Mistake("either a command is started, or a job is looked after")
        if not command.strip() or "\0" in command or len(command.encode()) > COMMAND_BYTES:
            raise Mistake(f"a command is not empty and has no NUL and at most {COMMAND_BYTES} bytes")
        self._started.append(sandbox.start(command))
        return Answer(f"started as job {len(self._started)}")


def _told(job: int, progress: Progress) -> Answer:
    cut = f"... {progress.elided} bytes before this elided ...\n" if progress.elided else ""
    state = "is running" if progress.exit_code is None else f"has ended with exit code {progress.exit_code}"
    said = f"{cut}{text_of(progress.output)}".rstrip("\n")
    return Answer(f"{said}\n[job {job} {state}]".lstrip("\n"))
