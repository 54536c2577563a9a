"""`loopwright watch` and `loopwright tui`: both only read the journal, so they come and go as they please."""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from typing import IO, Any

import click
import msgspec

from harness.config import places
from harness.exits import CANCELLED
from harness.journal import Journal, Record, line
from tui.card import dollars, of_view, steps
from tui.follow import Tail
from tui.plain import Watch


class Unusable(click.ClickException):
    """The full screen cannot be shown so: what, why and the fix (exit code 2)."""

    exit_code = 2

    def __init__(self, what: str, why: str, fix: str) -> None:
        self.what, self.why, self.fix = what, why, fix
        super().__init__(f"{what}: {why}")

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it on stderr."""
        click.echo(f"{click.style('error:', fg='red', bold=True)} {self.what}", err=True)
        click.echo(f"  why: {self.why}\n  fix: {self.fix}", err=True)


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option("--all", "whole", is_flag=True, help="Begin with each run's first event, not with the next one.")
@click.option("--json", "as_json", is_flag=True, help="Every record as one JSON line.")
def watch(runs: tuple[str, ...], whole: bool, as_json: bool) -> None:
    """Follow runs as plain lines until they have ended: each RUN, or all that have not.

    RUN is an id, the start of one, or `last`. Ctrl-C ends the watching at once; the runs go on.
    """
    with Journal(places().home / "journal.db") as journal:
        watched = Watch(journal, tuple(dict.fromkeys(map(journal.resolve, runs))), whole=whole)
        for text in _begin(journal, watched):
            click.echo(text, err=True)
        prefix = "{0}  " if len(runs) != 1 else ""
        with _left_at_once():
            for tail, record in watched.follow():
                _show(tail, record, prefix.format(tail.run), as_json)


@contextmanager
def _left_at_once() -> Iterator[None]:
    """Ctrl-C ends the process where it stands. An exception might be lost where Python has no way to pass it on, and
    whoever only reads has nothing to put in order."""
    if current_thread() is not main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda number, frame: os._exit(CANCELLED))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _begin(journal: Journal, watched: Watch) -> list[str]:
    """What is watched, for stderr: stdout is for what happens."""
    texts = [_standing(Tail(journal, run)) for run in watched.tails if run not in watched.lost]
    if watched.lost:
        texts.append(f"interrupted, to be resumed with `loopwright resume RUN`: {', '.join(watched.lost)}")
    return texts or ['no run is going on; start one with: loopwright run "what is wanted"']


def _standing(tail: Tail) -> str:
    finished = tail.state.finished
    if finished:
        return f"{tail.run} has ended: {finished.outcome}: {finished.reason}"
    card = of_view(tail)
    return f"{tail.run}: {card.word}, iteration {steps(card)}, ${dollars(card.cost)} of ${dollars(card.budget)}"


def _show(tail: Tail, record: Record | None, prefix: str, as_json: bool) -> None:
    if record is None:
        gone = "interrupted: its process is gone; go on with: loopwright resume"
        click.echo(f"{prefix}{gone} {tail.run}", err=as_json)
    elif as_json:
        click.echo(msgspec.json.encode(record))
    elif (text := line(record, tail.state.started)) is not None:
        click.echo(prefix + text)


@click.command()
@click.argument("run", required=False)
@click.option("--theme", metavar="NAME", help="dark, light, contrast, or terminal: the colours that yours has.")
@click.option("--ascii", "plain", is_flag=True, help="Signs of ASCII alone.")
def tui(run: str | None, theme: str | None, plain: bool) -> None:
    """Watch all runs on the full screen, or RUN (an id, the start of one, or `last`). Leaving it stops nothing."""
    if os.environ.get("TERM", "") in ("", "dumb"):
        raise _no_terminal(f"TERM is {os.environ.get('TERM') or 'not set'}")
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if not stream.isatty():
            raise _no_terminal(f"{stream.name.strip('<>')} is not one")
    with Journal(places().home / "journal.db") as journal:
        first = journal.resolve(run) if run else None
        gc.disable()  # until the screen stands: all that is made for it stays
        from tui.app import Loopwright
        from tui.leave import at_hangup
        from tui.settings import SettingsError, read

        try:
            settings = read(places().settings.with_name("tui.toml"), theme=theme, ascii=plain)
            app = Loopwright(journal, first, settings=settings)
        except SettingsError as error:
            raise Unusable(error.what, error.why, error.fix) from error
        at_hangup()
        app.run()
        if app.return_code:
            raise click.exceptions.Exit(app.return_code)


def _no_terminal(why: str) -> Unusable:
    return Unusable("the full screen needs a terminal", why, "see the same as plain lines with: loopwright watch")
