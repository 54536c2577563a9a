"""Publishing: a patch is weighed, a commit is read back, nothing is done twice, an app has its own voice."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.forge import ForgeRejected
from harness.forge.commits import File, commit, read_back
from harness.forge.github import GitHub
from harness.github.actions import Runner as Runner_
from harness.github.admission import Policy
from harness.github.marker import Ledger, find, write
from harness.github.options import Options
from harness.github.patch import PatchPolicy
from harness.github.publish import Job, failure, finish
from harness.github.snapshot import Context
from harness.github.ticket import Ticket, decide
from harness.github.tracker import locate
from harness.github.trigger import Trigger
from harness.repo.remote import RemoteFailed
from tests.github_desk import GOOD, Desk, Files
from tests.github_stand_in import StandIn, World
from tests.github_stand_in.world import BOT
from tests.github_support import READ, WRITE, Ran, Runner, commented, labelled

pytest_plugins = ("tests.github_fixtures",)


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


def test_goals_without_an_issue_have_branches_and_titles_of_their_own(desk: Desk, world: World, tmp_path: Path) -> None:
    """Two schedules must not push to one branch; and one whose pull request is open starts nothing."""
    trigger = Trigger(kind="goal", event="schedule", repository=world.repository)
    ticket = Ticket(work="run", code="ok", reason="scheduled", kind="goal", permission="write")
    made = []
    for n, wish in enumerate(("Raise the oldest dependency.\nMind the lock file.", "Correct the documentation")):
        directory, _ = desk.bundle({f"httprange/goal{n}.py": ("100644", b"X = 1\n")})
        context = Context(repository=world.repository, kind="goal", number=0, title="", at="", actor="ghost",
                          permission="none", wish=wish)  # fmt: skip
        room = tmp_path / f"room-{n}"
        room.mkdir()
        made.append(finish(Job(github=desk.github, trigger=trigger, ticket=ticket, options=Options(), bundle=directory,
                               room=room, context=context)))  # fmt: skip
    assert [each.ending for each in made] == ["pr_opened", "pr_opened"], made
    assert made[0].branch == "loopwright/goal-raise-the-oldest-dependency"
    assert made[1].branch == "loopwright/goal-correct-the-documentation"
    assert world.pulls[made[0].number]["title"] == "Raise the oldest dependency."
    runner = Runner_(
        event="schedule", payload=Path("x"), repository=world.repository, token="t", api="", graphql="", server="",
        temp=Path(), run=1, attempt=1, output=None, summary=None,
    )  # fmt: skip
    again = decide(trigger, desk.github, Policy(goal="Raise the oldest dependency.\nMind the lock file."), runner)
    assert (again.work, again.code) == ("none", "ignored")
    assert f"#{made[0].number} for this goal is open" in again.reason
    assert decide(trigger, desk.github, Policy(goal="Another thing"), runner).work == "run"


def test_what_is_allowed_is_allowed_from_the_root_alone(desk: Desk, world: World) -> None:
    directory, _ = desk.bundle({".github/workflows/ci.yml": ("100644", b"on: push\n")})
    held = desk.publish(directory, options=Options(patch=PatchPolicy(allow=("ci.yml",))))
    assert held.ending == "blocked_by_policy"
    directory, _ = desk.bundle({"docs/new.md": ("100644", b"# new\n"), "src/new.md": ("100644", b"# new\n")})
    drift = PatchPolicy(protected=("**",), allow=("README.md", "docs/**"))
    held = desk.publish(directory, options=Options(patch=drift))
    assert (held.ending, "src/new.md" in held.reason, "docs" in held.reason) == ("blocked_by_policy", True, False)


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
