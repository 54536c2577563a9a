"""What a model is saying right now: seen while it says it, cleaned, and gone with its reply."""

import threading
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.clean import Cleaner
from harness.journal import Speech, Spoken, spoken
from harness.journal.speech import KEPT, SHARE

SECRET = "sk-ant-api03-" + "Zx9" * 12


class Clock:
    """A clock that stands still until it is told to go on."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def speech(home: Path, clean: Callable[[str], str] = str) -> tuple[Speech, Clock, Path]:
    (home / "runs").mkdir(exist_ok=True)
    clock, journal = Clock(), home / "journal.db"
    made = Speech(journal, "r1", clean, clock)
    made.begin("maker.1", 3)
    return made, clock, journal


def seen(journal: Path) -> Spoken:
    now = spoken(journal, "r1")
    assert now
    return now


def test_words_are_seen_as_they_come_and_gone_with_the_reply(tmp_path: Path) -> None:
    said, _, journal = speech(tmp_path)
    said.show()
    assert spoken(journal, "r1") is None
    said.hear("thinking", "The header may be a da")
    said.show()
    assert spoken(journal, "r1") == Spoken(conversation="maker.1", call=3, thinking="The header may be a ")
    said.hear("thinking", "te. So be it.")
    said.hear("thinking", "")
    said.show()
    assert seen(journal).thinking == "The header may be a date. So be it.", "at the end of a block every word is whole"
    said.hear("tool", "edit")
    said.show()
    assert seen(journal).tool == "edit"
    said.hear("text", "Done. ")
    said.show()
    assert (seen(journal).text, seen(journal).tool) == ("Done. ", "")
    said.begin("maker.1", 3)
    assert spoken(journal, "r1") is None, "another attempt begins with nothing"
    said.hear("text", "Again ")
    said.show()
    said.close()
    said.show()
    assert spoken(journal, "r1") is None
    assert list((tmp_path / "runs").iterdir()) == []


def test_what_a_killed_process_left_is_gone_when_the_run_goes_on(tmp_path: Path) -> None:
    said, _, journal = speech(tmp_path)
    said.hear("text", "half a ")
    said.show()
    assert seen(journal)
    Speech(journal, "r1")
    assert spoken(journal, "r1") is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 30), min_size=1, max_size=12))
def test_neither_a_secret_nor_its_beginning_nor_a_sequence_is_ever_seen(tmp_path: Path, cuts: list[int]) -> None:
    said, _, journal = speech(tmp_path, Cleaner())
    text = f"The key\x1b[2J is {SECRET} \x1b]0;pwned\x07and so on"
    at = 0
    for size in [*cuts, len(text)]:
        said.hear("text", text[at : at + size])
        said.show()
        at += size
        shown = seen(journal).text
        assert SECRET[:8] not in shown
        assert "\x1b" not in shown
    said.hear("text", "")
    said.show()
    assert seen(journal).text == "The key is [redacted:anthropic] and so on"
    said.close()


def test_a_long_reply_is_followed_at_its_end_and_takes_its_share_of_the_time_and_no_more(tmp_path: Path) -> None:
    written: list[str] = []

    def slow(text: str) -> str:
        clock.now += 0.1
        written.append(text)
        return text

    said, clock, journal = speech(tmp_path, slow)
    said.hear("text", "word " * KEPT)
    said.show()
    assert len(seen(journal).text) == KEPT
    said.show()
    assert len(written) == 1, "nothing new, nothing written"
    said.hear("text", "last ")
    clock.now += SHARE * 0.1 - 0.5
    said.show()
    assert len(written) == 1, "it took 0.1 s: there is none for 5 s"
    clock.now += 1.0
    said.show()
    assert seen(journal).text.endswith("word last ")


def test_two_threads_leave_nothing_behind(tmp_path: Path) -> None:
    said, _, journal = speech(tmp_path, Cleaner())
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            said.show()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for call in range(200):
            said.begin("maker.1", call)
            said.hear("text", f"reply {call} ")
            said.close()
            assert spoken(journal, "r1") is None
    finally:
        over.set()
        watcher.join(10)


def test_who_cannot_write_or_read_goes_on_without(tmp_path: Path) -> None:
    for silent in (Speech(tmp_path / "nowhere" / "journal.db", "r1"), Speech()):
        silent.begin("maker.1", 1)
        silent.hear("text", "into the void ")
        silent.show()
        silent.close()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "r1.speech").write_text("{")
    assert spoken(tmp_path / "journal.db", "r1") is None
    assert spoken(tmp_path / "nowhere" / "journal.db", "r1") is None
