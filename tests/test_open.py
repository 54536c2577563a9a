"""`loopwright open`: a checkout for a person, in which nothing of the agent's or of anybody's runs."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli.app import cli
from harness.events import CandidateMade, DiffStat, IterationFinished, IterationStarted, RunFinished
from harness.journal import Journal
from harness.repo import Store, discover, export_script, split_export
from tests.journal_support import created
from tests.repo_support import (
    TRAPPED_ATTRIBUTES,
    adopted,
    clone_of,
    git,
    line,
    repository,
    set_traps,
    shell,
    snapshot,
)

HOSTILE = {".gitattributes": TRAPPED_ATTRIBUTES, "new.txt": b"new\n", ".githooks/pre-commit": b"#!/bin/sh\nfalse\n"}


class Opened:
    """A run with one candidate in a repository full of traps."""

    def __init__(self, where: Path, green: bool) -> None:
        self.home, self.marker = where / "home", where / "traps" / "marker"
        self.root = repository(where / "repo", {"src/app.py": b"x = 1\n", "a.txt": b"a\n"})
        set_traps(self.root / ".git", self.marker)
        repo, self.base, store = adopted(self.home, self.root)
        work = clone_of(store.seed(self.base, 0), where / "work")
        for path, content in HOSTILE.items():
            (work / path).parent.mkdir(exist_ok=True)
            (work / path).write_bytes(content)
        done = shell(export_script(self.base.commit), work)
        tip, pack = split_export(done.stdout)
        self.tree = store.receive(pack, tip, self.base.commit).tree
        self.commit = store.commit(self.tree, self.base.commit, "Candidate 1")
        store.keep("r1", 1, self.commit)
        journal = Journal(self.home / "journal.db")
        first = created(repo=str(self.root), repo_id=repo.id, base=self.base.commit, base_tree=self.base.tree)
        journal.create("r1", first)
        epoch = journal.claim("r1", "host:1")
        journal.append("r1", epoch, IterationStarted(n=1, parent=self.base.commit, model="m"))
        made = CandidateMade(n=1, commit=self.commit, tree=self.tree, parent=self.base.commit, diff=DiffStat())
        journal.append("r1", epoch, made)
        journal.append("r1", epoch, IterationFinished(n=1, ending="finish", green=green, accepted=green, score=(1,)))
        journal.close()

    def __call__(self, *args: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli, ["open", *args], env={"LOOPWRIGHT_HOME": str(self.home)})
        return done.exit_code, done.output


def test_a_green_candidate_is_laid_out_and_nothing_runs(tmp_path: Path) -> None:
    opened = Opened(tmp_path, green=True)
    before = snapshot(opened.root)
    place = tmp_path / "for me"
    code, said = opened("r1", str(place))
    assert (code, said) == (0, f"{place}\n")
    assert (place / "new.txt").read_bytes() == b"new\n"
    assert (place / ".gitattributes").read_bytes() == TRAPPED_ATTRIBUTES
    assert line(place, "rev-parse", "HEAD", "HEAD^") == f"{opened.commit}\n{opened.base.commit}"
    assert line(place, "symbolic-ref", "--short", "HEAD") == "loopwright/r1-1"
    assert git(place, "status", "--porcelain") == b""
    assert git(place, "fsck", "--strict") == b""
    git(place, "commit", "-q", "--allow-empty", "-m", "mine")
    assert line(place, "log", "-1", "--format=%an") == "Dev"
    hooks = place / ".git" / "hooks"
    assert not hooks.exists() or not list(hooks.iterdir())
    config = git(place, "config", "--local", "--list").decode()
    assert not any(word in config for word in ("remote", "filter", "hook", "include", "alias", "credential", "user."))
    assert not opened.marker.exists()
    assert snapshot(opened.root) == before


def test_without_a_place_it_is_kept_and_found_again(tmp_path: Path) -> None:
    opened = Opened(tmp_path, green=True)
    code, said = opened()
    where = Path(said.strip())
    assert (code, where) == (0, opened.home / "open" / "r1-1")
    (where / "new.txt").write_text("edited by a person")
    code, said = opened("last")
    assert (code, said.splitlines()[-1], "opened before" in said) == (0, str(where), True)
    assert (where / "new.txt").read_text() == "edited by a person"
    assert sorted(path.name for path in where.parent.iterdir()) == ["r1-1"]


def test_what_is_not_green_is_opened_only_when_that_is_said(tmp_path: Path) -> None:
    opened = Opened(tmp_path, green=False)
    code, said = opened("r1", str(tmp_path / "a"))
    assert (code, "not green" in said, (tmp_path / "a").exists()) == (1, True, False)
    assert opened("r1", str(tmp_path / "a"), "--unproven")[0] == 0
    assert (tmp_path / "a" / "new.txt").is_file()
    assert opened("r1", "--iteration", "2")[0] == 1


@pytest.mark.parametrize("taken", ["directory", "file", "link"])
def test_nothing_that_exists_is_overwritten(tmp_path: Path, taken: str) -> None:
    opened = Opened(tmp_path, green=True)
    place = tmp_path / "taken"
    match taken:
        case "directory":
            place.mkdir()
        case "file":
            place.write_text("mine")
        case _:
            place.symlink_to(tmp_path / "elsewhere")
    result = CliRunner().invoke(cli, ["open", "r1", str(place)], env={"LOOPWRIGHT_HOME": str(opened.home)})
    assert type(result.exception).__name__ == "PlaceTaken"
    assert place.is_symlink() or not place.is_dir() or not list(place.iterdir())
    assert not (tmp_path / "elsewhere").exists()


def test_gc_forgets_candidates_of_runs_that_are_gone_or_old(tmp_path: Path) -> None:
    opened = Opened(tmp_path, green=True)
    store = Store(opened.home, discover(opened.root))
    store.checkpoint("r1", opened.tree, opened.base.commit)
    store.keep("erased", 1, opened.commit)

    def gc(*args: str) -> list[str]:
        done = CliRunner().invoke(cli, ["gc", *args], env={"LOOPWRIGHT_HOME": str(opened.home)})
        assert done.exit_code == 0, done.output
        return done.output.splitlines()

    with Journal(opened.home / "journal.db") as journal, journal.hold("erased"):
        assert gc() == ["nothing to remove"]  # somebody is about to create it: a fork
    assert gc() == ["removed candidates of erased", "1 things removed"]
    assert gc("--older", "0") == ["nothing to remove"]  # it has not ended, so it can be resumed
    journal = Journal(opened.home / "journal.db")
    journal.append("r1", journal.state("r1").epoch, RunFinished(outcome="stuck", reason="r", exit_code=1, next_step=""))
    assert gc("--older", "1") == ["nothing to remove"]
    assert opened("r1", str(tmp_path / "still"))[0] == 0
    assert gc("--older", "0") == ["removed candidates of r1", "1 things removed"]
    assert store.runs() == frozenset()


def test_old_images_are_named_before_they_go(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["image", "prune", "--dry-run"], env={"LOOPWRIGHT_HOME": str(tmp_path / "home")})
    assert done.exit_code == 0, done.output
    assert all(line.startswith(("would remove ", "nothing to remove")) for line in done.output.splitlines())
