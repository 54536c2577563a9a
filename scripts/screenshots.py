"""`make screenshots`: play real runs with the scripted model, and keep what the full screen shows of them as SVG.

Sandbox, gates, git and the screens are the real ones; only the model's part is written down, here.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from harness.events import QuestionAsked, RunParked  # noqa: E402
from harness.journal import Journal, spoken  # noqa: E402
from tests.scripted import ScriptedServer  # noqa: E402
from tui.app import Loopwright  # noqa: E402
from tui.settings import Settings  # noqa: E402

TARGET = ROOT / "docs" / "screens"
LOOPWRIGHT = Path(sys.executable).with_name("loopwright")
CELL = 12.2
"""Units of the picture that one cell is wide: Textual's own."""
MAKER, CHECKER = "claude-sonnet-5-5", "claude-opus-5-5"
LIVE_GOAL = "accept white space around the dash of a range"
THOUGHT = "RFC 9110 has optional white space in lists, and none inside of a range. So the goal widens what is accepted."
SENTENCE = (
    "RFC 9110 allows optional white space between the ranges of a list, but none around the dash. I will strip it "
    "there and nowhere else, so that what was refused for another reason is refused as before."
)
LIGHT = "claude-haiku-5-5"
"""The model that chooses what a run remembers."""
GOALS = (
    ("parse_range() drops the last byte of an open-ended range", "demo"),
    ("say what a suffix range of zero bytes means", "stuck"),
)


def main() -> int:
    """Record the runs, draw the screens."""
    with tempfile.TemporaryDirectory(prefix="loopwright-screens-") as scratch:
        home, repo = Path(scratch, "state"), Path(scratch, "httprange")
        shutil.copytree(ROOT / "demo" / "sample", repo)
        git = ["git", "-C", str(repo), "-c", "user.name=Demo", "-c", "user.email=demo@example.invalid"]
        for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "httprange 1.2.0"]):
            subprocess.run([*git, *command], check=True)
        environ = os.environ | {"LOOPWRIGHT_HOME": str(home), "ANTHROPIC_API_KEY": "scripted", "NO_PROXY": "127.0.0.1"}
        try:
            record(repo, environ)
            TARGET.mkdir(exist_ok=True)
            with Journal(home / "journal.db") as journal:
                ask(journal)
                with speaking(repo, environ, journal):
                    asyncio.run(draw(journal))
        finally:
            subprocess.run([LOOPWRIGHT, "gc", "--all"], env=environ, check=False, stdout=subprocess.DEVNULL)
    return 0


def record(repo: Path, environ: dict[str, str]) -> None:
    """Play the demo's script, and once more with a maker that gives up."""
    script = json.loads((ROOT / "demo" / "script.json").read_text())
    blocked = {"tools": [{"name": "blocked", "input": {"reason": "RFC 9110 leaves it open; somebody has to decide."}}]}
    light = [[{"json": {"notes": [], "contradicts": []}}]]
    scripts = ({**script, LIGHT: light}, {**{name: [[blocked]] for name in script}, LIGHT: light})
    for (goal, kind), played in zip(GOALS, scripts, strict=True):
        with ScriptedServer(played) as server:
            print(f"... {kind}: {goal}", file=sys.stderr, flush=True)
            called = [LOOPWRIGHT, "run", goal, "--progress", "none", "--max-cost", "2"]
            subprocess.run(called, cwd=repo, env=environ | {"ANTHROPIC_BASE_URL": server.url}, check=False,
                           stdout=subprocess.DEVNULL)  # fmt: skip


@contextmanager
def speaking(repo: Path, environ: dict[str, str], journal: Journal) -> Iterator[None]:
    """A third run, which is in the middle of a sentence as long as this lasts."""
    look = {
        "text": "The header first.",
        "tools": [{"name": "bash", "input": {"command": "sed -n 1,24p httprange/parse.py"}}],
    }
    half = {"thinking": THOUGHT, "text": SENTENCE, "chunk": 40, "hang_after": 12}
    print("... live", file=sys.stderr, flush=True)
    with ScriptedServer({MAKER: [[look, half]], CHECKER: [[]]}) as server:
        called = [LOOPWRIGHT, "run", LIVE_GOAL, "--progress", "none", "--max-cost", "2"]
        run = subprocess.Popen(called, cwd=repo, env=environ | {"ANTHROPIC_BASE_URL": server.url},
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        try:
            deadline = time.monotonic() + 120
            while not ((said := spoken(journal.path, journal.runs(1)[0].run)) and said.text):
                if run.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the live run does not speak")
                time.sleep(0.2)
            yield
        finally:
            run.terminate()
            run.wait(60)


def ask(journal: Journal) -> None:
    """The second run asks, as runs do that want what their policy does not allow."""
    run = journal.runs(1)[0].run
    epoch = journal.claim(run, "demo:1")
    deadline = time.time_ns() // 1000 + 3_600_000_000
    options = ("allow_once", "allow_run", "deny")
    text = "A suffix of zero bytes: may RFC 9110's own test suite be fetched to settle it?"
    asked = QuestionAsked(
        question="q1", kind="host", text=text, options=options, deadline=deadline, subject="httpwg.org:443"
    )
    journal.append(run, epoch, asked, RunParked(reason=f"asks: {text}", question="q1", until=deadline))


async def draw(journal: Journal) -> None:
    """Every picture: a screen, a size, and the keys that lead to what it shows."""
    live, asking, done = (row.run for row in journal.runs(3))
    pictures: tuple[tuple[str, tuple[int, int], str | None, tuple[str, ...], str], ...] = (
        ("fleet", (120, 34), None, ("j",), "dark"),
        ("run", (120, 40), done, (), "dark"),
        ("live", (120, 30), live, (), "dark"),
        ("diff", (150, 30), done, ("2",), "dark"),
        ("gates", (120, 34), done, ("3", "left_curly_bracket"), "dark"),
        ("question", (110, 30), asking, ("a",), "dark"),
        ("replay", (120, 34), done, ("t", *["less_than_sign"] * 6), "dark"),
        ("light", (110, 30), done, (), "light"),
        ("small", (60, 20), done, (), "dark"),
    )
    for name, size, run, keys, theme in pictures:
        app = Loopwright(journal, run, settings=Settings(theme=theme))
        async with app.run_test(size=size) as pilot:
            await pilot.pause(0.8)
            for key in keys:
                await pilot.press(key)
                await pilot.pause(0.2)
            await pilot.pause(0.8)
            picture = lean(app.export_screenshot(title=f"loopwright · {name}"))
        (TARGET / f"{name}.svg").write_text(picture)
        print(f"docs/screens/{name}.svg  {len(picture) // 1024} kB", file=sys.stderr)


def lean(svg: str) -> str:
    """The same picture without web fonts and without blanks: a fifth smaller, and the same in every viewer."""
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r"@font-face \{[^}]*\}\s*", "", svg)
    svg = svg.replace("font-family: Fira Code, monospace", 'font-family: "Fira Code", "DejaVu Sans Mono", monospace')
    texts = re.compile(
        r'(<text class="[^"]*-r\d+") x="([\d.]+)" (y="[\d.]+") textLength="([\d.]+)"([^>]*)>([^<]*)</text>'
    )
    return texts.sub(_trimmed, svg)


def _trimmed(found: "re.Match[str]") -> str:
    head, x, y, length, rest, text = found.groups()
    plain = text.replace("&#160;", "\xa0")
    kept = plain.strip("\xa0")
    if not kept:
        return ""
    lead, tail = len(plain) - len(plain.lstrip("\xa0")), len(plain) - len(plain.rstrip("\xa0"))
    at, wide = float(x) + lead * CELL, float(length) - (lead + tail) * CELL
    return f'{head} x="{at:.1f}" {y} textLength="{wide:.1f}"{rest}>{kept.replace(chr(160), "&#160;")}</text>'


if __name__ == "__main__":
    sys.exit(main())
