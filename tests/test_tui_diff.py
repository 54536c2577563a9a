"""Diffs: taken apart without loss, paired, coloured where they are seen, and drawn in rows that fit."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.pilot import Pilot

from harness.clean import clean
from harness.journal import Journal
from tests.tui_support import NEW, OLD, SIZES, drive, open_journal, rows, text, until, with_diff, working
from tui.app import Loopwright
from tui.colour import Painter, changed, over
from tui.patch import parse
from tui.screens import RunScreen
from tui.sheet import Sheet
from tui.tabs import DiffTab
from tui.text import cells

PATCH = """\
diff --git a/src/x.py b/src/x.py
index 1..2 100644
--- a/src/x.py
+++ b/src/x.py
@@ -1,4 +1,5 @@ def first():
 a
-    return 2 ** attempt
+    return 3 ** attempt
+    pass
 b
@@ -90 +91 @@
-c
+--- d
diff --git a/new file.txt b/new file.txt
new file mode 100644
--- /dev/null
+++ b/new file.txt
@@ -0,0 +1 @@
+hello
\\ No newline at end of file
diff --git a/gone.bin b/gone.bin
deleted file mode 100644
Binary files a/gone.bin and /dev/null differ
"""


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path) as opened:
        yield opened


def test_files_hunks_and_numbers() -> None:
    x, new, gone = parse(PATCH)
    assert [(file.path, file.status, file.plus, file.minus) for file in (x, new, gone)] == [
        ("src/x.py", "M", 3, 2), ("new file.txt", "A", 1, 0), ("gone.bin", "D", 0, 0),
    ]  # fmt: skip
    assert [(row.sign, row.text, row.old, row.new) for row in x.rows[:6]] == [
        ("@", "def first():", 1, 1), (" ", "a", 1, 1), ("-", "    return 2 ** attempt", 2, 0),
        ("+", "    return 3 ** attempt", 0, 2), ("+", "    pass", 0, 3), (" ", "b", 3, 4),
    ]  # fmt: skip
    assert x.rows[-1].text == "--- d", "an added line that looks like a header is a line"
    assert (x.rows[2].pair, x.rows[3].pair, x.rows[4].pair) == (3, 2, -1)
    assert gone.rows[-1].sign == "\\"


def test_what_is_foreign_is_cleaned_before_it_is_a_row() -> None:
    (file,) = parse("diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+a\x1b]52;c;eA==\x07b\tc\x1b[2J\r\u202e\n")
    assert file.rows[1].text == "ab  c␊"


def test_the_words_that_changed() -> None:
    left, right = changed("    return 2 ** attempt", "    return 3 ** attempt")
    assert (left, right) == (((11, 12),), ((11, 12),))
    assert changed("alpha beta", "quite another thing here") == ((), ())
    spans = over([("    return ", "kw"), ("2 ** attempt", "plain")], left, "delword")
    assert ("2", "plain delword") in spans
    assert "".join(text for text, _ in spans) == "    return 2 ** attempt"


def test_source_is_coloured_and_no_text_is_lost() -> None:
    (file, *_) = parse(PATCH)
    painter = Painter(file)
    for at, row in enumerate(file.rows):
        assert "".join(text for text, _ in painter.spans(at)) == row.text
    assert ("return", "kw") in painter.spans(2)
    assert ("2", "num") in painter.spans(2)


LINE = st.text(st.sampled_from("ab \té日=()\"'#"), max_size=30).map(clean).map(lambda text: text.replace("\n", ""))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(" +-"), LINE), max_size=12), st.integers(12, 140))
def test_every_row_of_every_layout_fills_its_width(lines: list[tuple[str, str]], width: int) -> None:
    body = "".join(f"{sign}{text}\n" for sign, text in lines)
    sheet = Sheet(parse(f"diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n{body}"))
    for two, laid in ((False, sheet.unified()), (True, sheet.split())):
        shown = {at for pair in laid for at in pair[1:] if at >= 0}
        assert len(shown) == len(sheet.files[0].rows), "every line is there, once"
        for side in (1, 2):
            order = [pair[side] for pair in laid if pair[side] >= 0]
            assert order == sorted(set(order)), "and a file is read from top to bottom"
        for pair in laid:
            for line in sheet.draw(pair, width, two=two):
                assert cells(line) == width


def test_what_was_added_above_a_changed_line_stands_above_it() -> None:
    body = "-    return 2 ** attempt\n+    header = resp.headers.get('retry-after', '')\n+    return 3 ** attempt\n"
    sheet = Sheet(parse(f"diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1 +1,2 @@\n{body}"))
    assert [pair[1:] for pair in sheet.split()] == [(-1, -1), (0, 0), (-1, 2), (1, 3)]


def diff_tab(app: Loopwright) -> DiffTab:
    assert isinstance(app.screen, RunScreen)
    return app.screen.tabs[1]


@pytest.mark.parametrize("size", SIZES)
def test_a_candidates_change_is_shown_in_one_column_or_two(
    journal: Journal, tmp_path: Path, size: tuple[int, int]
) -> None:
    after = {"src/http.py": NEW, "src/dates.py": "".join(f"line_{n} = {n}\n" for n in range(60))}
    author = with_diff(journal, tmp_path, "live", {"src/http.py": OLD}, after)

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await pilot.press("2")
        await until(pilot, lambda: "2 files" in text(app))
        await until(pilot, lambda: "line_3 = 3" in text(app))
        assert "iteration 1 since base" in text(app) or size[0] < 80
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: "2 ** attempt" in text(app) and "3 ** attempt" in text(app))
        two = diff_tab(app).two
        row = next(row for row in rows(app) if "3 ** attempt" in row)
        assert ("2 ** attempt" in row) == two
        await pilot.press("v")
        assert diff_tab(app).two is not two
        if size[0] >= 80:
            row = next(row for row in rows(app) if "3 ** attempt" in row)
            assert ("2 ** attempt" in row) != two
        await pilot.press("slash", *"LINE_42", "enter")
        await until(pilot, lambda: "line_42 = 42" in text(app))
        await pilot.press("escape", "i")
        await until(pilot, lambda: "since the candidate before" in text(app) or size[0] < 80)

    drive(journal, script, size, run=author.run)


def test_a_change_that_is_not_here_is_said_to_be_elsewhere(journal: Journal) -> None:
    author = working(journal)

    async def script(app: Loopwright, pilot: Pilot[None]) -> None:
        await pilot.press("2")
        await until(pilot, lambda: "not on this machine" in text(app))

    drive(journal, script, run=author.run)
    assert not (journal.path.parent / "store").exists(), "a viewer makes no store"
