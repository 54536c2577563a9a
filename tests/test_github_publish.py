"""Publishing: a bundle is believed nothing, a patch is weighed, a commit is read back, nothing is done twice."""

import base64
import hashlib
import itertools
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.forge import Account, ForgeRejected, Issue
from harness.forge.commits import File, commit, read_back
from harness.forge.github import GitHub
from harness.github.manifest import MANIFEST, PACK, GateProof, Manifest, save
from harness.github.marker import Ledger, find, write
from harness.github.options import Options
from harness.github.outcome import Result
from harness.github.patch import PatchPolicy
from harness.github.publish import Job, failure, finish
from harness.github.ticket import Ticket
from harness.github.tracker import locate
from harness.github.trigger import Trigger
from harness.repo import Store
from harness.repo.remote import Remote, RemoteFailed, fetch, push
from tests.github_stand_in import StandIn, World
from tests.github_stand_in.world import BOT
from tests.github_support import READ, WRITE, Ran, Runner, commented, labelled, seeded

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


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    world = seeded(tmp_path_factory.mktemp("forge"))
    with StandIn(world) as server:
        yield server
    assert world.violations == []


@pytest.fixture(scope="module")
def desk(stand: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(stand, tmp_path_factory.mktemp("desk"))


@pytest.fixture
def world(stand: StandIn) -> Iterator[World]:
    yield stand.world
    stand.world.rules = []
    stand.world.faults.clear()
    stand.world.pulls.clear()


GOOD: Files = {"httprange/more.py": ("100644", b"X = 1\n")}


def edited(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def edit(directory: Path) -> None:
        found = msgspec.json.decode((directory / MANIFEST).read_bytes())
        change(found)
        (directory / MANIFEST).write_bytes(msgspec.json.encode(found))

    return edit


def other_pack(directory: Path) -> None:
    (directory / PACK).write_bytes((directory / PACK).read_bytes()[:-20] + b"x" * 20)


def linked(directory: Path) -> None:
    (directory / MANIFEST).unlink()
    (directory / MANIFEST).symlink_to("/etc/passwd")


@pytest.mark.parametrize(
    "tamper",
    [
        edited(lambda m: m.update(tree="b" * 40)),
        edited(lambda m: m["gates"][0].update(tree="b" * 40)),
        edited(lambda m: m["gates"][0].update(green=False)),
        edited(lambda m: m.update(decision="revise")),
        edited(lambda m: m.update(base_tree="b" * 40)),
        edited(lambda m: m.update(base="b" * 40)),
        edited(lambda m: m.update(commit="b" * 40)),
        edited(lambda m: m.update(pack="b" * 64)),
        edited(lambda m: m.update(gates=[])),
        edited(lambda m: m.update(iterations="many")),
        edited(lambda m: m.update(outcome=["succeeded"])),
        other_pack,
        linked,
        lambda directory: (directory / PACK).unlink(),
        lambda directory: (directory / MANIFEST).unlink(),
    ],
)
def test_a_bundle_that_was_tampered_with_publishes_nothing(
    desk: Desk, world: World, tamper: Callable[[Path], None]
) -> None:
    directory, _ = desk.bundle(GOOD)
    tamper(directory)
    before = world.git("for-each-ref")
    result = desk.publish(directory)
    assert result.ending == "error"
    assert result.exit_code != 0
    assert result.reason
    assert (world.git("for-each-ref"), world.pulls) == (before, {})
    assert "❌" in world.comments[-1]["body"]


def test_a_base_of_the_bundles_own_choice_is_refused(desk: Desk, world: World, tmp_path: Path) -> None:
    """Every commit of every fork can be fetched from a forge: a run that named one as its base would have that fork's
    history pushed, and only the last step of it judged."""
    tree = desk.tree({".github/workflows/steal.yml": ("100644", b"on: push\n")})
    theirs = desk.store.commit(tree, desk.base.commit, "a fork's", date=3)
    remote = Remote(url=desk.github.remote[0], auth=desk.github.remote[1])
    world.token("their-token", contents="write", workflows="write")
    allowed = GitHub(world.repository, "their-token", desk.stand.api, desk.stand.url)
    push(desk.store.place, Remote(url=remote.url, auth=allowed.remote[1]), theirs, "theirs")
    world.git("update-ref", "refs/pull/9/head", theirs)
    world.git("update-ref", "-d", "refs/heads/theirs")
    repository, base = fetch(remote, theirs, tmp_path / "base.git")
    evil = Desk(desk.stand, tmp_path)
    evil.base = base
    evil.store = Store(tmp_path, repository)
    evil.store.adopt(base)
    directory, _ = evil.bundle(GOOD)
    before = world.git("for-each-ref")
    result = desk.publish(directory, options=Options(signing="none"))
    assert (result.ending, world.git("for-each-ref"), world.pulls) == ("error", before, {}), result.reason
    assert "does not lie on main" in result.reason


def test_a_models_words_in_the_log_are_no_commands(desk: Desk, world: World, stand: StandIn, tmp_path: Path) -> None:
    """`##[` counts wherever it stands in a line: a run that says why it is blocked would set the step's outputs."""
    runner = Runner(stand, tmp_path / "runner", tmp_path)
    said = "no ##[set-output name=outcome;]pr_opened ::set-output name=outcome::pr_opened"
    directory, _ = desk.bundle(GOOD, outcome="blocked", exit_code=7, reason=said)
    payload = labelled(world, world.issue("##[add-mask]a", "b"))
    ticket = runner.job("gate", "issues", payload, 1).outputs["ticket"]
    shutil.copytree(directory, runner.root / "bundle-1")
    done = runner.job("publish", "issues", payload, 1, ticket)
    assert (done.code, done.outputs["outcome"]) == (7, "blocked")
    commands = [line for line in done.out.splitlines() if "##[" in line or line.lstrip().startswith("::")]
    assert [line.partition(" ")[0] for line in commands] == ["::error::Loopwright:"]
    assert "##[" not in commands[0].replace("##[set-output name=outcome;]pr_opened", "") or "::error" in commands[0]


@pytest.mark.parametrize("parents", [0, 2])
def test_a_commit_that_is_not_one_step_from_its_base_is_refused(desk: Desk, world: World, parents: int) -> None:
    """A merge would bring a history along that nobody judged; a commit without a parent, one of its own."""
    directory, made = desk.bundle(GOOD)
    other = desk.store.commit(desk.base.tree, desk.base.commit, "other", date=7)
    among = ("-p", desk.base.commit, "-p", other)[: 2 * parents]
    who = [f"GIT_{r}_{f}=x" for r in ("AUTHOR", "COMMITTER") for f in ("NAME", "EMAIL")]
    command = ["env", *who, "git", "-C", str(desk.store.path), "commit-tree", made.tree, *among, "-m", "x"]
    commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    pack = desk.store.pack(commit, desk.base.commit)
    (directory / PACK).write_bytes(pack)
    edited(lambda m: m.update(commit=commit, pack=hashlib.sha256(pack).hexdigest()))(directory)
    before = world.git("for-each-ref")
    result = desk.publish(directory)
    assert (result.ending, world.git("for-each-ref"), world.pulls) == ("error", before, {}), result.reason
    assert "rejected" in result.reason


@pytest.mark.parametrize(
    ("files", "ending"),
    [
        ({".github/workflows/x.yml": ("100644", b"on: push\n")}, "blocked_by_policy"),
        ({"sub/.gitattributes": ("100644", b"* filter=x\n")}, "blocked_by_policy"),
        ({"loopwright.toml": None}, "blocked_by_policy"),
        (dict.fromkeys((f"many/{n}.py" for n in range(101)), ("100644", b"#\n")), "blocked_by_policy"),
        ({"big.bin": ("100644", bytes(5 << 20))}, "blocked_by_policy"),
        ({"keys.py": ("100644", b'K = "' + b"AKIA" + b'QX7RTEZL4WVNC2PD"\n')}, "blocked_by_policy"),
        ({"leak.py": ("100644", f"K = '{CANARY}'\n".encode())}, "blocked_by_policy"),
        ({"leak.py": ("100644", f"K = '{CANARY[::-1]}'\n".encode())}, "blocked_by_policy"),
        ({"link": ("120000", b"/etc/passwd")}, "error"),
        ({"module": ("160000", b"c" * 40)}, "error"),
        ({"a\u202eb.py": ("100644", b"#\n")}, "error"),
    ],
)
def test_what_no_run_may_bring_is_not_pushed(desk: Desk, world: World, files: Files, ending: str) -> None:
    directory, _ = desk.bundle(files)
    before = world.git("for-each-ref")
    result = desk.publish(directory)
    assert (result.ending, world.git("for-each-ref"), world.pulls) == (ending, before, {}), result.reason
    assert CANARY not in world.written()


STRANGE: Files = {
    "tool.sh": ("100755", b"#!/bin/sh\n"),
    "dir/link": ("120000", b"../README.md"),
    "Ünïcode \"quoted\" name.txt": ("100644", b"\xff\xfe not UTF-8\r\n"),
    "copy of parse.py": ("100644", b"# a copy\n"),
    "pointer.bin": ("100644", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
    "README.md": None,
}  # fmt: skip


def test_the_api_and_git_make_the_same_tree(desk: Desk, world: World) -> None:
    directory, manifest = desk.bundle(STRANGE)
    by_git = desk.publish(directory, options=Options(signing="none"))
    by_api = desk.publish(directory, options=Options(signing="api"))
    for result, verified in ((by_git, "unsigned"), (by_api, "Commit: verified")):
        assert result.ending == "pr_opened", result.reason
        assert world.git("rev-parse", f"{result.head}^{{tree}}") == manifest.tree == result.tree
        assert verified in world.pulls[result.number]["body"].replace("\\", "")
        assert world.pulls[result.number]["draft"]


def test_branch_rules_that_want_signatures_get_them(desk: Desk, world: World) -> None:
    world.rules = [{"type": "required_signatures", "ruleset_source_type": "Repository", "ruleset_source": "x",
                    "ruleset_id": 1}]  # fmt: skip
    directory, manifest = desk.bundle(GOOD)
    first = desk.publish(directory, options=Options(signing="auto"))
    assert "Commit: verified" in world.pulls[first.number]["body"]
    assert world.git("rev-parse", f"{first.head}^{{tree}}") == manifest.tree


def test_plain_files_go_by_graphql_where_signatures_are_wanted(desk: Desk, world: World) -> None:
    world.rules = [{"type": "required_signatures", "ruleset_source_type": "Repository", "ruleset_source": "x",
                    "ruleset_id": 1}]  # fmt: skip
    world.git("update-ref", "refs/heads/signed", desk.base.commit)
    files = (File(path="a.py", mode="100644", content=b"1\n"), File(path="README.md", old_mode="100644"))
    made = commit(desk.github, "signed", desk.base.commit, desk.base.tree, "one\n\ntwo", files)
    assert world.tip("signed") == made
    assert ("POST", "/api/graphql", 0) in world.requests
    assert read_back(desk.github, made).tree == desk.tree({"a.py": ("100644", b"1\n"), "README.md": None})
    with pytest.raises(ForgeRejected, match="moved on"):
        commit(desk.github, "signed", desk.base.commit, desk.base.tree, "again", files)


def test_a_key_signs(desk: Desk, world: World, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    directory, manifest = desk.bundle(GOOD)
    result = desk.publish(directory, options=Options(signing="ssh", key=key))
    assert result.ending == "pr_opened", result.reason
    assert "BEGIN SSH SIGNATURE" in world.git("cat-file", "commit", result.head)
    assert world.git("rev-parse", f"{result.head}^{{tree}}") == manifest.tree
    without = desk.publish(directory, options=Options(signing="ssh"))
    assert (without.ending, without.exit_code) == ("error", 3)


def test_what_a_person_has_to_see_stays_a_draft_with_a_label(desk: Desk, world: World) -> None:
    directory, _ = desk.bundle({"requirements-dev.txt": ("100644", b"pytest\n"), **GOOD})
    result = desk.publish(directory, options=Options(pr="ready"))
    pull = world.pulls[result.number]
    assert (pull["draft"], pull["labels"]) == (True, ["needs-human"])
    assert "requirements-dev.txt" in pull["body"]
    ledger = find(pull["body"])
    assert ledger is not None
    assert ledger.held
    free = desk.publish(directory, options=Options(pr="ready", patch=PatchPolicy(allow=("requirements*.txt",))))
    assert world.pulls[free.number]["draft"] is False


def test_a_red_run_can_leave_a_branch_or_a_draft_and_is_red_all_the_same(desk: Desk, world: World) -> None:
    directory, _ = desk.bundle(GOOD, outcome="exhausted", exit_code=1, reason="no proof after 6 iterations")
    for how, pulls in (("comment", 0), ("branch", 0), ("draft", 1)):
        result = desk.publish(directory, options=Options(pr="ready", on_failure=how))  # type: ignore[arg-type]
        assert (result.ending, result.exit_code, len(world.pulls)) == ("gates_failed", 1, pulls)
        assert bool(result.head) == (how != "comment")
    [pull] = world.pulls.values()
    assert pull["draft"]
    assert "Fixes" not in pull["body"]
    assert "**Not proven**" in pull["body"]


def test_a_closed_or_locked_issue_gets_nothing(desk: Desk, world: World) -> None:
    directory, _ = desk.bundle(GOOD)
    number = world.issue("t", "b", state="closed")
    assert desk.publish(directory, number).ending == "stale_head"
    locked = world.issue("t", "b", locked=True)
    result = desk.publish(directory, locked)
    assert (result.ending, result.comment, world.pulls) == ("stale_head", "", {})


def test_a_branch_of_somebody_else_is_left_alone(desk: Desk, world: World) -> None:
    directory, _ = desk.bundle(GOOD)
    number = world.issue("t", "b")
    world.git("update-ref", f"refs/heads/loopwright/issue-{number}", desk.base.commit)
    tree = world.git("rev-parse", f"{desk.base.commit}^{{tree}}")
    theirs = world.git(
        "-c", "user.name=x", "-c", "user.email=x@x", "commit-tree", tree, "-p", desk.base.commit, "-m", "x"
    )
    world.git("update-ref", f"refs/heads/loopwright/issue-{number}", theirs)
    result = desk.publish(directory, number)
    assert (result.ending, result.branch) == ("pr_opened", f"loopwright/issue-{number}-2")
    assert world.tip(f"loopwright/issue-{number}") == theirs


def test_publishing_again_after_a_crash_is_publishing_once(desk: Desk, world: World) -> None:
    directory, _ = desk.bundle(GOOD)
    number = world.issue("t", "b")
    world.fail("POST", "/pulls", 422)
    first = desk.publish(directory, number)
    assert first.ending == "error"
    second = desk.publish(directory, number)
    third = desk.publish(directory, number)
    assert (second.ending, third.ending) == ("pr_opened", "pr_updated")
    assert second.head == third.head == world.tip(f"loopwright/issue-{number}")
    assert len([c for c in world.comments if c["issue"] == number]) == 1


def test_a_mark_that_a_stranger_writes_is_not_ours(desk: Desk, world: World) -> None:
    """Else a passer-by would have us edit his comment, and choose which workflow run `cancel` ends."""
    directory, _ = desk.bundle(GOOD)
    number = world.issue("t", "b")
    world.person("mallory", 404, "read")
    forged = world.say(number, write(Ledger(issue=number, workflow=7)), author="mallory")
    assert desk.publish(directory, number).ending == "pr_opened"
    assert [c["user"] for c in world.comments if c["issue"] == number] == ["mallory", BOT["login"]]
    assert find(forged["body"]) == Ledger(issue=number, workflow=7)
    assert locate(desk.github, number).comment == world.comments[-1]["id"]


def test_a_token_that_cannot_write_says_so(desk: Desk, world: World) -> None:
    directory, _ = desk.bundle(GOOD)
    reader = GitHub(world.repository, "read-token", desk.stand.api, desk.stand.url)
    kept, desk.github = desk.github, reader
    try:
        result = desk.publish(directory)
    finally:
        desk.github = kept
    assert (result.ending, result.exit_code) == ("error", 4)
    assert "write access" in result.next_step


def test_no_canary_leaves_by_any_text(desk: Desk, world: World) -> None:
    """Comments, pull requests, commits, statuses; and the files that become an artifact anybody can fetch."""
    coded = base64.b64encode(CANARY.encode()).decode()
    texts = (CANARY, CANARY.encode().hex(), CANARY[::-1], " ".join(CANARY), coded)
    gate = GateProof(name="scan", kind="security", status="pass", summary="", green=True, tree="")
    tree = desk.tree(GOOD)
    for one, other in zip(texts[::2], (*texts[1::2], ""), strict=True):
        spoken = msgspec.structs.replace(gate, summary=one, violations=(other,), notes=(one,), tree=tree)
        directory, _ = desk.bundle(GOOD, verdict=one, risks=(other,), notes=(one,), reason=other, maker=one,
                                   gates=(spoken,))  # fmt: skip
        assert desk.publish(directory).ending == "pr_opened"
        kept = (directory / "attestation.jsonl").read_text() + (directory / "candidate.patch").read_text()
        assert not any(text in kept for text in texts)
    directory, _ = desk.bundle({"leak.py": ("100644", f"K = '{CANARY}'\n".encode())})
    assert desk.publish(directory).ending == "blocked_by_policy"
    assert CANARY not in (directory / "candidate.patch").read_text()
    written = world.written() + world.git("log", "--all", "--format=%B")
    for text in texts:
        assert text not in written


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """An app's private key, and the file of its public one."""
    room = tmp_path_factory.mktemp("app")
    private, public = room / "key.pem", room / "public.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-out", str(private)], check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", str(private), "-pubout", "-out", str(public)], check=True)
    return private.read_text(), public


def test_an_app_publishes_in_its_own_name_and_ends_its_token(
    desk: Desk, world: World, stand: StandIn, pem: tuple[str, Path], tmp_path: Path
) -> None:
    key, public = pem
    runner = Runner(stand, tmp_path / "runner", tmp_path)
    runner.tokens["publish"] = "gate-token"  # the job's own token could not push
    directory, _ = desk.bundle(GOOD)

    def publish(n: int, private: str, **permissions: str) -> tuple[int, Ran]:
        world.install("4711", "loop-app[bot]", public, **permissions)
        number = world.issue("Ranges end too early", "body")
        payload = labelled(world, number)
        gate = runner.job("gate", "issues", payload, n)
        shutil.copytree(directory, runner.root / f"bundle-{n}")
        runner.extra = {"LOOPWRIGHT_APP_ID": "4711", "LOOPWRIGHT_APP_PRIVATE_KEY": private}
        return number, runner.job("publish", "issues", payload, n, gate.outputs["ticket"])

    tokens = set(world.tokens)
    number, done = publish(1, key, **WRITE)
    assert (done.code, done.outputs["outcome"]) == (0, "pr_opened"), done.out
    [pull] = world.pulls.values()
    assert pull["user"] == "loop-app[bot]"
    assert "Checks do not start by themselves" not in pull["body"]
    who = world.git("log", "-1", "--format=%an <%ae>", pull["branch"])
    assert who == "loop-app[bot] <7000+loop-app[bot]@users.noreply.127.0.0.1>"
    assert len([c for c in world.comments if c["issue"] == number]) == 1  # the gate's own, written on
    assert set(world.tokens) == tokens  # what was minted is ended
    [masked] = re.findall(r"ghs_\w+", done.out)  # once: where the runner is told to mask it
    assert f"::add-mask::{masked}" in done.out
    # the gate knows the app's pull request as ours
    again = runner.job("gate", "issues", labelled(world, number), 9)
    assert (again.outputs["work"], again.outputs["code"]) == ("none", "ignored")
    # without leave, with another's key, with none: told where people look, by the job's own token
    for n, (private, permissions, said) in enumerate(
        ((key, READ, "let the app have"), (FOREIGN, WRITE, "private key cannot be used")), 2
    ):
        number, done = publish(n, private, **permissions)
        assert (done.code, done.outputs["outcome"]) == (4, "error"), done.out
        assert said in done.out
        assert "❌" in [c["body"] for c in world.comments if c["issue"] == number][-1]
        assert set(world.tokens) == tokens
    runner.extra = {"LOOPWRIGHT_APP_ID": "4711"}
    payload = labelled(world, world.issue("t", "b"))
    ticket = runner.job("gate", "issues", payload, 8).outputs["ticket"]
    half = runner.job("publish", "issues", payload, 8, ticket)
    assert (half.code, "belong together" in half.out) == (2, True)


FOREIGN = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"


def test_a_branch_that_moved_while_the_run_waited_is_told_and_left(
    desk: Desk, world: World, stand: StandIn, tmp_path: Path
) -> None:
    runner = Runner(stand, tmp_path / "runner", tmp_path)
    directory, _ = desk.bundle(GOOD)
    number = desk.publish(directory).number
    branch = world.pulls[number]["branch"]
    payload = commented(world, number, "/loopwright revise it")
    gate = runner.job("gate", "issue_comment", payload, 1)
    assert gate.outputs["work"] == "run", gate.out
    theirs = world.git(
        "-c", "user.name=x", "-c", "user.email=x@x", "commit-tree", f"{branch}^{{tree}}", "-p", branch, "-m", "x"
    )
    world.git("update-ref", f"refs/heads/{branch}", theirs)
    assert runner.job("run", "issue_comment", payload, 1, gate.outputs["ticket"]).code != 0
    told = runner.job("publish", "issue_comment", payload, 1, gate.outputs["ticket"])
    assert (told.code, told.outputs["outcome"]) == (1, "stale_head"), told.out
    assert "moved while this waited" in world.comments[-1]["body"]
    assert world.tip(branch) == theirs


def test_what_went_wrong_on_the_way_has_a_name_and_an_exit_code() -> None:
    for error, ending, code in (
        (RemoteFailed("push", "moved", "", ""), "stale_head", 1),
        (RemoteFailed("push", "protected", "", ""), "blocked_by_policy", 7),
        (RemoteFailed("push", "workflow", "", ""), "blocked_by_policy", 7),
        (RemoteFailed("push", "denied", "", ""), "error", 4),
        (RemoteFailed("push", "other", "", ""), "error", 3),
        (ForgeRejected("no"), "error", 3),
    ):
        found = failure(error)
        assert (found.ending, found.exit_code) == (ending, code), error
