"""What a model is saying right now: seen while it says it, cleaned, and gone with its reply."""

from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.clean import Cleaner
from harness.journal import Speech, Spoken, spoken
from harness.journal.speech import EVERY, KEPT

SECRET = "sk-ant-api03-" + "Zx9" * 12


class Clock:
    """A clock that stands still until it is told to go on."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def seen(journal: Path) -> Spoken:
    now = spoken(journal, "r1")
    assert now
    return now


def speech(home: Path, clean: Callable[[str], str] = str) -> tuple[Speech, Clock, Path]:
    (home / "runs").mkdir(exist_ok=True)
    clock, journal = Clock(), home / "journal.db"
    made = Speech(journal, "r1", clean, clock)
    made.begin("maker.1", 3)
    return made, clock, journal


def test_words_are_seen_as_they_come_a_few_times_a_second_and_gone_with_the_reply(tmp_path: Path) -> None:
    said, clock, journal = speech(tmp_path)
    assert spoken(journal, "r1") is None
    said.hear("thinking", "The header may ")
    assert spoken(journal, "r1") == Spoken(conversation="maker.1", call=3, thinking="The header may ")
    said.hear("thinking", "be a date. ")
    assert spoken(journal, "r1") == Spoken(conversation="maker.1", call=3, thinking="The header may "), "too soon"
    clock.now += EVERY
    said.hear("thinking", "So ")
    assert spoken(journal, "r1") == Spoken(conversation="maker.1", call=3, thinking="The header may be a date. So ")
    said.hear("thinking", "be it.")
    said.hear("thinking", "")
    assert seen(journal).thinking.endswith("So be it."), "the end of a block waits for nothing"
    said.hear("tool", "edit")
    assert seen(journal).tool == "edit"
    clock.now += EVERY
    said.hear("text", "Done. ")
    assert (seen(journal).text, seen(journal).tool) == ("Done. ", "")
    said.begin("maker.1", 3)
    assert spoken(journal, "r1") is None, "another attempt begins with nothing"
    said.hear("text", "Again ")
    said.close()
    assert spoken(journal, "r1") is None
    assert list((tmp_path / "runs").iterdir()) == []


def test_what_a_killed_process_left_is_gone_when_the_run_goes_on(tmp_path: Path) -> None:
    said, _, journal = speech(tmp_path)
    said.hear("text", "half a ")
    assert spoken(journal, "r1")
    Speech(journal, "r1")
    assert spoken(journal, "r1") is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 30), min_size=1, max_size=12))
def test_neither_a_secret_nor_its_beginning_nor_a_sequence_is_ever_seen(tmp_path: Path, cuts: list[int]) -> None:
    said, clock, journal = speech(tmp_path, Cleaner())
    text = f"The key\x1b[2J is {SECRET} \x1b]0;pwned\x07and so on"
    at = 0
    for size in [*cuts, len(text)]:
        clock.now += EVERY
        said.hear("text", text[at : at + size])
        at += size
        shown = seen(journal).text
        assert SECRET[:8] not in shown
        assert "\x1b" not in shown
    said.hear("text", "")
    assert seen(journal).text == "The key is [redacted:anthropic] and so on"
    said.close()


def test_a_long_reply_is_followed_at_its_end_and_takes_its_share_of_the_time_and_no_more(tmp_path: Path) -> None:
    clock = Clock()

    def slow(text: str) -> str:
        clock.now += 0.1
        return text

    (tmp_path / "runs").mkdir()
    said = Speech(tmp_path / "journal.db", "r1", slow, clock)
    said.begin("maker.1", 1)
    said.hear("text", "word " * KEPT)
    clock.now += 1.0
    said.hear("text", "last ")
    assert len(seen(tmp_path / "journal.db").text) == KEPT
    assert not seen(tmp_path / "journal.db").text.endswith("last "), (
        "a write that took 0.1 s is followed by 5 s without one"
    )
    clock.now += 4.0
    said.hear("text", "of all ")
    assert seen(tmp_path / "journal.db").text.endswith("word last of all ")


def test_who_cannot_write_or_read_goes_on_without(tmp_path: Path) -> None:
    said = Speech(tmp_path / "nowhere" / "journal.db", "r1")
    said.begin("maker.1", 1)
    said.hear("text", "into the void ")
    said.close()
    silent = Speech()
    silent.begin("maker.1", 1)
    silent.hear("text", "to nobody ")
    silent.close()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "r1.speech").write_text("{")
    assert spoken(tmp_path / "journal.db", "r1") is None
    assert spoken(tmp_path / "nowhere" / "journal.db", "r1") is None
