"""`run` and `resume`: the main job."""

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from harness.clean import Cleaner, clean
from harness.cli.options import COST, JSON, MINUTES, PROGRESS
from harness.cli.report import result
from harness.cli.secrets import secrets
from harness.cli.view import Mode, viewing
from harness.config import places
from harness.events import RunFinished
from harness.exits import PARKED
from harness.goal import Limits
from harness.journal import Journal, State

if TYPE_CHECKING:
    from harness.loop import Ready

_ITERATIONS = click.option("--max-iterations", type=click.IntRange(1), help="Iterations of the outer loop.")


@click.command()
@click.argument("goal", default="")
@click.option("--issue", type=click.IntRange(1), metavar="N", help="Resolve this issue; GOAL adds words to it.")
@click.option("--pr", is_flag=True, help="Open a pull request when the work is proven.")
@click.option("--repo", type=click.Path(path_type=Path), default=Path(), help="The repository; default: here.")
@click.option("--base", metavar="REF", help="The commit to start from; default: HEAD.")
@click.option("--must-pass", multiple=True, metavar="TEST", help="The id of a test that has to pass; may be repeated.")
@click.option("--branch", metavar="NAME", help="The branch to create; default: loopwright/<slug of the goal>.")
@_ITERATIONS
@COST
@MINUTES
@PROGRESS
@JSON
def run(
    goal: str,
    issue: int | None,
    pr: bool,
    repo: Path,
    base: str | None,
    must_pass: tuple[str, ...],
    branch: str | None,
    max_iterations: int | None,
    max_cost: float | None,
    max_minutes: float | None,
    progress: Mode,
    as_json: bool,
) -> int:
    """Pursue GOAL (a sentence, or - for standard input) until its work is proven.

    Success leaves a new branch and touches nothing else. Exit codes: 0 proven, 1 no proof, 2 usage,
    3 environment, 4 permission, 5 limit, 6 parked (a person is asked), 7 blocked, 70 defect.
    """
    from harness.models import preload

    preload()
    from harness.loop import Wish, begin, plan

    text = _standard_input() if goal == "-" else goal
    if not text and not issue:
        raise click.UsageError("say what is wanted: a GOAL, or --issue N")
    limits = {"iterations": max_iterations, "usd": max_cost, "minutes": max_minutes}
    overrides = {"limits": {name: value for name, value in limits.items() if value is not None}}
    where = places()
    cleaner = Cleaner(secrets())
    wish = Wish(text=text, repo=repo, base=base, branch=branch, must_pass=must_pass, overrides=overrides)
    if issue:
        from harness.cli.pr import with_issue

        wish = with_issue(wish, issue)
    if pr:
        from harness.cli.pr import forge_of

        forge_of(repo)  # where there is none, or no token for it, is told before anything is spent
    planned = plan(wish, where, cleaner)
    journal = Journal(where.home / "journal.db", clean=cleaner)
    ready = begin(planned, where, journal, cleaner, log=_log(progress))
    code = _drive(ready, journal, progress, as_json)
    if pr and ready.run.state.branch_made:
        from harness.cli.pr import publish

        published = publish(journal, ready.run.id, ready=False)
        return code or published
    return code


@click.command()
@click.argument("run_id", metavar="RUN")
@_ITERATIONS
@COST
@MINUTES
@PROGRESS
@JSON
def resume(
    run_id: str,
    max_iterations: int | None,
    max_cost: float | None,
    max_minutes: float | None,
    progress: Mode,
    as_json: bool,
) -> int:
    """Go on with RUN (an id, the start of one, or `last`) where it was interrupted, paused or parked.

    If need be with new limits. A paused run whose process lives is told to go on.
    """
    from harness.goal import MICRO
    from harness.loop import reopen
    from harness.models import preload

    where = places()
    cleaner = Cleaner(secrets())
    journal = Journal(where.home / "journal.db", clean=cleaner)
    run = journal.resolve(run_id)
    state = journal.state(run)
    if state.finished and state.finished.exit_code == 0:  # nothing is left to do; saying so again does no harm
        result(state, as_json=as_json)
        return 0
    if state.paused and journal.is_held(run):
        from harness.cli.control import wish

        if max_iterations or max_cost or max_minutes:
            raise click.UsageError(f"{run} is paused, and its process keeps the limits it has: stop it first")
        wish(journal, run, "continue", "")
        return 0
    preload()
    changes = {
        "iterations": max_iterations,
        "micro_usd": round(max_cost * MICRO) if max_cost else None,
        "seconds": max(1, round(max_minutes * 60)) if max_minutes else None,
    }
    given = {name: value for name, value in changes.items() if value is not None}

    def raised(limits: Limits) -> Limits:
        return msgspec.structs.replace(limits, **given)

    ready = reopen(run, where, journal, cleaner, raised if given else None)
    return _drive(ready, journal, progress, as_json)


def _drive(ready: "Ready", journal: Journal, mode: Mode, as_json: bool) -> int:
    """Drive a run under a view, then print its result: the document, or a short report."""
    from harness.loop.drive import drive

    run = ready.run
    limits, begun = run.goal.limits, run.state.claimed
    with ExitStack() as shown:
        view = shown.enter_context(viewing(mode, lambda: run.state, limits.micro_usd, limits.iterations))

        def out() -> None:  # the view ends and the result is out before containers are cleared away
            shown.close()
            _say(run.state, as_json)

        try:
            ended = drive(ready, journal, view, ended=out)
        except Exception:
            if run.state.finished and run.state.claimed > begun:  # a defect is an ending, too
                out()
            raise
    return ended.exit_code if isinstance(ended, RunFinished) else PARKED


def _say(state: State, as_json: bool) -> None:
    """Print the result. Where nobody reads it the run has ended all the same, and `show` has it."""
    try:
        result(state, as_json=as_json)
        if sys.stdout:
            sys.stdout.flush()
    except BrokenPipeError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())  # or Python would stumble over the rest as it ends
        os.close(null)


def _standard_input() -> str:
    """The goal that was piped in."""
    if sys.stdin is None:
        raise click.UsageError("there is no standard input to read the goal from")
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"the goal on standard input is no UTF-8: byte {error.start} is wrong") from None


def _log(mode: Mode) -> Callable[[str], None]:
    """Where the making of images and seeds speaks before the run has a journal line of its own."""
    return (lambda text: None) if mode in ("none", "json") else (lambda text: click.echo(clean(text), err=True))
