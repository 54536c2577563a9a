"""What makes the screen a place to be: palette, jump mode, themes, signs, own keys, notifications, pictures."""

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from textual.pilot import Pilot

from harness.journal import Journal
from tests.tui_support import SIZES, asking, drive, made, open_journal, rows, text, until, whole_run, working
from tui.app import Loopwright, bindings
from tui.card import Card
from tui.inputs import Keyboard
from tui.notify import How, how, news, sequence
from tui.screens import FleetScreen, JumpScreen, Palette, RunScreen
from tui.settings import Settings, SettingsError, checked, read
from tui.theme import THEMES


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path) as opened:
        yield opened


def test_the_palette_does_what_it_names_and_opens_runs(journal: Journal) -> None:
    whole_run(journal, "done", "Zebra crossing")
    author = working(journal)

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "Zebra" in text(app))
        await pilot.press("ctrl+p", *"new run")
        await until(pilot, lambda: isinstance(app.screen, Palette) and "❯ New run" in text(app))
        await pilot.press("escape", "ctrl+p", *"zebra", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and "Zebra" in rows(app)[0])
        await pilot.press("colon", *"next tab", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.front == 1)
        author.leave()

    drive(journal, script, SIZES[1])


def test_a_letter_jumps_to_what_takes_the_keys(journal: Journal) -> None:
    author = working(journal)

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "ITERATIONS" in text(app))
        assert isinstance(app.screen, RunScreen)
        tab = app.screen.tabs[0]
        assert app.screen.focused is tab.story
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, JumpScreen))
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        assert app.screen.focused is tab.side
        await pilot.press("ctrl+o", "escape")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        assert app.screen.focused is tab.side

    drive(journal, script, run=author.run)


def test_every_theme_draws_every_tone_and_says_the_same(journal: Journal) -> None:
    asking(journal)
    author = working(journal)

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "asks you" in text(app) and "making" in text(app))
        seen = set()
        for name in (*list(THEMES)[1:], "dark"):
            await pilot.press("T")
            await until(pilot, lambda: app.theme == name)  # noqa: B023 - awaited in this turn
            await pilot.pause(0.1)
            assert "! asks" in text(app)
            strips = app.screen._compositor.render_strips()
            seen.add(str(strips[3]._segments[1].style))
        assert len(seen) == len(THEMES)
        author.leave()

    drive(journal, script, SIZES[1])


def test_with_ascii_no_other_sign_is_drawn(journal: Journal) -> None:
    whole_run(journal, "done")
    author = working(journal)
    author.write(*made(2))

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        for keys, shows in (
            ("", "ITERATIONS"),
            ("x", "let it go on"),
            ("escape enter", "Tx L+ S+"),
            ("2", "not on this"),
        ):
            await pilot.press(*keys.split())
            await until(pilot, lambda: shows in text(app))  # noqa: B023 - awaited in this turn
            drawn = text(app)
            assert drawn.isascii(), [sign for sign in set(drawn) if not sign.isascii()]
        author.leave()

    drive(journal, script, (120, 32), settings=Settings(ascii=True), clock=count().__next__)


def test_keys_can_be_bound_anew(journal: Journal) -> None:
    working_one = working(journal)

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "K Stop" in rows(app)[-1])
        await pilot.press("x")
        assert isinstance(app.screen, FleetScreen)
        await pilot.press("K")
        await until(pilot, lambda: "Stop live?" in text(app))

    drive(journal, script, settings=Settings(keys={"run.stop": "K"}))
    working_one.leave()


def test_settings_are_read_and_wrong_ones_are_said(tmp_path: Path) -> None:
    file = tmp_path / "tui.toml"
    assert read(file) == Settings()
    file.write_text('theme = "light"\nnotify = "bell"\n[keys]\n"run.stop" = "ctrl+x"\n')
    assert read(file) == Settings(theme="light", notify="bell", keys={"run.stop": "ctrl+x"})
    assert read(file, theme="dark", ascii=True).theme == "dark"
    for wrong, said in (
        ("theme = 3", "theme"), ("them = 'dark'", "them"), ("theme = 'sepia'", "sepia"), ("not toml", "cannot be read"),
    ):  # fmt: skip
        file.write_text(wrong)
        with pytest.raises(SettingsError, match=said):
            read(file)
    with pytest.raises(SettingsError) as caught:
        checked(Settings(keys={"run.stpo": "K"}), bindings())
    assert "run.stop" in caught.value.fix


def test_every_binding_has_a_name_to_bind_it_by() -> None:
    assert {"run.stop", "run.answer", "pane.up", "palette", "diff.shape", "replay.play", "ask.yes"} <= bindings()


def test_a_picture_of_the_screen_is_written(journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    whole_run(journal, "done")

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "done" in text(app))
        await pilot.press("ctrl+e")
        await until(pilot, lambda: list(tmp_path.glob("loopwright-*.svg")))

    drive(journal, script, SIZES[1])
    (picture,) = tmp_path.glob("loopwright-*.svg")
    assert picture.read_text().startswith("<svg")


def test_one_is_told_only_while_looking_elsewhere(journal: Journal) -> None:
    author = working(journal)
    written: list[str] = []

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "making" in text(app))
        assert app._driver
        put = app._driver.write
        app._driver.write = lambda data: (written.append(data), put(data))[1]  # type: ignore[method-assign]
        await pilot.pause(1.1)
        app.app_focus = False
        author.leave()
        await until(pilot, lambda: any("\x1b]9;live interrupted" in data for data in written))
        await pilot.pause(1.2)
        assert sum("\x1b]9;" in data for data in written) == 1, "once"
        with journal.hold("live"):
            journal.claim("live", "box:2")
            await until(pilot, lambda: "making" in text(app))
            await pilot.pause(1.1)
            app.app_focus = True
        await until(pilot, lambda: "interrupted" in text(app))
        await pilot.pause(1.2)
        assert sum("\x1b]9;" in data for data in written) == 1, "not while one looks"

    drive(journal, script, settings=Settings(notify="osc9"))


def card(word: str, *, live: bool = True) -> Card:
    return Card(
        run="r", word=word, mark="", tone="plain", live=live, goal="goal", iteration=1, iterations=2, lights=(), cost=0,
        budget=0, started=0, until=None, diff=None, rank=3, since=0,
    )  # fmt: skip


def test_news_is_what_needs_somebody() -> None:
    making, over = card("making"), card("succeeded", live=False)
    assert news({}, [over]) == [], "what was so when it was first seen is no news"
    assert news({"r": making}, [card("judging")]) == []
    assert news({"r": making}, [over]) == ["r succeeded · goal"]
    assert news({"r": making}, [card("asks you", live=False)._replace(asks="may I?")]) == ["r asks you: may I? · goal"]
    assert news({"r": over}, [over]) == []


@pytest.mark.parametrize(
    ("environ", "way"),
    [
        ({"TERM": "xterm-kitty"}, "osc99"), ({"TERM_PROGRAM": "iTerm.app"}, "osc9"), ({"TERM": "foot"}, "osc777"),
        ({"TERM_PROGRAM": "WezTerm"}, "osc9"), ({"VTE_VERSION": "7000"}, "osc777"), ({"TERM": "xterm"}, "bell"),
    ],
)  # fmt: skip
def test_how_a_terminal_is_told(environ: dict[str, str], way: How) -> None:
    assert how(environ) == way


@given(st.text(max_size=80), st.sampled_from(["osc9", "osc99", "osc777", "bell", "off"]), st.booleans())
@example("a\x07\x1b]52;c;eA==\x07", "osc9", True)
@example("a;b\x9cc", "osc777", False)
def test_no_word_ends_its_sequence(words: str, way: How, tmux: bool) -> None:
    made = sequence(words, way, tmux=tmux)
    if way == "off":
        assert made == ""
        return
    assert made.endswith("\x07")
    if tmux and way != "bell":
        assert made.startswith("\x1bPtmux;")
        made = made[7:].replace("\x1b\x1b", "\x1b")
        made = made.removesuffix("\x1b\\\x07") + "\x07"
    inner = re.sub(r"\x1b\](?:9|99|777);[^\x07\x1b]*(?:\x07|\x1b\\)", "", made)
    assert re.fullmatch("\x07?", inner)


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([b"\x1b[<NaN;NaN;NaNM", b"a"], "a"),
        ([b"\x1b[<35;NaN;12m"], ""),
        ([b"\x1b[<0;10;10M\x1b[<64;1;1m"], "\x1b[<0;10;10M\x1b[<64;1;1m"),
        ([b"\x1b]11;rgb:0000/0000/0000\x1b\\x"], "x"),
        ([b"a\x1b]11;rgb:00", b"00/0000\x07b"], "ab"),
        ([b"\x1bP>|term(1)\x1b\\y", b"\x1b]"], "y\x1b]"),
        ([b"\xff\xe6\x97", b"\xa5"], "\ufffd日"),
        ([b"\x1b[200~paste\x1b]52;c;eA==\x07d\x1b[201~"], "\x1b[200~pasted\x1b[201~"),
    ],
)
def test_only_what_was_typed_comes_through(parts: list[bytes], text: str) -> None:
    keyboard = Keyboard()
    assert "".join(keyboard.decode(part) for part in parts) == text


@given(st.binary(max_size=60))
def test_no_bytes_break_the_keyboard(data: bytes) -> None:
    whole, pieces = Keyboard(), Keyboard()
    assert isinstance(whole.decode(data, True), str)
    assert all(isinstance(pieces.decode(data[n : n + 1]), str) for n in range(len(data)))
