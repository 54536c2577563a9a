"""The command line at its edges: odd arguments, streams that are closed, files that were damaged or made to deceive."""

import io
import os
import pwd
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import click
import msgspec
import pytest

from bench.history import CREATED
from harness.cli.look import shown
from harness.cli.source import source
from harness.cli.view import viewing
from harness.config import Config, ConfigError, places
from harness.events import DRILL, ModelReplied, Notice, RunFinished, Usage
from harness.journal import ArchiveRefused, Journal, State
from harness.journal.transfer import erase, export
from harness.loop.costs import bill
from harness.loop.plan import Settings
from harness.models import load
from tests.conftest import GOAL, PROGRAM, ROOT, House, commit_all, git
from tests.test_bad_input import clear


@pytest.fixture
def bare(tmp_path: Path) -> House:
    """A house whose repository has one file; nothing here needs an image."""
    house = House(tmp_path, tmp_path / "repo")
    git(tmp_path, "init", "-q", "-b", "main", str(house.repo))
    (house.repo / "a").write_text("a")
    commit_all(house.repo)
    return house


@pytest.mark.parametrize(
    "text",
    [
        "tool = 3\n",
        '[tool]\nloopwright = "x"\n',
        f"a = {'1' * 5_000}\n",
        f"a = {'[' * 5_000}{']' * 5_000}\n",
        "[tool.loopwright.escalation]\nhours = 1e300\n",
        "[tool.loopwright.limits]\ntokens = 100000000000000000000\n",
    ],
)
def test_whatever_stands_in_pyproject_is_no_defect(bare: House, text: str) -> None:
    (bare.repo / "pyproject.toml").write_text(text)
    commit_all(bare.repo)
    done = bare("run", GOAL, env={"DOCKER_HOST": "unix:///nowhere/docker.sock"})
    clear(done.err)
    assert done.code == (3 if text.startswith("tool = ") else 2), done.err


def test_a_limit_that_is_no_number_starts_nothing(bare: House) -> None:
    bare.journal.create("run-1", CREATED)
    for command in (("run", GOAL), ("resume", "run-1"), ("fork", "run-1@0")):
        for option in ("--max-cost", "--max-minutes"):
            done = bare(*command, option, "nan")
            assert (done.code, done.out) == (2, ""), done.err
            assert "not a number" in done.err
    assert len(bare.journal.runs()) == 1
    assert bare("run", GOAL, "--branch", "main/x").err.count("main-x") == 1
    assert "the branch main/x exists" not in bare("run", GOAL, "--branch", "main/x").err
    assert bare("run", GOAL, "--branch", "").code == 2


def test_a_goal_from_a_stream_that_is_none_or_no_text(bare: House) -> None:
    environ = {**bare.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8:strict"}
    command = [*PROGRAM, "run", "-"]
    for shell in ('printf "\\377" | "$@"', '"$@" <&-'):
        done = subprocess.run(
            ["sh", "-c", shell, "sh", *command], cwd=bare.repo, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2, done.stderr
        assert "standard input" in done.stderr


def test_progress_without_a_stream_to_show_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with viewing("auto", State, 1, 1):
        pass


ACME = """
def look(gate, room):
    raise LookupError("acme")
"""


def test_a_defect_is_an_ending_with_its_document(house: House, tmp_path: Path) -> None:
    (tmp_path / "acme_gate.py").write_text(ACME)
    info = tmp_path / "acme-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[loopwright.gates]\nacme = acme_gate:look\n")
    (house.repo / "loopwright.toml").write_text('[gates.look]\nkind = "acme"\n')
    commit_all(house.repo)
    path = os.pathsep.join((str(ROOT), str(tmp_path)))
    process = house.start("run", GOAL, "--json", "--progress", "none", env={"PYTHONPATH": path})
    out, err = process.communicate(timeout=300)
    document = msgspec.json.decode(out)
    assert (process.returncode, document["exit_code"], document["outcome"]) == (70, 70, "failed")
    assert "LookupError: acme" in err
    assert document["reason"].endswith("LookupError: acme")


def test_a_stop_that_is_put_off_says_when_it_comes(bare: House) -> None:
    bare.journal.create("run-1", CREATED)
    with bare.journal.hold("run-1"):
        done = bare("stop", "run-1", "--in", "600")
    assert (done.code, done.out) == (0, "run-1 stops in 600 s; take it back with: loopwright stop run-1 --undo\n")


def test_what_was_erased_or_is_a_drill_is_not_gone_on_with(bare: House) -> None:
    bare.journal.create("run-1", msgspec.structs.replace(CREATED, settings="{}"))
    erase(bare.journal, "run-1")
    drilled = msgspec.structs.replace(CREATED, settings="{}", goal=msgspec.structs.replace(CREATED.goal, source=DRILL))
    bare.journal.create("run-2", drilled)
    bare.journal.append("run-2", 0, RunFinished(outcome="blocked", reason="1 of 2", exit_code=1))
    for name, word in (("run-1", "erased"), ("run-2", "drill")):
        for command in (("resume", name), ("fork", f"{name}@0")):
            done = bare(*command)
            assert done.code == 2, done.err
            clear(done.err, word)
    assert len(bare.journal.runs()) == 2
    assert bare("pr", "run-1").code == 2


def archive(tmp_path: Path, what: str = "fact", run: str = "run-1") -> Path:
    with Journal(tmp_path / "archived.db", clean=str) as journal:
        journal.create(run, CREATED)
        journal.append(run, 0, *(Notice(what=f"{what} {n}") for n in range(40)))
        export(journal, run, tmp_path / "run.lwa", b"PACK" + bytes(range(256)))
    (tmp_path / "archived.db").unlink()
    return tmp_path / "run.lwa"


def test_a_damaged_archive_is_refused_wherever_it_is_damaged(tmp_path: Path) -> None:
    path = archive(tmp_path)
    whole = path.read_bytes()
    refused = 0
    for at in range(0, len(whole), 97):
        path.write_bytes(whole[:at] + bytes((whole[at] ^ 0x55,)) + whole[at + 1 :])
        try:
            with source(str(path)) as found:
                found.state()
        except ArchiveRefused:
            refused += 1
    assert refused > 10
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArchiveRefused), source(str(path)):
        pass


def rewritten(path: Path, name: str, old: bytes, new: bytes) -> Path:
    """The archive with one of its files changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as before, zipfile.ZipFile(out, "w") as after:
        for each in before.namelist():
            data = before.read(each)
            after.writestr(each, data.replace(old, new) if each == name else data)
    path.write_bytes(out.getvalue())
    return path


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("manifest.json", b'"run-1"', b'"../run-1"'),
        ("manifest.json", b'"run-1"', b'"last"'),
        ("manifest.json", b'"epoch": 0', b'"epoch": 99999999999999999999'),
        ("events.jsonl", b'"seq":3', b'"seq":2'),
        ("events.jsonl", b'"seq":3', b'"seq":99999999999999999999'),
    ],
)
def test_an_archive_that_no_journal_could_have_written_is_refused(
    tmp_path: Path, name: str, old: bytes, new: bytes
) -> None:
    path = rewritten(archive(tmp_path), name, old, new)
    with pytest.raises(ArchiveRefused), source(str(path)):
        pass


def test_an_archive_that_cannot_be_written_is_no_fault_of_the_journal(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        journal.create("run-1", CREATED)
        with pytest.raises(FileNotFoundError):
            export(journal, "run-1", tmp_path / "nowhere" / "run.lwa", b"")


def test_the_frontiers_price_is_that_of_the_same_region(tmp_path: Path) -> None:
    settings = msgspec.json.encode(Settings(config=Config(), gates=(), source="")).decode()
    usage = Usage(input=1_000, output=1_000)
    with Journal(tmp_path / "journal.db") as journal:
        journal.create("run-1", msgspec.structs.replace(CREATED, settings=settings))
        for geo in ("us", ""):
            reply = ModelReplied(
                conversation="checker.1", call=1, model="claude-opus-5-5", stop_reason="end_turn", usage=usage,
                cost=26_400 if geo else 24_000, calls=0, micros=1, geo=geo,
            )  # fmt: skip
            journal.append("run-1", 0, reply)
        found = bill(journal, ["run-1"], load())
    assert (found.frontier, found.replied, found.saved_percent) == (50_400, 50_400, 0)


def test_an_archive_cannot_write_to_the_terminal(bare: House, tmp_path: Path) -> None:
    path = archive(tmp_path, "\x1b]0;owned\x07\x9b31m\u202e")
    for command in ("log", "show"):
        shown = bare(command, str(path))
        assert shown.code == 0, shown.err
        assert "39" in shown.out
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(shown.out)


def test_what_is_kept_beside_the_events_has_to_say_what_they_say(bare: House) -> None:
    bare.journal.create("run-1", CREATED)
    bare.journal.append("run-1", 0, RunFinished(outcome="failed", reason="red", exit_code=3))
    verify = ("audit", "verify", "run-1")
    assert bare(*verify).code == 0
    with closing(sqlite3.connect(bare.journal.path, isolation_level=None)) as db:
        db.execute("UPDATE runs SET summary = replace(summary, 'failed', 'succeeded')")
        lied = bare(*verify)
        assert (lied.code, "what lists show of it" in lied.out) == (1, True)
        db.execute("UPDATE runs SET summary = '{'")
        assert "failed" in bare("ls").out
        assert bare(*verify, "--all").code == 1


def test_doctor_and_others_without_a_place_for_state(bare: House, tmp_path: Path) -> None:
    bare.home.mkdir()
    (bare.home / "journal.db").write_text("no journal at all, but long enough to be looked at as a header" * 9)
    rows = {row["name"]: row for row in bare("doctor", "--json").document}
    assert (rows["journal"]["ok"], rows["state"]["ok"]) == (False, True)
    (tmp_path / "file").write_text("")
    away = bare("doctor", "--json", env={"LOOPWRIGHT_HOME": str(tmp_path / "file" / "home")})
    assert {row["name"] for row in away.document if not row["ok"]} >= {"state"}
    nobody = bare("ls", env={"LOOPWRIGHT_HOME": "~no-such-user/home"})
    assert nobody.code == 2
    clear(nobody.err, "LOOPWRIGHT_HOME")


def test_a_user_without_a_home_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)  # a number that no file of users knows, as in a container
    with pytest.raises(ConfigError, match="no home"):
        places({})


def test_init_writes_into_a_checkout_and_through_no_link(bare: House, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(bare.repo), str(tmp_path / "bare.git"))
    refused = bare("init", cwd=tmp_path / "bare.git")
    assert refused.code == 2
    clear(refused.err, "bare")
    (bare.repo / "loopwright.toml").symlink_to(tmp_path / "elsewhere")
    assert bare("init").code == 2
    assert not (tmp_path / "elsewhere").exists()


def test_a_diff_keeps_the_ends_of_lines_and_nothing_that_moves_a_terminal() -> None:
    text = "--- a/x\n+++ b/x\n@@ -1,2 +1,3 @@\n one\r\n-two\r\n+\f\n+th\x1b[2Jree\r\n"
    assert "\n".join(map(click.unstyle, shown(text))) + "\n" == text.replace("\x1b[2J", "")
    assert list(shown("")) == []
