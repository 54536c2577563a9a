"""The table of `make bench`: its figures are those of what was run, and what has none says why."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import figures, history, process
from bench.__main__ import main
from bench.catalogue import CATALOGUE
from bench.families import FAMILIES
from bench.figures import Figure, Row, Unmeasurable
from bench.house import Heard, checked, gaps
from harness.journal import Journal
from tests.conftest import ROOT


def rows(text: str) -> list[Row]:
    return msgspec.json.decode(text, type=list[Row])


def bench(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", *args]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, check=False)


def test_the_cheapest_measures() -> None:
    done = bench("python", "help", "--runs", "1", "--json")
    assert done.returncode == 0, done.stderr
    found = {row.name: row for row in rows(done.stdout)}
    assert list(found) == ["python", "help"]
    floor, ours = found["python"], found["help"]
    assert floor.value is not None
    assert ours.value is not None
    assert ours.value > floor.value > 0
    assert (ours.unit, ours.target, ours.met) == ("ms", 120, ours.value <= 120)
    assert "python -c pass" in ours.note
    assert floor.met is None


def test_what_cannot_be_measured_says_why() -> None:
    done = bench("sandbox", "--runs", "1", DOCKER_HOST="tcp://127.0.0.1:1")
    assert done.returncode == 1
    lines = [line for line in done.stdout.splitlines() if line.startswith("sandbox: ")]
    assert len(lines) == 7
    assert all("not measured: " in line and "Docker" in line for line in lines)
    assert "0 targets met, 0 missed" in done.stdout


def test_an_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["turnz"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "turnz" in said.err
    assert "turns" in said.err


def test_every_row_is_owed_by_one_family() -> None:
    assert [name for family in FAMILIES for name in family.measures] == list(CATALOGUE)
    assert all(callable(family.measure()) for family in FAMILIES)


samples = st.lists(st.floats(0.001, 1e6), min_size=1, max_size=60)


@given(st.sampled_from(sorted(CATALOGUE)), samples, samples)
def test_rows(name: str, ours: list[float], floor: list[float]) -> None:
    row = figures.row(figures.of(name, ours, beside=("a floor", floor), note="a note"))
    assert row.value is not None
    assert row.least == min(ours) <= row.value <= max(ours)
    assert row.p95 is None if len(ours) < 20 else row.p95 is not None and row.p95 >= row.value
    assert row.met is None if row.target is None else row.met == (row.value <= row.target)
    assert row.note.endswith("; a note")
    drawn = figures.table([row])
    assert row.measure in drawn
    assert ("MISSED" in drawn) is (row.met is False)


def test_the_table_counts_and_explains() -> None:
    good, bad = Figure(name="help", value=119.9), Figure(name="close", value=100.1)
    drawn = figures.table([figures.row(good), figures.row(bad), figures.missing("open", "no\nengine " * 100)])
    lines = drawn.splitlines()
    assert lines[0].split("  ")[0] == "measure"
    assert "77 ms Codex" in lines[2]
    assert lines[4].split()[-1] == "engine"
    assert "not measured: no engine no engine" in lines[4]
    assert lines[-1] == "1 targets met, 1 missed: close"
    assert "measured elsewhere" in lines[-2]


def test_no_samples_are_no_figure() -> None:
    with pytest.raises(Unmeasurable):
        figures.of("help", [])


def heard(*times: tuple[int, int], breach: str = "", status: int = 200) -> list[Heard]:
    return [Heard(arrived, answered, breach, status) for arrived, answered in times]


def test_gaps_begin_with_an_answer_and_end_with_a_request() -> None:
    assert gaps(heard((0, 5_000_000), (7_000_000, 9_000_000), (19_500_000, 20_000_000))) == [2.0, 10.5]


def test_another_run_than_was_meant_is_no_figure() -> None:
    whole = heard((0, 1), (2, 3))
    assert checked("", whole, 1) == whole
    for other, turns in (
        (whole, 2),
        (heard((0, 1), (2, 3), (4, 5), (6, 7)), 1),
        (heard((0, 1), (2, 3), breach="it shrank"), 1),
        (heard((0, 1), (2, 3), status=500), 1),
    ):
        with pytest.raises(Unmeasurable):
            checked("", other, turns)


def test_a_process_is_measured_and_not_its_parent(tmp_path: Path) -> None:
    large = bytearray(os.urandom(1)) * (300 << 20)  # the parent's own, which a child must not be charged with
    small = process.run([sys.executable, "-c", "import time; time.sleep(0.2)"], cwd=tmp_path, env=os.environ)
    assert 1 < small.peak < 100
    code = (
        "import sys, time; held = bytearray(b'x') * (90 << 20)\n"
        "while time.process_time() < 0.3: pass\n"
        "print('said'); print('whined', file=sys.stderr); sys.exit(7)"
    )
    busy = process.run([sys.executable, "-c", code], cwd=tmp_path, env=os.environ)
    assert (busy.code, busy.out, busy.err) == (7, "said\n", "whined\n")
    assert busy.peak > 90
    assert busy.cpu >= 0.3
    assert busy.wall >= 0.3
    assert len(large) == 300 << 20


def test_a_home_with_a_past(tmp_path: Path) -> None:
    home = history.home(tmp_path, 3)
    assert history.home(tmp_path, 3) == home
    with Journal(home / "journal.db") as journal:
        assert [(row.run, row.outcome) for row in journal.runs()] == [(f"r{n:07d}", "succeeded") for n in (2, 1, 0)]
        assert all(journal.verify(row.run).ok for row in journal.runs())
