"""Replay: a finished run is pursued again, offline, by the same code, against nothing but its journal.

The driver and the loop are the real ones. Models and sandboxes answer what was recorded; commands, signals, the
clock and crashes come where they came then. Every event the loop yields has to be the recorded one, and every request
the very bytes that were sent; the first difference ends the replay and is reported.
"""

import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import cast

import msgspec

from harness.clean import Cleaner
from harness.config import Places
from harness.events import RunClaimed
from harness.journal import Journal, Record
from harness.loop.drive import drive
from harness.loop.player import Halt, Player, tag
from harness.loop.prepare import reopen
from harness.loop.same import Difference
from harness.loop.scene import Scene, Unhurried
from harness.loop.served import Served, ServedEngine
from harness.models import undump
from sandboxes import Engine


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay came to. `difference` is None when all was the same to the end."""

    run: str
    events: int
    """Events that came as recorded, of `recorded`."""
    recorded: int
    requests: int
    """Model requests that were the same byte for byte."""
    calls: int
    """Sandbox calls that were answered."""
    processes: int
    """How many processes pursued the run, crashed ones among them."""
    outcome: str = ""
    tree: str = ""
    """The tree of the candidate kept."""
    difference: Difference | None = None


def replay(
    scene: Scene, clean: Cleaner | None = None, view: Callable[[Record], None] = lambda record: None
) -> Replayed:
    """Pursue the run of `scene` again. Raises `Unreplayable` when the journal does not hold what that takes."""
    with tempfile.TemporaryDirectory(prefix="loopwright-replay-") as directory:
        home = Path(directory)
        player = Player(scene.staged(home), clean or Cleaner())
        difference = None
        try:
            while player.at < len(player.records) and difference is None:
                difference = _process(player, home, view)
        except Halt as halt:
            difference = halt.difference
    kept, finished = player.folded.best, player.folded.finished
    return Replayed(
        run=scene.run,
        events=player.at,
        recorded=len(player.records),
        requests=player.requests,
        calls=player.desk.served,
        processes=sum(isinstance(record.event, RunClaimed) for record in player.records[: player.at]),
        outcome=finished.outcome if finished else "",
        tree=kept.tree if kept else "",
        difference=difference or player.soft,
    )


def _process(player: Player, home: Path, view: Callable[[Record], None]) -> Difference | None:
    """One process that pursued the run: to its end, or to where it died."""
    claimed = player.next()
    if not isinstance(claimed, RunClaimed):
        return Difference(seq=player.records[player.at].seq, what="the run ended here", now="", then=tag(claimed))
    raised = claimed.limits
    ready = reopen(
        player.scene.run,
        Places(home, home / "config.toml", home / "models.toml"),
        cast(Journal, player),
        player.clean,
        (lambda limits: raised) if raised is not None else None,
        engine=cast(Engine, ServedEngine(player.desk)),
        catalog=undump(player.scene.created.catalog),
        listen=lambda profile: Served(profile, player),
    )
    player.run = ready.run
    ready.run.cancel = Unhurried()
    player.scene.dress(ready.run, home)
    try:
        drive(ready, cast(Journal, player), view, lambda *_: nullcontext())
    except Halt as halt:
        return halt.difference
    return None
