"""Bad input: one clear error with why and fix, the right exit code, nothing lost and nothing left behind."""

import os
import shutil
from pathlib import Path

import pytest

from tests.conftest import FIX, GOAL, TEST, House, Play, commit_all, fingerprint, finish, git, step, tool


def clear(err: str, *words: str) -> None:
    """One error, with what is said in it, and no traceback."""
    assert err.count("error:") == 1, err
    assert "Traceback" not in err
    assert "fix:" in err
    for word in words:
        assert word in err, err


@pytest.fixture
def bare_house(tmp_path: Path) -> House:
    """A house whose repository is an empty directory; nothing here needs an image."""
    repo = tmp_path / "repo"
    repo.mkdir()
    return House(tmp_path, repo)


def test_not_a_repository(bare_house: House) -> None:
    done = bare_house.run()
    assert (done.code, done.out) == (2, "")
    clear(done.err, "not", "repository")


def test_no_commits(bare_house: House) -> None:
    git(bare_house.repo, "init", "-q")
    done = bare_house.run()
    assert done.code == 2
    clear(done.err, "commit")


def test_a_base_that_is_not_there(bare_house: House) -> None:
    git(bare_house.repo, "init", "-q", "-b", "main")
    (bare_house.repo / "a").write_text("a")
    commit_all(bare_house.repo)
    done = bare_house.run("--base", "mian")
    assert done.code == 2
    clear(done.err, "mian", "main")


def test_an_empty_goal(bare_house: House) -> None:
    done = bare_house.run(goal="  ")
    assert done.code == 2
    clear(done.err, "goal")


def test_an_existing_branch(bare_house: House) -> None:
    git(bare_house.repo, "init", "-q", "-b", "main")
    (bare_house.repo / "a").write_text("a")
    commit_all(bare_house.repo)
    done = bare_house.run("--branch", "main")
    assert done.code == 2
    clear(done.err, "main", "main-2")


def test_a_pull_request_that_cannot_be_opened_is_told_before_anything_is_spent(bare_house: House) -> None:
    git(bare_house.repo, "init", "-q", "-b", "main")
    (bare_house.repo / "a").write_text("a")
    commit_all(bare_house.repo)
    done = bare_house.run("--pr")
    assert done.code == 3
    clear(done.err, "there is no remote `origin`")
    git(bare_house.repo, "remote", "add", "origin", "https://me:secret-word@gitlab.com")
    done = bare_house.run("--pr")
    assert (done.code, "secret-word" in done.err) == (3, False)
    clear(done.err, "https://gitlab.com", "names no forge")
    git(bare_house.repo, "remote", "set-url", "origin", "https://gitlab.com/acme/widgets.git")
    bare_house.environ.pop("GITLAB_TOKEN", None)
    done = bare_house.run("--pr")
    assert done.code == 4
    clear(done.err, "no token", "GITLAB_TOKEN")
    assert not (bare_house.home / "journal.db").exists(), "no run was begun"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[limits]\nusd = \n", ["loopwright.toml", "line 2"]),
        ("[limit]\nusd = 1\n", ["limit", "limits"]),
        ("[limits]\nmax_usd = 1\n", ["limits.max_usd", "usd"]),
        ('[limits]\nusd = "much"\n', ["loopwright.toml", "usd"]),
        ("[limits]\nusd = 1000\n", ["1000", "ceiling"]),
        ("[ceiling]\nusd = 1000\n", ["ceiling"]),
        ("[limits]\nusd = -1\n", ["usd", "above zero"]),
        ('[models]\nchecker = "claude-sonnet-5-5"\n', ["maker and checker"]),
        ('[models]\nmaker = "claude-sonet-5-5"\n', ["claude-sonet-5-5", "claude-sonnet-5-5"]),
        ('[gates.x]\nkind = "pytset"\n', ["pytset"]),
        ("[gates.types]\n", ["types", "command"]),
    ],
)
def test_a_wrong_configuration(bare_house: House, text: str, words: list[str]) -> None:
    git(bare_house.repo, "init", "-q", "-b", "main")
    (bare_house.repo / "loopwright.toml").write_text(text)
    commit_all(bare_house.repo)
    done = bare_house.run()
    assert done.code == 2, done.err
    clear(done.err, *words)
    assert bare_house("ls").out.startswith("No runs yet")


def test_unknown_run_and_command(bare_house: House) -> None:
    done = bare_house("show", "nothing")
    assert done.code == 2
    clear(done.err, "nothing")
    wrong = bare_house("rnu")
    assert wrong.code == 2
    assert "'run'" in wrong.err


def test_no_docker(house: House) -> None:
    done = house("run", GOAL, "--json", env={"DOCKER_HOST": "unix:///nowhere/docker.sock"})
    assert (done.code, done.out) == (3, "")
    clear(done.err, "Docker")
    assert house("ls").out.startswith("No runs yet")


def test_no_engine_shows_in_doctor_with_the_fix(house: House) -> None:
    done = house("doctor", env={"DOCKER_HOST": "unix:///nowhere/docker.sock"})
    assert done.code == 3
    assert "FAIL" in done.out
    assert "fix:" in done.out


def test_a_wrong_key(house: House, play: Play) -> None:
    play([[{"status": 401, "message": "invalid x-api-key"}]])
    done = house.run()
    assert (done.code, done.document["outcome"]) == (4, "failed")
    assert "doctor" in house("show").out
    assert done.document["cost_usd"] == 0
    assert house.environ["ANTHROPIC_API_KEY"] not in done.out + done.err


def test_no_credit(house: House, play: Play) -> None:
    server = play([[{"status": 402, "message": "Your credit balance is too low"}]])
    done = house.run()
    assert (done.code, len(server.requests)) == (4, 1)


def test_no_key_at_all(house: House, play: Play) -> None:
    play([[step(FIX), step(finish())]])
    del house.environ["ANTHROPIC_API_KEY"]
    done = house.run()
    assert done.code == 4
    assert done.document["outcome"] == "failed"


def test_a_dirty_checkout_is_said_and_left_alone(house: House, play: Play) -> None:
    (house.repo / "httprange" / "parse.py").write_text("broken(\n")
    (house.repo / "new.txt").write_text("new")
    before = fingerprint(house.repo)
    play([[step(FIX, TEST), step(finish())]])
    done = house.run()
    assert done.code == 0, done.err
    assert "commit" in done.err
    after = fingerprint(house.repo)
    assert all(after[name] == data for name, data in before.items())


def test_a_detached_head_a_shallow_clone_and_a_subdirectory(house: House, play: Play, tmp_path: Path) -> None:
    commit = git(house.repo, "commit", "-q", "--allow-empty", "-m", "second")
    assert commit == ""
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{house.repo}", str(shallow))
    git(shallow, "checkout", "-q", "--detach")
    play([[step(FIX, TEST), step(finish())]])
    done = house("run", GOAL, "--json", "--progress", "plain", cwd=shallow / "tests")
    assert done.code == 0, done.err
    assert "shallow" in done.err
    assert git(shallow, "rev-parse", done.document["branch"]) == done.document["head"]


def test_odd_files_survive(house: House, play: Play) -> None:
    """Names that are no UTF-8, CRLF, symlinks, executables: the branch differs from base by the change alone."""
    repo = house.repo
    (repo / "crlf.txt").write_bytes(b"one\r\ntwo\r\n")
    (repo / "link").symlink_to("crlf.txt")
    Path(os.fsdecode(os.fsencode(repo) + b"/caf\xe9.txt")).write_text("latin")
    (repo / "tool.sh").write_text("#!/bin/sh\n")
    (repo / "tool.sh").chmod(0o755)
    commit_all(repo)
    play([[step(FIX, TEST), step(finish())]])
    done = house.run()
    assert done.code == 0, done.err
    changed = git(repo, "diff", "--name-only", "HEAD", done.document["branch"]).splitlines()
    assert changed == ["httprange/parse.py", "tests/test_parse.py"]


def test_a_submodule_is_named(house: House, play: Play, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q", "-b", "main")
    (other / "x").write_text("x")
    commit_all(other)
    git(house.repo, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other), "vendor/other")
    commit_all(house.repo, "a submodule")
    play([[step(FIX, TEST), step(finish())]])
    done = house.run()
    assert done.code == 0, done.err
    assert "vendor/other" in done.err
    tree = git(house.repo, "ls-tree", done.document["branch"], "vendor/other")
    assert tree == git(house.repo, "ls-tree", "HEAD", "vendor/other")


def test_a_repository_without_tests(house: House, play: Play) -> None:
    house.detect()
    shutil.rmtree(house.repo / "tests")
    commit_all(house.repo, "no tests")
    play([[step(FIX), step(finish())]])
    done = house.run()
    assert done.code == 0, done.err


def test_a_gate_that_cannot_run_at_base_stops_before_a_cent(house: House, play: Play) -> None:
    (house.repo / "loopwright.toml").write_text(
        '[gates.tests]\nkind = "pytest"\n[gates.types]\ncommand = "no-such-tool ."\n'
    )
    commit_all(house.repo)
    server = play([[step(FIX), step(finish())]])
    done = house.run()
    assert (done.code, done.document["outcome"], done.document["cost_usd"]) == (3, "failed", 0)
    assert "types" in done.document["reason"]
    assert server.requests == []


def test_a_broken_conftest_at_base_stops_before_a_cent(house: House, play: Play) -> None:
    house.detect()
    (house.repo / "tests" / "conftest.py").write_text("import nothing_of_the_kind\n")
    commit_all(house.repo)
    server = play([[step(FIX), step(finish())]])
    done = house.run()
    assert done.code == 3, done.err
    assert server.requests == []


def test_a_full_disk_in_the_sandbox_is_survived(house: House, play: Play) -> None:
    fill = tool("bash", command="dd if=/dev/zero of=/tmp/full bs=1M count=4000; rm -f /tmp/full")
    play([[step(fill), step(FIX, TEST), step(finish())]])
    done = house.run()
    assert done.code == 0, done.err


def test_a_read_only_home_is_one_clear_error(bare_house: House) -> None:
    git(bare_house.repo, "init", "-q", "-b", "main")
    (bare_house.repo / "a").write_text("a")
    commit_all(bare_house.repo)
    bare_house.home.write_text("a file where the state should be")
    done = bare_house.run()
    assert done.code in (2, 3)
    clear(done.err)


def test_init_writes_one_file_and_says_what_it_found(house: House) -> None:
    house.detect()
    before = fingerprint(house.repo)
    done = house("init")
    assert done.code == 0, done.err
    after = fingerprint(house.repo)
    assert set(after) - set(before) == {"loopwright.toml"}
    assert "pytest" in done.out
    again = house("init")
    assert again.code == 2
    clear(again.err, "loopwright.toml")
    assert git(house.repo, "status", "--porcelain") == "?? loopwright.toml"


def test_the_written_configuration_works(house: House, play: Play) -> None:
    house.detect()
    house("init")
    commit_all(house.repo, "configuration")
    play([[step(FIX, TEST), step(finish())]])
    done = house.run()
    assert done.code == 0, done.err
    assert {"tests", "ruff", "integrity"} & {gate["name"] for gate in done.document["gates"]}
