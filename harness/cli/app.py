"""The `loopwright` program: commands found by name and imported only when they are called."""

import gc
import importlib
import io
import os
import sys

import click

from harness import __version__

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("harness.cli.setup:init", "Write a short loopwright.toml for this repository."),
    "doctor": ("harness.cli.setup:doctor", "Check Docker, git, image, disk, model and prices."),
    "run": ("harness.cli.run:run", "Pursue a goal until its work is proven."),
    "resume": ("harness.cli.run:resume", "Go on with a run where it was interrupted."),
    "stop": ("harness.cli.control:stop", "Ask a running run to stop."),
    "pause": ("harness.cli.control:pause", "Hold a run between two steps; resume lets it go on."),
    "steer": ("harness.cli.steer:steer", "Tell the maker something while it works."),
    "allow": ("harness.cli.steer:allow", "Let a run's sandbox reach one more host."),
    "answer": ("harness.cli.answer:answer", "Answer what a parked run asks."),
    "shell": ("harness.cli.shell:shell", "Open a terminal in a live run's sandbox."),
    "ls": ("harness.cli.look:ls", "List the runs of this machine."),
    "show": ("harness.cli.look:show", "Show one run: outcome, evidence, cost."),
    "log": ("harness.cli.look:log", "Print a run's journal as lines."),
    "replay": ("harness.cli.replay:replay", "Pursue a recorded run again, offline, and compare."),
    "fork": ("harness.cli.fork:fork", "Start a new run from a candidate of another."),
    "audit": ("harness.cli.audit:audit", "Verify the journal; anchor it where others see it."),
    "export": ("harness.cli.export:export", "Write a run as one archive for other machines."),
    "diff": ("harness.cli.look:diff", "Print a run's best candidate as a diff."),
    "gates": ("harness.cli.gates:gates", "Show what each gate found on a run's candidate; SARIF."),
    "drill": ("harness.cli.drill:drill", "Try every gate of this repository in both directions."),
    "open": ("harness.cli.open:open_", "Check out a run's candidate in a clone of its own."),
    "pr": ("harness.cli.pr:pr", "Push a proven run's branch and open its pull request."),
    "ci": ("harness.cli.ci:ci", "The jobs of the GitHub Action."),
    "gc": ("harness.cli.control:gc", "Remove what dead runs left behind."),
    "cost": ("harness.cli.cost:cost", "What runs cost, by tier, role and model."),
    "models": ("harness.cli.models:models", "Show and try the models that runs ask."),
    "image": ("harness.cli.image:image", "Show or build sandbox images."),
    "memory": ("harness.cli.memory:memory", "Read, edit and share a repository's notes."),
}
"""Name -> where it lives, and its help line (so that `--help` imports none of them)."""

CONTRIBUTED = {
    "tui.command:watch": "Follow runs as plain lines.",
    "tui.command:tui": "Watch and stop runs, full screen.",
}
"""Help lines of the commands that come with this distribution through the entry-point group."""


class Lazy(click.Group):
    """A group whose commands are imported at their first use; others' come from `loopwright.commands`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *_contributed()]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name in COMMANDS:
            return _load(COMMANDS[name][0])
        found = _contributed().get(name)
        return _load(found) if found else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, help_line) for name, (_, help_line) in COMMANDS.items()]
        rows += [(name, CONTRIBUTED.get(target, f"from {target}")) for name, target in _contributed().items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            if near:
                raise click.UsageError(f"No such command {args[0]!r}. Did you mean {near[0]!r}?", ctx) from error
            raise


def _contributed() -> dict[str, str]:
    """Commands of other packages, and of the rooms that the harness never imports: name -> target."""
    from importlib.metadata import entry_points  # 30 ms that our own commands need not pay

    return {entry.name: entry.value for entry in entry_points(group="loopwright.commands")}


def _load(target: str) -> click.Command:
    module, _, name = target.partition(":")
    command = getattr(importlib.import_module(module), name)
    if not isinstance(command, click.Command):
        raise TypeError(f"{target} is no click command")
    return command


@click.group(
    cls=Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
)
@click.version_option(__version__, prog_name="loopwright")
@click.pass_context
def cli(ctx: click.Context) -> object:
    """Drive a coding agent on a repository until its work is proven.

    Without a command: all runs on the full screen, where there is a terminal; else a list of them.

    The agent works in a disposable sandbox; the harness judges every candidate itself, in a clean room the agent
    cannot reach, and leaves a branch that carries the evidence.
    """
    if ctx.invoked_subcommand is not None:
        return None
    streams = (sys.stdin, sys.stdout, sys.stderr)
    screen = os.environ.get("TERM", "dumb") != "dumb" and all(stream and stream.isatty() for stream in streams)
    command = _load(_contributed()["tui"] if screen and "tui" in _contributed() else COMMANDS["ls"][0])
    return ctx.invoke(command)


def main() -> None:
    """The console script: run a command, and turn every known failure into one clear message and exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a sign is no reason to fail
    try:
        code = cli.main(standalone_mode=False, color=False if "NO_COLOR" in os.environ else None)
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.Abort:
        code = 130
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except Exception as error:
        from harness.cli.failures import explain

        code = explain(error)
    gc.freeze()  # what is loaded needs no taking apart: half a second, once the SDK is among it
    sys.exit(code if isinstance(code, int) else 0)
