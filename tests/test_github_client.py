"""The client: what is sent twice and what never, what is not sent again, pages, limits, and git with a token."""

import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from harness.forge import ForgeDenied, ForgeMissing, ForgeRejected, ForgeUnavailable, RateLimited, Uncertain
from harness.forge.checks import checks, excerpt, failed_jobs, fingerprint
from harness.forge.github import GitHub
from harness.forge.wire import Wire
from harness.repo import Store
from harness.repo.remote import Remote, RemoteFailed, fetch, push, tip
from tests.github_stand_in import StandIn, World

pytest_plugins = ("tests.github_fixtures",)


@pytest.fixture
def world(stand: StandIn) -> World:
    stand.world.requests.clear()
    stand.world.faults.clear()
    return stand.world


@pytest.fixture
def github(stand: StandIn) -> Iterator[GitHub]:
    made = client(stand, "write-token")
    yield made
    made.close()


def client(stand: StandIn, token: str) -> GitHub:
    made = GitHub(stand.world.repository, token, stand.api, stand.url, stand.url + "/api/graphql")
    made.wire._sleep = lambda seconds: None
    return made


def test_a_post_that_was_cut_is_never_repeated_blindly(world: World, github: GitHub) -> None:
    number = world.issue("one", "body")
    for status in (500, 502, 504):
        world.fail("POST", "/comments", status, done=True)
        with pytest.raises(Uncertain):
            github.comment(number, "once")
    assert len([each for each in world.comments if each["issue"] == number]) == 3  # one each, by the server


def test_what_was_not_carried_out_is_sent_again(world: World, github: GitHub) -> None:
    number = world.issue("two", "body")
    world.fail("POST", "/comments", 503)
    world.fail("POST", "/comments", 429, headers={"Retry-After": "1"})
    world.fail("POST", "/comments", 403, headers={"Retry-After": "1"})
    assert github.comment(number, "once").body == "once"
    assert len([each for each in world.comments if each["issue"] == number]) == 1


def test_reading_and_setting_may_be_repeated(world: World, github: GitHub) -> None:
    number = world.issue("three", "body")
    said = github.comment(number, "first")
    world.fail("GET", f"/issues/{number}", 502, times=2)
    world.fail("PATCH", "/comments", 504, done=True)
    assert github.issue(number).title == "three"
    assert github.edit_comment(number, said.id, "second").body == "second"


def test_a_long_limit_is_told_and_not_waited_for(world: World, github: GitHub) -> None:
    reset = str(int(time.time()) + 3000)
    world.fail("GET", "/issues/1", 403, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset})
    with pytest.raises(RateLimited) as limited:
        github.issue(1)
    assert limited.value.seconds > 2000


def test_the_wait_of_a_secondary_limit_is_the_servers(stand: StandIn, world: World) -> None:
    waited: list[float] = []
    github = client(stand, "write-token")
    github.wire._sleep = waited.append
    world.fail("GET", "/repos", 429, headers={"Retry-After": "17"})
    github.default_branch()
    assert waited == [17.0]
    assert github.rate.limit == 5000


def test_what_has_not_changed_is_not_sent_again(world: World, github: GitHub) -> None:
    number = world.issue("four", "body")
    first, second = github.issue(number), github.issue(number)
    assert first == second
    assert [status for _, path, status in world.requests if path.endswith(f"/{number}")] == [0, 304]
    world.issues[number]["title"] = "changed"
    assert github.issue(number).title == "changed"


def test_lists_are_read_to_their_end(world: World, github: GitHub) -> None:
    number = world.issue("five", "body")
    for n in range(230):
        world.say(number, f"c{n}")
    assert [each.body for each in github.comments(number)] == [f"c{n}" for n in range(230)]


def test_refusals_say_what_to_do(stand: StandIn, world: World, github: GitHub) -> None:
    number = world.issue("six", "body")
    with pytest.raises(ForgeDenied, match="not accessible") as denied:
        client(stand, "read-token").comment(number, "no")
    assert "permission" in denied.value.fix
    with pytest.raises(ForgeDenied, match="Bad credentials"):
        client(stand, "wrong").issue(number)
    with pytest.raises(ForgeMissing):
        github.issue(9_999)
    with pytest.raises(ForgeRejected, match="invalid"):
        github.open_pull("no-such-branch", "main", "t", "b", True)


def test_roles_are_the_apis(world: World, github: GitHub) -> None:
    world.person("mona", 11, "maintain")
    assert [github.permission(each) for each in ("mona", "alice", "mallory", "nobody")] == [
        "maintain",
        "write",
        "read",
        "none",
    ]
    assert github.account("mona").type == "User"


def test_git_has_the_token_and_no_more_than_its_scope(stand: StandIn, world: World, tmp_path: Path) -> None:
    github, reader = client(stand, "write-token"), client(stand, "read-token")
    remote = Remote(url=github.remote[0], auth=github.remote[1])
    repository, base = fetch(remote, "refs/heads/main", tmp_path / "base.git")
    assert base.commit == world.tip("main")
    store = Store(tmp_path, repository)
    store.adopt(base)
    one = store.commit(base.tree, base.commit, "one", date=1)
    with pytest.raises(RemoteFailed) as refused:
        push(store.place, Remote(url=reader.remote[0], auth=reader.remote[1]), one, "feature")
    assert refused.value.kind == "denied"
    push(store.place, remote, one, "feature")
    assert tip(remote, "feature") == one == world.tip("feature")
    with pytest.raises(RemoteFailed) as moved:
        push(store.place, remote, store.commit(base.tree, base.commit, "two", date=2), "feature")
    assert moved.value.kind == "moved"
    with pytest.raises(RemoteFailed) as protected:
        push(store.place, remote, one, "protected-main")
    assert protected.value.kind == "protected"
    assert "write-token" not in "".join(p.read_text(errors="replace") for p in tmp_path.rglob("config"))


@pytest.mark.parametrize("url", ["https://github.com/\x07/a.txt", "https://github.com/" + "a" * 70_000, "https://[/a"])
def test_an_address_that_is_none_is_refused(github: GitHub, url: str) -> None:
    with pytest.raises(ForgeRejected):
        github.wire.download(url, 100, ("github.com",))


def test_logs_are_cut_around_the_first_error(world: World, github: GitHub) -> None:
    stamp = "2026-11-22T10:00:00.0000000Z "
    rows = [f"{stamp}line {n}" for n in range(500)]
    rows[300] = f"{stamp}##[error]it broke at 12:34 with 0xdeadbeef"
    world.jobs[7] = [{"id": 70, "name": "test", "conclusion": "failure", "run_id": 7}]
    world.logs[70] = "\n".join(rows)
    found = failed_jobs(github, 7)
    assert found[0].name == "test"
    assert "it broke" in found[0].log
    assert len(found[0].log.splitlines()) == 200
    assert stamp not in found[0].log
    world.logs[70] = world.logs[70].replace("12:34", "15:01").replace("deadbeef", "cafebabe")
    assert fingerprint(failed_jobs(github, 7)) == fingerprint(found)
    world.logs[70] = world.logs[70].replace("broke", "burnt")
    assert fingerprint(failed_jobs(github, 7)) != fingerprint(found)
    assert excerpt("a\nb") == "a\nb"


def test_checks_by_state(world: World, github: GitHub) -> None:
    commit = world.tip("main")
    made = (("a", "completed", "failure"), ("b", "completed", "success"), ("c", "in_progress", None))
    world.check_runs[commit] = [{"name": n, "status": s, "conclusion": c} for n, s, c in made]
    world.check_runs[commit].append({"name": "d", "status": "completed", "conclusion": "cancelled"})
    world.statuses[commit] = [{"context": "ci/x", "state": "failure"}, {"context": "loopwright", "state": "failure"}]
    assert {each.name: each.state for each in checks(github, "main")} == {
        "a": "red",
        "b": "green",
        "c": "running",
        "d": "mute",
        "ci/x": "red",
    }
    world.check_runs.clear()
    world.statuses.clear()


class Endless(BaseHTTPRequestHandler):
    """A server whose answers never end: it drips, or pours."""

    def log_message(self, format: str, *args: object) -> None:
        return

    def do_GET(self) -> None:  # noqa: N802
        self.send_response(200)
        self.end_headers()
        piece, pause = (b"x" * (1 << 20), 0.0) if self.path == "/pour" else (b"x", 0.05)
        with suppress(OSError):
            while True:
                self.wfile.write(piece)
                time.sleep(pause)


def test_an_answer_without_an_end_is_given_up() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Endless) as server:
        server.daemon_threads = True
        server.block_on_close = False
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        wire = Wire(url, {}, sleep=lambda seconds: None, patience=0.2)
        with pytest.raises(ForgeUnavailable, match="was not through"):
            wire.get("/drip")
        with pytest.raises(ForgeUnavailable, match="was not through"):
            wire.download(f"{url}/drip", 1_000)
        with pytest.raises(ForgeRejected, match="too large"):
            Wire(url, {}).get("/pour")
        server.shutdown()
