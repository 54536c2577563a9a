"""What the tests of the git room share: real repositories, packs made by hand, and traps."""

import hashlib
import os
import signal
import stat
import subprocess
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from harness.repo import Base, Repository, Store, discover, resolve

ENV = {
    "PATH": os.environ["PATH"],
    "LC_ALL": "C",
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
       for what, value in (("NAME", "Dev"), ("EMAIL", "dev@example.org"), ("DATE", "@1700000000 +0000"))},
}  # fmt: skip
"""A developer's own git: nothing of the machine's configuration, and dates that stay."""

Files = Mapping[str | bytes, bytes]


def git(where: Path, *args: str | bytes, stdin: bytes = b"", check: bool = True, **env: str) -> bytes:
    """What `git ARGS` prints in `where`, run the way a user runs it."""
    done = subprocess.run(
        ["git", "-c", "safe.directory=*", "-c", "protocol.file.allow=always", *args],
        cwd=where, input=stdin, env=ENV | env, capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    assert not check or done.returncode == 0, done.stderr.decode()
    return done.stdout


def line(where: Path, *args: str) -> str:
    return git(where, *args).decode().strip()


def write(root: Path, files: Files) -> None:
    for path, content in files.items():
        target = root / os.fsdecode(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def repository(root: Path, files: Files | None = None, message: str = "first") -> Path:
    """A repository at `root` with one commit of `files`."""
    root.mkdir(parents=True, exist_ok=True)
    git(root, "init", "-q", "-b", "main")
    write(root, {"README.md": b"# A sample\n", "src/app.py": b"x = 1\n"} if files is None else files)
    save(root, message)
    return root


def save(root: Path, message: str = "more") -> str:
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", message)
    return line(root, "rev-parse", "HEAD")


def adopted(home: Path, root: Path, ref: str | None = None) -> tuple[Repository, Base, Store]:
    repo = discover(root)
    base = resolve(repo, ref)
    store = Store(home, repo)
    store.adopt(base)
    return repo, base, store


def snapshot(root: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and content of everything below `root`, `.git` included."""
    found = {}
    for path in sorted(root.rglob("*")):
        mode = path.lstat().st_mode
        content = b""
        if stat.S_ISLNK(mode):
            content = os.fsencode(path.readlink())
        elif stat.S_ISREG(mode):
            content = path.read_bytes()
        found[str(path.relative_to(root))] = (mode, content)
    return found


def shell(script: str, where: Path, stdin: bytes = b"", **env: str) -> subprocess.CompletedProcess[bytes]:
    """Run one of the sandbox scripts in `where`, as the runner does."""
    return subprocess.run(
        ["/bin/sh", "-c", script], cwd=where, input=stdin, capture_output=True, check=False,
        env={"PATH": ENV["PATH"], "HOME": str(where.parent), **env},
    )  # fmt: skip


def kill_family(pid: int) -> None:
    """Kill a process of ours and all its descendants, whatever session they are in."""
    found = [pid]
    for each in found:
        with suppress(OSError):  # it may end while it is looked at
            for task in Path(f"/proc/{each}/task").glob("*/children"):
                found.extend(int(child) for child in task.read_text().split())
    for each in found:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


def forked(work: Callable[[], None]) -> int:
    """The process id of a child that does `work` and ends; what has to be imported for it is so already."""
    pid = os.fork()
    if pid == 0:
        with suppress(BaseException):
            work()
            os._exit(0)
        os._exit(1)
    return pid


def killed_at(work: Callable[[], None], seconds: float | None) -> int:
    """Do `work` in another process and kill it after so many seconds; its status, negative for a signal."""
    pid = forked(work)
    if seconds is not None:
        time.sleep(seconds)
        kill_family(pid)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def clone_of(seed: Path, where: Path) -> Path:
    """What a sandbox has as its workspace: the seed, copied."""
    subprocess.run(["cp", "-a", str(seed), str(where)], check=True)
    return where


# Packs made by hand: git would refuse to make most of them.

Object = tuple[str, bytes]
KINDS = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}


def oid(kind: str, data: bytes) -> str:
    return hashlib.sha1(f"{kind} {len(data)}\0".encode() + data, usedforsecurity=False).hexdigest()


def header(kind: int, size: int) -> bytes:
    out = []
    byte, size = kind << 4 | size & 15, size >> 4
    while size:
        out.append(byte | 0x80)
        byte, size = size & 0x7F, size >> 7
    return bytes([*out, byte])


def packed(raw: Iterable[bytes], count: int) -> bytes:
    content = b"PACK" + (2).to_bytes(4) + count.to_bytes(4) + b"".join(raw)
    return content + hashlib.sha1(content, usedforsecurity=False).digest()


def pack_of(objects: Iterable[Object]) -> bytes:
    raw = [header(KINDS[kind], len(data)) + zlib.compress(data) for kind, data in objects]
    return packed(raw, len(raw))


def tree_data(entries: Iterable[tuple[str, bytes, str]]) -> bytes:
    return b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(oid_) for mode, name, oid_ in entries)


def commit_data(tree: str, *parents: str, message: str = "candidate") -> bytes:
    who = "agent <agent@example.org> 0 +0000"
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents), f"author {who}", f"committer {who}"]
    return ("\n".join(lines) + f"\n\n{message}\n").encode()


def entries_of(root: Path, tree: str) -> list[tuple[str, bytes, str]]:
    """The top entries of a tree in a repository, for `tree_data`."""
    found = []
    for each in git(root, "ls-tree", "-z", tree).split(b"\0")[:-1]:
        meta, _, name = each.partition(b"\t")
        mode, _, oid_ = meta.decode().split(" ")
        found.append((mode.lstrip("0"), name, oid_))
    return found


# Traps: every way a repository's configuration can name a program.


def traps(marker: Path) -> str:
    """A configuration in which whatever git may start leaves its name in the file `marker`."""

    def touch(what: str) -> str:
        return f"\"sh -c 'echo {what} >>{marker}; cat'\""

    return f"""
[core]
	fsmonitor = {touch("fsmonitor")}
	sshCommand = {touch("sshCommand")}
	editor = {touch("editor")}
	pager = {touch("pager")}
	askPass = {touch("askPass")}
	gitProxy = {touch("gitProxy")}
	alternateRefsCommand = {touch("alternateRefs")}
	hooksPath = {marker.parent / "hooks"}
[filter "trap"]
	clean = {touch("clean")}
	smudge = {touch("smudge")}
	required = true
[filter "long"]
	process = {touch("process")}
[diff]
	external = {touch("external")}
[diff "trap"]
	textconv = {touch("textconv")}
	command = {touch("diffcommand")}
[merge "trap"]
	driver = {touch("merge")}
[alias]
	adopt = !{touch("alias")}
[credential]
	helper = {touch("credential")}
[gpg]
	program = {touch("gpg")}
[log]
	showSignature = true
[trailer "x"]
	command = {touch("trailer")}
[uploadpack]
	packObjectsHook = {touch("packObjectsHook")}
[remote "origin"]
	url = ext::{marker.parent / "transport"}
	promisor = true
	fetch = +refs/heads/*:refs/remotes/origin/*
[remote "disk"]
	url = .
	uploadpack = "echo uploadpack >>{marker}; false"
	receivepack = "echo receivepack >>{marker}; false"
[protocol "ext"]
	allow = always
[protocol "file"]
	allow = always
[submodule]
	recurse = true
[include]
	path = {marker.parent / "more-config"}
"""


HOOKS = (
    "post-checkout", "pre-commit", "post-commit", "reference-transaction", "post-index-change", "update",
    "pre-receive", "post-receive", "post-update", "pre-push", "post-merge", "post-rewrite", "fsmonitor-watchman",
    "commit-msg", "prepare-commit-msg", "pre-auto-gc", "push-to-checkout", "proc-receive",
)  # fmt: skip


def set_traps(git_dir: Path, marker: Path) -> None:
    """Plant `traps` in the repository at `git_dir`, and every hook there is, in both places hooks can be."""
    marker.parent.mkdir(parents=True, exist_ok=True)
    (marker.parent / "more-config").write_text(
        f'[filter "more"]\n\tclean = "sh -c \'echo included >>{marker}; cat\'"\n\tsmudge = cat\n'
    )
    transport = marker.parent / "transport"
    transport.write_text(f"#!/bin/sh\necho transport >>{marker}\n")
    transport.chmod(0o755)
    with (git_dir / "config").open("a") as file:
        file.write(traps(marker))
    (git_dir / "info").mkdir(exist_ok=True)
    (git_dir / "info" / "attributes").write_text("*.txt filter=more diff=trap\n")
    for directory in (git_dir / "hooks", marker.parent / "hooks"):
        directory.mkdir(exist_ok=True)
        for name in HOOKS:
            hook = directory / name
            hook.write_text(f"#!/bin/sh\necho hook-{name} >>{marker}\n")
            hook.chmod(0o755)


TRAPPED_ATTRIBUTES = b"* filter=trap diff=trap merge=trap ident\n*.txt filter=more\n*.md filter=long\n"
