"""The other forges: branch, request to merge and comments by the same protocol; which forge a remote names."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.events import Event, PullRequestIntended, PullRequestMade
from harness.forge import Forge, ForgeDenied, ForgeRejected
from harness.forge.gitea import Gitea
from harness.forge.github import GitHub
from harness.forge.gitlab import GitLab
from harness.forge.open import Where, connect, token, where
from harness.github import deliver, local, tracker
from harness.github.marker import Ledger
from harness.github.snapshot import goal_text
from harness.repo import Store
from harness.repo.remote import Remote, fetch, push, tip
from tests.github_stand_in import World
from tests.github_stand_in.others import Gitea as Gitea_
from tests.github_stand_in.others import Other
from tests.github_support import seeded


@pytest.fixture(scope="module", params=["gitlab", "gitea"])
def other(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Forge]]:
    kind = request.param
    world = seeded(tmp_path_factory.mktemp(kind))
    world.person("bot", 1, "write")  # whoever may push may write
    with Other(world, kind) as server:
        place = Where(kind=kind, server=server.url, path=world.repository)
        forge = connect(place, {"LOOPWRIGHT_TOKEN": "write-token"})
        forge.wire._sleep = lambda seconds: None  # type: ignore[attr-defined]
        yield world, forge
    assert world.violations == []


def test_a_branch_becomes_one_request_to_merge(other: tuple[World, Forge], tmp_path: Path) -> None:
    world, forge = other
    remote = Remote(url=forge.remote[0], auth=forge.remote[1])
    repository, base = fetch(remote, f"refs/heads/{forge.default_branch()}", tmp_path / "base.git")
    store = Store(tmp_path, repository)
    store.adopt(base)
    head = store.commit(base.tree, base.commit, "one", date=1)
    push(store.place, remote, head, "loopwright/issue-1")
    assert tip(remote, "loopwright/issue-1") == head
    pushed = deliver.Pushed(branch="loopwright/issue-1", head=head, signature="")
    told: list[Event] = []
    world.fail("POST", "merge_requests" if forge.kind == "gitlab" else "/pulls", 502, done=True)
    pull, created = deliver.propose(forge, pushed, "main", "Title", "Body", True, told.append)
    assert (pull.draft, pull.title, pull.head, created, len(world.pulls)) == (True, "Title", head, False, 1)
    assert [type(each) for each in told] == [PullRequestIntended, PullRequestMade]
    again, created = deliver.propose(forge, pushed, "main", "Other", "New body", True)
    assert (again.number, again.title, again.body, again.draft, created) == (
        pull.number,
        "Other",
        "New body",
        True,
        False,
    )
    ready = forge.make_ready(again)
    assert (ready.draft, ready.title) == (False, "Other")
    forge.label(pull.number, ("automated",))
    forge.ask_review(pull.number, ("alice",))
    forge.status(head, True, "green", "https://x.invalid")
    state = world.pulls[pull.number]
    assert state["labels"] == ["automated"]
    assert len(state["reviewers"]) == 1
    assert world.statuses[head][0]["state"] == "success"
    with pytest.raises(ForgeRejected, match="already exists"):
        forge.open_pull("loopwright/issue-1", "main", "t", "b", False)


def test_an_issue_and_its_comment(other: tuple[World, Forge]) -> None:
    world, forge = other
    number = world.issue("Title", "Body. <!-- hidden -->")
    world.say(number, "from a writer", "alice")
    world.say(number, "from a stranger", "mallory")
    context = local.issue(forge, number)
    text = goal_text(context)
    assert "from a writer" in text
    assert "from a stranger" not in text
    assert (context.withheld, context.hidden > 0, "hidden" in text) == (1, True, False)
    made = tracker.put(forge, tracker.Tracker(number=number), "working", Ledger(issue=number))
    found = tracker.locate(forge, number)
    assert found.comment == made.comment
    tracker.put(forge, found, "done", Ledger(issue=number))
    assert [c["body"].splitlines()[0] for c in world.comments if c["issue"] == number][-1] == "done"
    assert [forge.permission(each) for each in ("alice", "mallory", "nobody")] == ["write", "read", "none"]


def test_a_token_that_may_not_says_so(other: tuple[World, Forge]) -> None:
    world, forge = other
    number = world.issue("t", "b")
    place = Where(kind=forge.kind, server=forge.wire.base.rsplit("/api/", 1)[0], path=world.repository)  # type: ignore[attr-defined]
    with pytest.raises(ForgeDenied, match="403"):
        connect(place, {"LOOPWRIGHT_TOKEN": "read-token"}).comment(number, "no")
    with pytest.raises(ForgeDenied, match="401"):
        connect(place, {"LOOPWRIGHT_TOKEN": "nothing"}).issue(number)


def test_what_gitea_and_forgejo_say_of_their_api_is_held_against_every_message(tmp_path: Path) -> None:
    routes = Gitea_(seeded(tmp_path))
    root = "/repos/octo/httprange"
    for method, path, query, body, answer, wrong in (
        ("GET", f"{root}/pulls", {"per_page": "1"}, None, [], "unknown query parameter per_page"),
        ("POST", f"{root}/pulls", {}, {"head": "a", "base": "b", "title": 7}, {}, "title 7 is not of type"),
        ("POST", f"{root}/issues/1/comments", {}, {"text": "a"}, {}, "'text' was unexpected"),
        ("GET", f"{root}/issues/1", {}, None, {"nummer": 1}, "'nummer' was unexpected"),
        ("GET", f"{root}/nothing", {}, None, {}, "no such operation"),
        ("GET", "/user", {}, {"a": 1}, {}, "a body where none belongs"),
    ):
        found = routes.faults(method, path, query, body, (200, answer))
        assert [each.partition(":")[0] for each in found] == ["forgejo", "gitea"], (path, found)
        assert wrong in found[0]
    assert routes.faults("GET", f"{root}/pulls", {"limit": "1"}, None, (200, [])) == []


@pytest.mark.parametrize(
    ("url", "kind", "server", "path"),
    [
        ("https://github.com/o/r.git", "github", "https://github.com", "o/r"),
        ("git@github.com:o/r.git", "github", "https://github.com", "o/r"),
        ("ssh://git@github.acme.example:22/o/r", "github", "https://github.acme.example", "o/r"),
        ("https://token@gitlab.com/group/sub/r.git/", "gitlab", "https://gitlab.com", "group/sub/r"),
        ("https://codeberg.org/o/r", "gitea", "https://codeberg.org", "o/r"),
        ("http://forgejo.local:3000/o/r.git", "gitea", "http://forgejo.local:3000", "o/r"),
    ],
)
def test_the_forge_of_a_remote(url: str, kind: str, server: str, path: str) -> None:
    assert where(url, {}) == Where(kind=kind, server=server, path=path)


def test_what_is_no_forge_says_what_to_do() -> None:
    for url in ("", "/srv/git/r.git", "https://git.acme.example/o/r"):
        with pytest.raises(ForgeRejected):
            where(url, {})
    assert where("https://git.acme.example/o/r", {"LOOPWRIGHT_FORGE": "gitlab"}).kind == "gitlab"
    assert where("https://ghe.acme.example/o/r", {"GH_HOST": "ghe.acme.example"}).kind == "github"


def test_the_token_and_the_kind_of_client(tmp_path: Path) -> None:
    place = where("https://ghe.acme.example/o/r", {"LOOPWRIGHT_FORGE": "github"})
    made = connect(place, {"GITHUB_TOKEN": "t", "LOOPWRIGHT_FORGE": "github"})
    assert isinstance(made, GitHub)
    assert made.wire.base == "https://ghe.acme.example/api/v3"
    assert isinstance(connect(where("https://gitlab.com/o/r", {}), {"GITLAB_TOKEN": "t"}), GitLab)
    assert isinstance(connect(where("https://codeberg.org/o/r", {}), {"FORGEJO_TOKEN": "t"}), Gitea)
    with pytest.raises(ForgeDenied) as none:
        token(where("https://gitlab.com/o/r", {}), {})
    assert "GITLAB_TOKEN" in none.value.fix


def test_a_token_of_github_com_goes_to_no_other_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    mine = {"GH_TOKEN": "a", "GITHUB_TOKEN": "b"}
    for url in ("https://github.com.evil.example/o/r", "git@mygithub.evil.example:o/r", "http://github.com/o/r"):
        place = where(url, {})
        assert place.kind == "github"
        with pytest.raises(ForgeDenied) as none:
            token(place, mine)
        assert "GH_ENTERPRISE_TOKEN" in none.value.fix
        assert token(place, mine | {"GH_ENTERPRISE_TOKEN": "c"}) == "c"
    place = where("https://github.acme.example/o/r", {})
    assert token(place, mine | {"GH_HOST": "github.acme.example"}) == "a"
    assert token(where("https://acme.ghe.com/o/r", {"LOOPWRIGHT_FORGE": "github"}), mine) == "a"
    assert token(where("git@github.com:o/r", {}), mine) == "a"


def test_the_token_of_gh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "gh"
    program.write_text('#!/bin/sh\n[ "$*" = "auth token --hostname github.com" ] && echo gho_from_gh\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert token(where("git@github.com:o/r", {}), {}) == "gho_from_gh"
