"""What a failure means to the user: one message of what, why and fix, and the design's exit code."""

import os
import traceback

import click

from harness.clean import clean
from harness.exits import DEFECT, DENIED, ENVIRONMENT, USAGE


def explain(error: Exception) -> int:
    """Print the failure on stderr and return its exit code. An unknown one is a defect, with its traceback."""
    code = exit_code(error)
    if code == DEFECT:
        click.echo(traceback.format_exc().rstrip(), err=True)
        say("a defect of the harness", f"{type(error).__name__}: {error}", "please report it with the lines above")
        return code
    if isinstance(error, OSError):
        say("a file cannot be written or read", str(error), "free space or mend permissions, or set LOOPWRIGHT_HOME")
        return code
    what, why, fix = (str(getattr(error, name, "") or "") for name in ("what", "why", "fix"))
    say(what or str(error), why, fix)
    return code


def say(what: str, why: str = "", fix: str = "") -> None:
    """One clear error on stderr."""
    mark = "error:" if "NO_COLOR" in os.environ else click.style("error:", fg="red", bold=True)
    click.echo(f"{mark} {clean(what)}", err=True)
    if why:
        click.echo(f"  why: {clean(why)}", err=True)
    if fix:
        click.echo(f"  fix: {clean(fix)}", err=True)


def exit_code(error: Exception) -> int:
    """The exit code of a failure that happened outside a run (a run carries its own)."""
    from harness.config import ConfigError
    from harness.forge import ForgeDenied, ForgeError
    from harness.journal import ArchiveRefused, CannotFork, CannotResume, JournalError, UnknownRun, Unreplayable
    from harness.memory import MemoryFailed
    from harness.models import CatalogError, ModelError, UnpricedModel
    from harness.repo import RepoError
    from sandboxes.base import SandboxError

    match error:
        case ConfigError() | UnpricedModel() | CatalogError() | UnknownRun() | RepoError() | MemoryFailed():
            return USAGE
        case ArchiveRefused() | CannotFork() | CannotResume() | Unreplayable():
            return USAGE
        case ForgeDenied():
            return DENIED
        case ForgeError():
            return ENVIRONMENT
        case SandboxError() | JournalError() | OSError():
            return ENVIRONMENT
        case ModelError(kind="auth" | "permission" | "credit"):
            return DENIED
        case ModelError():
            return ENVIRONMENT
        case _:
            return DEFECT
