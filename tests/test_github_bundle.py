"""A bundle is believed nothing: what an enemy in the run's job could leave there brings nothing out and nothing in."""

import base64
import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from harness.forge.github import GitHub
from harness.github.manifest import MANIFEST, PACK, GateProof
from harness.github.options import Options
from harness.repo import Store
from harness.repo.remote import Remote, fetch, push
from tests.github_desk import CANARY, GOOD, Desk, Files, edited
from tests.github_stand_in import StandIn, World
from tests.github_support import Runner, labelled

pytest_plugins = ("tests.github_fixtures",)


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
        ({"tools/mine/action.yml": ("100644", b"runs:\n")}, "blocked_by_policy"),  # `uses: ./tools/mine` has secrets
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
