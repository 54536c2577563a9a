"""Every screen as text at every size it promises, beside what it was: `LOOPWRIGHT_SNAPSHOTS=write` takes it anew."""

import os
import re
from itertools import count
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui_support import SIZES, asking, drive, open_journal, rows, text, until, whole_run, working
from tui.app import Loopwright
from tui.screens.fleet import REST

KEPT = Path(__file__).parent / "snapshots"
STEPS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("fleet", (), "Zebra"),
    ("question", ("a",), "later"),
    ("filter", ("escape", "slash"), "filter"),
    ("run-asks", ("escape", "g", "enter"), "Transcript"),
    ("run-ended", ("escape", "G", "enter"), "succeeded"),
    ("gates", ("3",), "GATE"),
    ("memory", ("4",), "LEARNED"),
    ("events", ("5",), "events"),
    ("replay", ("1", "t", "home"), "1 / 50"),
    ("run-live", ("escape", "escape", "g", "j", "enter"), "making"),
    ("steer", ("s",), "keeps the draft"),
    ("stop", ("escape", "x"), "let it go on"),
    ("help", ("escape", "question_mark"), "keys that work here"),
)
"""The screens in the order in which they are gone through: keys, and what tells that it is there."""
CLOCK = re.compile(r"\d+(?=:\d\d)|(?<=:)\d\d(?:\.\d+)?|(?<=\d · )\d+(?=│)")
"""The last is a time of day whose end something lies over."""


def still(shown: str) -> str:
    """Without what is another one each time: clocks, hashes, and the bars that go with them."""
    shown = CLOCK.sub(lambda found: "0" * len(found.group()), shown)
    return re.sub("[▁▂▃▄▅▆▇]", "█", re.sub(r"\d+:00 left", "0:00 left", shown))


async def at_rest(app: Loopwright, pilot: Pilot[None]) -> str:
    """The screen once it does not change any more: what is read by threads and timers is there."""
    before = ""
    while before != (drawn := still("\n".join(row.rstrip() for row in rows(app)) + "\n")):
        before = drawn
        await pilot.pause(REST + 0.03)
    return drawn


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_every_screen_is_what_it_was(tmp_path: Path, size: tuple[int, int]) -> None:
    with open_journal(tmp_path) as journal:
        whole_run(journal, "done", "Zebra crossing")
        author = working(journal)
        asking(journal, seconds=86_400)
        differing: list[str] = []

        async def script(app: Loopwright, pilot: Pilot[None]) -> None:
            for name, keys, shows in STEPS:
                for key in keys:
                    await pilot.press(key)
                    await pilot.pause(0.05)
                await until(pilot, lambda: shows in text(app))  # noqa: B023 - awaited in this turn
                drawn = await at_rest(app, pilot)
                kept = KEPT / f"{name}-{size[0]}x{size[1]}.txt"
                if os.environ.get("LOOPWRIGHT_SNAPSHOTS") == "write":
                    KEPT.mkdir(exist_ok=True)
                    kept.write_text(drawn)
                elif drawn != kept.read_text():
                    differing.append(f"{kept.name} was\n{kept.read_text()}\nand is\n{drawn}")

        drive(journal, script, size, clock=count().__next__)
        author.leave()
    assert not differing, "\n".join(differing)
