"""A publisher's desk: bundles as runs leave them, and their publishing."""

import itertools
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from harness.forge import Account, Issue
from harness.forge.github import GitHub
from harness.github.manifest import MANIFEST, GateProof, Manifest, save
from harness.github.options import Options
from harness.github.outcome import Result
from harness.github.publish import Job, finish
from harness.github.ticket import Ticket
from harness.github.trigger import Trigger
from harness.repo import Store
from harness.repo.remote import Remote, fetch
from tests.github_stand_in import StandIn

Files = dict[str, tuple[str, bytes] | None]
CANARY = "s3cr3t-canary-value-0123456789"
WHO = Account(login="alice", id=101, type="User")


class Desk:
    """A publisher's desk: makes bundles as a run leaves them, and publishes them."""

    def __init__(self, stand: StandIn, root: Path) -> None:
        self.stand, self.world, self.root = stand, stand.world, root
        self.github = GitHub(self.world.repository, "write-token", stand.api, stand.url, stand.url + "/api/graphql")
        self.github.wire._sleep = lambda seconds: None
        remote = Remote(url=self.github.remote[0], auth=self.github.remote[1])
        repository, self.base = fetch(remote, "refs/heads/main", root / "base.git")
        self.store = Store(root, repository)
        self.store.adopt(self.base)
        self.count = itertools.count(1)

    def tree(self, files: Files) -> str:
        """The base's tree with files put in (mode and content) or taken out."""
        env = {"GIT_DIR": str(self.store.path), "GIT_INDEX_FILE": str(self.root / "index"), "PATH": "/usr/bin:/bin"}

        def git(*args: str, stdin: bytes = b"") -> str:
            done = subprocess.run(["git", *args], input=stdin, env=env, capture_output=True, check=True)
            return done.stdout.decode().strip()

        git("read-tree", self.base.tree)
        lines = []
        for path, found in files.items():
            blob = "0" * 40
            if found is not None:
                blob = (
                    found[1].decode() if found[0] == "160000" else git("hash-object", "-w", "--stdin", stdin=found[1])
                )
            lines.append(f"{found[0] if found else '0'} {blob}\t{path}\0")
        git("update-index", "-z", "--index-info", stdin="".join(lines).encode())
        return git("write-tree")

    def bundle(self, files: Files, **more: Any) -> tuple[Path, Manifest]:
        """A green run's bundle for a change."""
        tree = self.tree(files)
        gate = GateProof(name="tests", kind="pytest", status="pass", summary="5 passed", green=True, tree=tree)
        stat = self.store.stat(self.base.tree, tree)
        made = Manifest(
            run="abcd1234", outcome="succeeded", exit_code=0, reason="proven", base=self.base.commit,
            base_tree=self.base.tree, tree=tree, gates=(gate,), decision="accept", checker="other", files=stat.files,
            insertions=stat.insertions, deletions=stat.deletions, audit="7:" + "e" * 64,
        )  # fmt: skip
        directory = self.root / f"bundle-{next(self.count)}"
        return directory, save(directory, msgspec.structs.replace(made, **more), self.store)

    def publish(self, directory: Path, number: int = 0, **more: Any) -> Result:
        number = number or self.world.issue("Ranges end too early", "body")
        trigger = Trigger(kind="issue", event="issues", number=number, actor=WHO, issue=Issue(
            number=number, title="Ranges end too early", body="", author=WHO))  # fmt: skip
        ticket = Ticket(work="run", code="ok", reason="labelled", kind="issue", number=number, permission="write")
        room = self.root / f"room-{next(self.count)}"
        room.mkdir()
        options = more.pop("options", Options())
        return finish(
            Job(github=self.github, trigger=trigger, ticket=ticket, options=options, bundle=directory, room=room,
                secrets=(CANARY,), **more)
        )  # fmt: skip


GOOD: Files = {"httprange/more.py": ("100644", b"X = 1\n")}


def edited(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def edit(directory: Path) -> None:
        found = msgspec.json.decode((directory / MANIFEST).read_bytes())
        change(found)
        (directory / MANIFEST).write_bytes(msgspec.json.encode(found))

    return edit
