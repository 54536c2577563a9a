"""Invariant 1: nothing of a repository executes on the host. Every program a repository can name, through
everything this room does; each trap is shown to be armed."""

import ast
import os
import subprocess
from pathlib import Path

import pytest

import harness.repo
from harness.repo import (
    Store,
    discover,
    export_script,
    free_branch,
    import_script,
    publish,
    resolve,
    split_export,
)
from tests.repo_support import (
    ENV,
    TRAPPED_ATTRIBUTES,
    clone_of,
    git,
    line,
    repository,
    save,
    set_traps,
    shell,
    snapshot,
    traps,
)


def everything(where: Path, root: Path) -> None:
    """All this room does, from the user's repository to the branch in it."""
    repo = discover(root)
    base = resolve(repo)
    resolve(repo, "main")
    store = Store(where / "home", repo)
    store.adopt(base)
    work = clone_of(store.seed(base, os.getuid()), where / "w")
    (work / "src/app.py").write_text("x = 2\n")
    (work / "new.txt").write_text("new\n")
    (work / ".gitattributes").write_bytes(TRAPPED_ATTRIBUTES + b"*.py filter=trap\n")
    set_traps(work / ".git", where / "traps" / "marker")
    done = shell(export_script(base.commit), work)
    assert done.returncode == 0, done.stderr
    tip, pack = split_export(done.stdout)
    tree = store.receive(pack, tip, base.commit).tree
    assert len(store.changes(base.tree, tree)) == 3
    assert "+x = 2" in store.diff(base.tree, tree)
    assert store.stat(base.tree, tree).files == 3
    composed = store.compose(base.tree, {"src": tree})
    assert store.file(composed, "src/app.py") == b"x = 2\n"
    done = shell(import_script(composed), work, store.pack(composed, base.commit))
    assert done.returncode == 0, done.stderr
    commit = store.commit(tree, base.commit, "The solution", date=1)
    store.keep("run", 1, commit)
    branch = free_branch(repo, "loopwright/x")
    publish(repo, store, commit, branch)
    publish(repo, store, commit, branch)
    assert line(root, "-c", "core.fsmonitor=false", "rev-parse", branch) == commit


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A checkout the user got from somewhere, `.git` included, with files that look changed."""
    root = repository(
        tmp_path / "r", {"src/app.py": b"x = 1\n", "a.txt": b"a\n", "b.txt": b"b\n", "c.md": b"c\n", "a": b"a"}
    )
    (root / ".gitattributes").write_bytes(TRAPPED_ATTRIBUTES)
    (root / ".gitmodules").write_text('[submodule "m"]\n\tpath = m\n\turl = https://example.org/m\n\tupdate = none\n')
    save(root)
    repository(root / "nested", {"n": b"n"})
    set_traps(root / "nested" / ".git", tmp_path / "traps" / "marker")
    os.utime(root / "a.txt", (1, 1))
    (root / "b.txt").write_text("B\n")
    (root / "c.md").write_text("C\n")
    (root / "a").write_text("changed")
    set_traps(root / ".git", tmp_path / "traps" / "marker")
    return root


def test_the_traps_are_armed(hostile: Path, tmp_path: Path) -> None:
    marker = tmp_path / "traps" / "marker"
    for command in ("status", "diff", "show --textconv --ext-diff", "checkout -qf -b x", "add -A", "fetch origin",
                    "fetch disk", "adopt"):  # fmt: skip
        git(hostile, *command.split(), check=False)
    armed = set(marker.read_text().split())
    wanted = {"fsmonitor", "clean", "smudge", "process", "included", "transport", "uploadpack", "alias"}
    assert wanted - armed == set()
    assert armed & {"external", "diffcommand", "textconv"}
    assert any(each.startswith("hook-") for each in armed)


def test_nothing_of_a_hostile_repository_runs(hostile: Path, tmp_path: Path) -> None:
    everything(tmp_path, hostile)
    assert not (tmp_path / "traps" / "marker").exists()


def test_nothing_of_a_hostile_repository_changes(hostile: Path, tmp_path: Path) -> None:
    def seen() -> dict[str, tuple[int, bytes]]:
        kept = snapshot(hostile)
        return {p: f for p, f in kept.items() if not p.startswith((".git/objects", ".git/refs/heads/loopwright"))}

    before = seen()
    everything(tmp_path, hostile)
    assert seen() == before


def test_a_hostile_linked_worktree_runs_nothing(hostile: Path, tmp_path: Path) -> None:
    quiet = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")
    git(hostile, *quiet, "worktree", "add", "-q", "--no-checkout", str(tmp_path / "linked"))
    git(hostile, "config", "extensions.worktreeConfig", "true")
    with (hostile / ".git/worktrees/linked/config.worktree").open("w") as file:
        file.write(traps(tmp_path / "traps" / "marker"))
    (tmp_path / "traps" / "marker").unlink(missing_ok=True)
    everything(tmp_path, tmp_path / "linked")
    assert not (tmp_path / "traps" / "marker").exists()


def test_a_bare_repository_hidden_in_a_checkout_runs_nothing(tmp_path: Path) -> None:
    outer = repository(tmp_path / "outer")
    root = repository(tmp_path / "r", {"src/app.py": b"x = 1\n"})
    git(tmp_path, "clone", "-q", "--bare", str(root), str(outer / "docs"))
    set_traps(outer / "docs", tmp_path / "traps" / "marker")
    everything(tmp_path, outer / "docs")
    assert not (tmp_path / "traps" / "marker").exists()


def test_nothing_of_the_users_environment_takes_part(
    hostile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The harness may be started by a hook, a shell with odd variables, or a user with odd settings."""
    marker = tmp_path / "traps" / "marker"
    touch = f"sh -c 'echo environment >>{marker}'"
    home = tmp_path / "user"
    (home / ".config" / "git").mkdir(parents=True)
    for file in (home / ".gitconfig", home / ".config" / "git" / "config"):
        file.write_text(traps(marker))
    (home / ".config" / "git" / "attributes").write_text("* filter=trap diff=trap\n")
    for name, value in {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_CONFIG_SYSTEM": str(home / ".gitconfig"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": touch,
        "GIT_CONFIG_PARAMETERS": f"'core.fsmonitor={touch}'",
        "GIT_DIR": "/nonexistent",
        "GIT_WORK_TREE": "/",
        "GIT_INDEX_FILE": str(tmp_path / "index"),
        "GIT_OBJECT_DIRECTORY": str(tmp_path / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": "/nonexistent",
        "GIT_TEMPLATE_DIR": str(hostile / ".git"),
        "GIT_EXTERNAL_DIFF": touch,
        "GIT_SSH_COMMAND": touch,
        "GIT_ASKPASS": touch,
        "GIT_EDITOR": touch,
        "GIT_PAGER": touch,
        "PAGER": touch,
        "GIT_PROXY_COMMAND": touch,
        "GIT_TRACE": str(marker),
        "GIT_TRACE2": str(marker),
        "GIT_REDIRECT_STDERR": str(marker),
        "GIT_ALLOW_PROTOCOL": "ext:file",
        "GIT_DEFAULT_HASH": "sha256",
        "GIT_NAMESPACE": "x",
        "GIT_REPLACE_REF_BASE": "refs/heads",
        "GIT_SHALLOW_FILE": "/nonexistent",
        "GIT_QUARANTINE_PATH": str(tmp_path),
        "GIT_ATTR_SOURCE": "main",
        "LD_PRELOAD": "",
        "ENV": str(home / ".gitconfig"),
    }.items():
        monkeypatch.setenv(name, value)
    everything(tmp_path, hostile)
    assert not marker.exists()
    assert not (tmp_path / "index").exists()


def test_a_program_called_git_in_the_repository_is_not_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = repository(tmp_path / "r", {"src/app.py": b"x = 1\n"})
    for where in (root, root / "src", root / ".git", tmp_path):
        (where / "git").write_text(f"#!/bin/sh\necho git >>{tmp_path / 'marker'}\n")
        (where / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f":.:..:src::{os.environ['PATH']}:")
    monkeypatch.chdir(root)
    assert resolve(discover(root / "src")).commit == line(root, "--no-pager", "rev-parse", "HEAD")
    everything(tmp_path, root)
    assert not (tmp_path / "marker").exists()


def test_git_gets_no_more_of_the_environment_than_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.repo.git import Place, environment

    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    names = set(environment(Place(git_dir=Path("/x"), objects=Path("/o"), borrowed=(Path("/a:b"),))))
    assert {each for each in names if not each.startswith("GIT_")} <= {"PATH", "TMPDIR", "LC_ALL"}
    assert "secret" not in str(environment(None))


def test_two_files_start_processes() -> None:
    """Another place that runs git would be another place to forget the hardening.

    `share.py` is the one that speaks with a remote as the user does: with the user's settings and credentials, in a
    repository that is ours.
    """
    room = Path(harness.repo.__file__).parent
    starters = set()
    for file in room.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner, called = ast.unparse(node.func.value), node.func.attr
                if owner in ("subprocess", "git", "Repo") or called in (
                    "Popen",
                    "system",
                    "execute",
                    "execv",
                    "spawnv",
                ):
                    starters.add(file.name)
    assert starters == {"git.py", "share.py"}


def test_no_command_that_asks_a_driver_is_ever_used() -> None:
    """Every git command of this room is plumbing that reads objects, refs or the index, or writes to our store."""
    allowed = {
        "rev-parse", "symbolic-ref", "for-each-ref", "cat-file", "ls-tree", "ls-files", "diff-index", "config",
        "diff-tree", "read-tree", "update-index", "write-tree", "commit-tree", "pack-objects", "index-pack",
        "rev-list", "update-ref", "repack", "check-ref-format", "fast-import", "hash-object", "merge-base", "prune",
        "init",  # of stores of ours, with no template
        "log",  # of subjects and trailers: without -p no driver is asked
    }  # fmt: skip
    used = set()
    for file in Path(harness.repo.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("run", "start"):
                words = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
                used.update(words[:1])
    assert {"rev-parse", "index-pack", "update-ref"} <= used
    assert used - {each for each in used if each.startswith("-")} <= allowed


def test_a_fifo_for_a_configuration_does_not_hang_for_ever(tmp_path: Path) -> None:
    """git itself waits for ever on it; so would every command of the user's."""
    root = repository(tmp_path / "r")
    os.mkfifo(tmp_path / "fifo")
    with (root / ".git" / "config").open("a") as file:
        file.write(f"[include]\n\tpath = {tmp_path / 'fifo'}\n")
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(["git", "status"], cwd=root, env=ENV, timeout=1, capture_output=True, check=False)
    from harness.repo.errors import GitFailed
    from harness.repo.git import Place, run

    with pytest.raises(GitFailed, match="longer than 1 s"):
        run(Place(git_dir=root / ".git"), "rev-parse", "HEAD", seconds=1)
