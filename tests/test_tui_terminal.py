"""The full screen in a real terminal: what is written to it byte for byte, what comes in from it, and how it ends."""

import os
import pty
import random
import re
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gates.base import Violation
from harness.events import CommandReceived, Event, GateFinished, Notice, RunFinished, RunParked
from harness.journal import Journal
from tests.tui_support import (
    Author,
    accepted,
    asked,
    baseline,
    created,
    judged,
    made,
    open_journal,
    rejected,
    whole_run,
    with_diff,
)  # fmt: skip
from tests.tui_terminal import DEADLINE, LOOPWRIGHT, Terminal

OURS = re.compile(
    r"\x1b\[\?(?:25|7|1000|1003|1004|1006|1015|1016|1049|2004|2026|2048)[hl]"  # modes of Textual's driver
    r"|\x1b\[\?(?:2026|2048)\$p|\x1b\[>25u|\x1b\[<u|\x1b\]22;default\x07"
    r"|\x1b\[\d{1,3};\d{1,3}H|\x1b\[(?:\d{1,2}|1?\d\d|2[0-4]\d|25[0-5])?(?:;(?:\d{1,2}|1?\d\d|2[0-4]\d|25[0-5]))*m"
    r"|\r?\n"
)
"""Everything that is not text and still may be written: what the driver says for itself, and cells' colours."""
NOT_TEXT = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
HOSTILE = (
    "\x1b]52;c;cHduZWQ=\x07", "\x1b]0;pwned\x07", "\x1b[2J", "\x1b[31337;1H", "\x1b[?31337h", "\x1b[313m", "\x1bc",
    "\x1bP+q544e\x1b\\", "\x1b_Gi=31;\x1b\\", "\x1b^x\x1b\\", "\x9b2J", "\x9d52;c;cHduZWQ=\x9c", "\x90q\x9c",
    "\x1b]8;;x", "\x07", "\x08\x08\x08", "\r", "\x0b", "\x0c", "\x0e", "\x7f", "\x85", "\x1b", "\x1b[", "\x00",
    "\u202egnp.exe", "\u2066\u2069", "\u200b", "\u2028", "\ufeff", "\U000e0041\U000e007f", "\ud800",
    "[@click=app.quit]x[/]", "[/nope]", "日本", "👍\ufe0f", "e\u0301\u0301", "\t", "\n", " ", "plain",
)  # fmt: skip


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path) as opened:
        yield opened


Start = Callable[..., Terminal]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Start]:
    started: list[Terminal] = []

    def start(*args: str, **options: Any) -> Terminal:
        started.append(Terminal(tmp_path, *args, **options))
        return started[-1]

    yield start
    for one in started:
        one.close()


def poisoned(value: Any) -> Any:
    """`value` with hostile text in every string of it: the same for the same string, so that names still agree."""
    match value:
        case str() if value:
            pick = random.Random(zlib.crc32(value.encode()))
            return value + "".join(part for _ in range(6) for part in (pick.choice(HOSTILE), "x"))
        case tuple():
            return tuple(poisoned(item) for item in value)
        case msgspec.Struct():
            fields = {field.name: field.type for field in msgspec.structs.fields(value)}
            free = [name for name, kind in fields.items() if kind is str or not isinstance(getattr(value, name), str)]
            return msgspec.structs.replace(value, **{name: poisoned(getattr(value, name)) for name in free})
        case _:
            return value


def hostile_run(journal: Journal) -> None:
    """A run in which every text is an attack on the terminal that shows it."""
    with journal.hold("live"):
        journal.create("live", poisoned(created()))
        epoch = journal.claim("live", poisoned("box:1"))
    journal.post("live", "stop", *(poisoned(text) for text in ("text", "principal")))
    red = [event for event in judged(2, red=("tests", "lint")) if isinstance(event, GateFinished)]
    assert red[0].result
    violated = msgspec.structs.replace(
        red[0],
        gate="integrity",
        result=msgspec.structs.replace(
            red[0].result, violations=(Violation(rule="rule", path="tests/x.py", line=3, message="m", fix="f"),)
        ),
    )
    ended = RunFinished(outcome="stuck", reason="reason", exit_code=1, next_step="next", branch="branch")
    events: list[Event] = [
        *baseline(), *made(1), *judged(1, red=("tests",)), *rejected(1), *made(2), *accepted(2), *red, violated,
        Notice(what="what", why="why", fix="fix"), CommandReceived(command=1, kind="stop", principal="p", text="t"),
        *(Notice(what=f"notice {n} ") for n in range(40)), ended,
    ]  # fmt: skip
    journal.append("live", epoch, *(poisoned(event) for event in events))
    foul = "".join(part for part in HOSTILE if part.isprintable() or part.isascii()).replace("\0", "").replace("/", "")
    hostile_tree(journal, foul)


def hostile_tree(journal: Journal, foul: str) -> None:
    """A change whose file names and lines are attacks: what git stores is cleaned by nobody before it is shown."""
    home = journal.path.parent
    bad = foul.replace("\ud800", "")
    lines = "".join(f"{bad}{n}\n" for n in range(5))
    with_diff(
        journal, home, "tree", {"a.py": "x = 1\n"}, {"a.py": f"x = '{bad}'\n{lines}", f"b{bad[:40]}.py": lines}
    ).leave()
    epoch = journal.claim("tree", "box:2")
    journal.append("tree", epoch, poisoned(asked()), RunParked(reason="asks", question="q1"))


def leaks(written: str) -> set[str]:
    """What was written that is neither text nor ours."""
    return set(NOT_TEXT.findall(OURS.sub("", written)))


UP, PAGE = "\x1b", "\x1b[6~"


def tour(screen: Terminal) -> None:
    """Through every screen and tab, over the whole transcript, into blocks in full, and through the questions."""
    steps = (
        # the run on top asks: its question, its change
        ("a", "later"), (UP, "GOAL"), ("\r", "Transcript"), ("2", "files"), ("v", ""),
        (UP, "GOAL"),
        # the other one: all tabs
        ("j", ""), ("\r", "notice 39"), ("3", "GATE"), ("g", ""), ("G", ""), ("4", "LEARNED"), ("5", "evidence"),
        ("v", "hold"), ("g", ""), ("1g", "❯"),
        # blocks in full
        *(step for _ in range(2) for step in (("\r", "Back"), (PAGE, ""), (UP, "Transcript"), ("j", ""))),
        ("t", "replay"), ("<", ""), (UP, "Transcript"), ("o", "result"), (UP, "Transcript"),
        ("?", "keys that work here"), (UP, "Transcript"), (UP, "GOAL"), ("\x10", "an action"), (UP, "GOAL"),
        ("/x", "filter"), (UP, "GOAL"),
    )  # fmt: skip
    screen.until("Help")
    for keys, shows in steps:
        screen.settle()
        if shows:
            screen.send(keys, shows=shows)
        else:
            screen.type(keys.encode())
    screen.settle()
    screen.type(b"q")
    assert screen.end() == 0


def test_no_hostile_byte_of_any_event_reaches_the_terminal(journal: Journal, terminal: Start) -> None:
    hostile_run(journal)
    screen = terminal()
    tour(screen)
    assert leaks(screen.text) == set()
    assert "[/nope]" in screen.text, "markup is shown, not obeyed"


def test_the_search_for_hostile_bytes_would_find_them(tmp_path: Path, terminal: Start) -> None:
    with Journal(tmp_path / "journal.db", clean=lambda text: text.replace("\ud800", "")) as uncleaned:
        hostile_run(uncleaned)
    screen = terminal("live")
    screen.until("notice 39")
    screen.type(b"g")
    screen.until("❯")
    assert {"\x1b"} <= leaks(screen.text)
    assert len(leaks(screen.text)) > 3


@pytest.mark.parametrize(("end", "code"), [(b"\x03", 0), (signal.SIGTERM, 143)])
def test_the_terminal_is_given_back_as_it_was(
    journal: Journal, terminal: Start, end: bytes | signal.Signals, code: int
) -> None:
    whole_run(journal, "done")
    screen = terminal("done")
    screen.until("Help")
    if isinstance(end, bytes):
        screen.type(end)
    else:
        screen.process.send_signal(end)
    assert screen.end() == code
    for mode in ("\x1b[?1049{}", "\x1b[?1000{}", "\x1b[?1004{}"):
        assert screen.text.rindex(mode.format("l")) > screen.text.rindex(mode.format("h"))
    assert screen.text.rindex("\x1b[?25h") > screen.text.rindex("\x1b[?25l"), "the cursor is shown again"


def test_killing_the_viewer_does_nothing_to_the_run(journal: Journal, terminal: Start) -> None:
    author = Author(journal, "live")
    author.write(*baseline())
    screen = terminal("live")
    screen.until("Help")
    screen.process.kill()
    screen.end()
    author.write(*made(1))
    assert journal.is_held("live")
    assert journal.commands("live") == ()
    assert journal.verify("live").ok


def test_strange_input_does_not_end_the_program(journal: Journal, terminal: Start) -> None:
    whole_run(journal, "done")
    screen = terminal("done")
    screen.until("Help")
    for noise in (b"\xff\xfe", b"\xc3", b"\x1b]11;rgb:0000/0000/0000\x1b\\", b"\x1b[<0;1;1M\x1b[<0;1;1m", b"\x1b[1;1R"):
        screen.type(noise)
    screen.resize(80, 24)
    screen.until("Help")
    screen.settle()
    screen.send("/", shows="find")
    for noise in (b"\x1b[<NaN;NaN;NaNM", b"\x1b]11;rgb:1111/2222/3333\x07", b"\x1bP>|terminal(1)\x1b\\"):
        screen.type(noise)
    screen.send("needle", shows="needle")
    typed = OURS.sub("", screen.text)
    assert "NaN" not in typed
    assert "rgb:" not in typed
    screen.send("\x1b", shows="\x1b[")
    screen.settle()
    screen.send("?", shows="keys that work here")
    screen.send("\x1b", shows="Transcript")
    screen.settle()
    screen.type(b"q")
    assert screen.end() == 0


def test_no_color_takes_the_hue_and_leaves_the_words(journal: Journal, terminal: Start) -> None:
    whole_run(journal, "done")
    screen = terminal(NO_COLOR="1")
    screen.until("succeeded")
    screen.until("Help")
    screen.type(b"q")
    screen.end()
    shades = re.findall(r"[34]8;2;(\d+);(\d+);(\d+)", screen.text)
    assert shades
    assert all(red == green == blue for red, green, blue in shades)
    assert "✓" in screen.text


@pytest.mark.parametrize(("term", "why"), [("dumb", "TERM is dumb"), ("", "TERM is not set")])
def test_a_terminal_that_cannot_is_refused_with_a_clear_word(terminal: Start, term: str, why: str) -> None:
    screen = terminal(TERM=term)
    assert screen.end() == 2
    assert "the full screen needs a terminal" in screen.text
    assert why in screen.text
    assert "loopwright watch" in screen.text
    assert "\x1b[?1049h" not in screen.text


@pytest.mark.parametrize("stream", ["stdin", "stdout", "stderr"])
def test_anything_but_a_terminal_is_refused(tmp_path: Path, stream: str) -> None:
    master, slave = pty.openpty()
    ends = dict.fromkeys(("stdin", "stdout", "stderr"), slave) | {stream: subprocess.DEVNULL}
    environ = os.environ | {"LOOPWRIGHT_HOME": str(tmp_path), "TERM": "xterm"}
    done = subprocess.run([LOOPWRIGHT, "tui"], env=environ, timeout=DEADLINE, check=False, **ends)
    os.close(slave)
    os.close(master)
    assert done.returncode == 2


def test_an_unknown_run_is_an_error_of_use_and_no_screen(terminal: Start) -> None:
    screen = terminal("nothing")
    assert screen.end() == 2
    assert "no run 'nothing'" in screen.text
    assert "\x1b[?1049h" not in screen.text


def test_textual_is_imported_for_the_full_screen_alone() -> None:
    code = "import sys, tui.command, tui.plain, tui.fleet, tui.evidence, tui.transcript, tui.table, tui.control; "
    code += "print([name for name in sys.modules if name.split('.')[0] in ('textual', 'anthropic', 'docker')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
