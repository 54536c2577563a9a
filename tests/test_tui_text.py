"""Text in cells: whatever it holds, a row is never wider than its place and nothing of it is lost."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from harness.clean import clean
from tui.card import _short, clock, dollars, gauge
from tui.text import MARK, Item, cells, cut, draw, fit, height, lit, one_line, spread, trim, wrap

CLEANED = st.text(st.sampled_from("ab \t\n日é\u0301👍\ufe0f▸…[/]=@") | st.characters(), max_size=80).map(clean)
WIDTH = st.integers(1, 40)


def squeezed(text: str) -> str:
    return "".join(text.split())


@given(CLEANED, WIDTH)
@example("日本語", 1)
@example(" " * 50, 7)
def test_wrapping_loses_nothing_and_keeps_to_the_width(text: str, width: int) -> None:
    found = wrap(text, width)
    assert found
    assert all(cell_len(row) <= max(width, 2) for row in found)
    assert squeezed("".join(found)) == squeezed(text)


def test_rows_are_broken_at_spaces_and_indentation_stays() -> None:
    assert wrap("    if header:\n        wait(header)", 40) == ["    if header:", "        wait(header)"]
    assert wrap("the wait ignores the header", 10) == ["the wait", "ignores", "the header"]
    assert wrap("  日本 語テ スト", 8) == ["  日本", "語テ", "スト"]


def test_a_long_line_without_a_space_is_wrapped_in_linear_time() -> None:
    assert len(wrap("x" * 2_000_000, 100)) == 20_000
    assert len(wrap("é" * 300_000, 100)) == 3_000


@given(CLEANED.map(one_line), WIDTH, st.booleans())
def test_cut_and_fit_keep_to_the_width(text: str, width: int, right: bool) -> None:
    assert cell_len(cut(text, width)) <= width
    assert cell_len(fit(text, width, right=right)) == width
    assert cut(text, cell_len(text)) == text


@given(st.lists(CLEANED.map(one_line), max_size=4), st.lists(CLEANED.map(one_line), max_size=3), WIDTH)
def test_a_line_fills_its_row_exactly(left: list[str], right: list[str], width: int) -> None:
    before = tuple((text, "plain") for text in left)
    behind = tuple((text, "dim") for text in right)
    assert cells(trim(before, width)) == width
    assert cells(spread(before, behind, width)) == width


@given(
    CLEANED, WIDTH, st.integers(0, 4), st.sampled_from(["", "✓", "!"]), st.integers(0, 6), st.sampled_from(["", "2s"])
)
def test_a_paragraph_is_as_high_as_it_is_drawn(
    text: str, width: int, indent: int, mark: str, hang: int, right: str
) -> None:
    item = Item(text=text, indent=indent, mark=mark, hang=hang, right=right)
    drawn = draw(item, width)
    assert len(drawn) == height(item, width)
    lead = indent + MARK + hang
    assert all(cells(line) <= max(width, lead + 2) for line in drawn)


@given(st.lists(CLEANED.map(one_line), max_size=3), st.text("ab日é ", min_size=1, max_size=2))
def test_lighting_up_words_changes_no_text(texts: list[str], words: str) -> None:
    line = tuple((text, "plain") for text in texts)
    shown = lit(line, words)
    assert "".join(text for text, _ in shown) == "".join(texts)
    assert all(text.casefold() == words.casefold() for text, tone in shown if "hit" in tone)
    assert any("hit" in tone for _, tone in shown) or not any(words in text for text in texts)


@given(CLEANED)
def test_one_line_has_neither_breaks_nor_tabs(text: str) -> None:
    line = one_line(text)
    assert line == " ".join(line.split())
    assert bool(line) == bool(text.split())


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["tests", "lint", "security"], ["T", "L", "S"]),
        (["tests", "types"], ["Te", "Ty"]),
        (["ruff", "ruff-format"], ["Ruff", "Ruff-"]),
        (["a"], ["A"]),
    ],
)
def test_a_gate_is_named_by_the_letters_that_tell_it_from_the_others(names: list[str], short: list[str]) -> None:
    assert _short(names) == short


def test_figures() -> None:
    assert [clock(micros) for micros in (-5, 0, 59_999_999, 61_000_000, 3_723_000_000)] == [
        "0:00", "0:00", "0:59", "1:01", "1:02:03",
    ]  # fmt: skip
    assert [dollars(micro) for micro in (0, 3_400, 10_000, 1_234_567)] == ["0.00", "0.0034", "0.01", "1.23"]
    bars = [gauge(part, 100, 4, "live") for part in (0, 1, 50, 100, 900)]
    assert ["".join(text for text, _ in bar) for bar in bars] == ["░░░░", "█░░░", "██░░", "████", "████"]
    assert gauge(5, 0, 4, "live") == (("", "live"), ("░░░░", "faint"))


def test_what_hangs_stands_under_what_it_belongs_to_and_the_right_end_is_kept() -> None:
    item = Item(text="security   no credentials, no new findings", mark="✓", hang=11, right="2.6s")
    rows = ["".join(text for text, _ in line).rstrip() for line in draw(item, 40)]
    assert rows == ["✓ security   no credentials, no     2.6s", "             new findings"]
    assert height(item, 40) == 2
    assert len(draw(item, 9)) == height(item, 9), "in no room at all, too"
