"""Audit: what each forgery leaves behind, with full write access to the file, and what only an anchor shows."""

import base64
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bench.history import CREATED
from harness.events import Notice, RunFinished
from harness.journal import Journal
from harness.journal.anchors import ORIGIN, Anchor, CheckpointRefused, broken, read, root, write
from harness.journal.codec import GENESIS, link_hash
from harness.journal.transfer import erase
from harness.repo.git import Place
from harness.repo.trailers import audit_trailers
from tests.conftest import House, git

TRUNCATE = (
    "DELETE FROM events WHERE seq > N",
    "UPDATE runs SET seq = N, head = (SELECT hash FROM events WHERE seq = N)",
)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.db") as made:
        made.create("run-1", CREATED)
        made.append("run-1", 0, *(Notice(what=f"fact {n}") for n in range(8)))
        made.append("run-1", 0, RunFinished(outcome="succeeded", reason="green", exit_code=0))
        yield made


def attack(journal: Journal, *statements: str) -> None:
    with closing(sqlite3.connect(journal.path, isolation_level=None)) as db:
        for trigger in ("events_are_facts", "events_stay"):
            db.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        for statement in statements:
            db.execute(statement)


def rewrite(journal: Journal, seq: int) -> None:
    """Change an event and compute every hash after it anew, as somebody who knows how would."""
    with closing(sqlite3.connect(journal.path, isolation_level=None)) as db:
        db.execute("DROP TRIGGER IF EXISTS events_are_facts")
        db.execute("UPDATE events SET hdr = replace(hdr, 'fact', 'lie') WHERE seq = ?", (seq,))
        prev = GENESIS
        for row in db.execute("SELECT seq, epoch, ts, type, hdr, payload FROM events ORDER BY seq").fetchall():
            number, epoch, ts, kind, hdr, payload = row
            link = link_hash("run-1", number, epoch, ts, kind, hdr.encode(), payload, prev)
            db.execute("UPDATE events SET prev = ?, hash = ? WHERE seq = ?", (prev, link, number))
            prev = link
        db.execute("UPDATE runs SET head = ?", (prev,))


def truncate(journal: Journal, seq: int) -> None:
    attack(journal, *(text.replace("N", str(seq)) for text in TRUNCATE))


def key(tmp_path: Path, name: str = "key") -> Path:
    path = tmp_path / name
    made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ada@example.invalid", "-f", str(path)]
    subprocess.run(made, check=True)
    return path


def anchors(journal: Journal) -> list[Anchor]:
    return [Anchor(run, seq, head, "outside") for run, seq, head in journal.heads()]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET hdr = replace(hdr, 'fact 3', 'fact 9') WHERE hdr LIKE '%fact 3%'",
        "DELETE FROM events WHERE seq = 4",
        "UPDATE events SET seq = CASE seq WHEN 3 THEN -4 WHEN 4 THEN -3 ELSE seq END WHERE seq IN (3, 4)",
        'UPDATE payloads SET body = CAST(\'{"settings":"[]"}\' AS BLOB)',
        "DELETE FROM events WHERE seq > 7",
    ],
)
def test_the_chain_shows_edit_deletion_reordering_and_changed_payloads(journal: Journal, statement: str) -> None:
    assert journal.verify("run-1").ok
    more = ["UPDATE events SET seq = -seq WHERE seq < 0"] if "CASE" in statement else []
    attack(journal, statement, *more)
    assert not journal.verify("run-1").ok


def test_only_an_anchor_shows_a_cut_tail_and_a_chain_computed_anew(journal: Journal) -> None:
    held = anchors(journal)
    assert broken(journal, held) == ()
    truncate(journal, 5)
    assert journal.verify("run-1").ok
    [gone] = broken(journal, held)
    assert "is gone" in gone


def test_only_an_anchor_shows_a_rewritten_past(journal: Journal) -> None:
    held = anchors(journal)
    rewrite(journal, 3)
    assert journal.verify("run-1").ok
    [changed] = broken(journal, held)
    assert "was rewritten" in changed


def test_erasing_leaves_the_chain_and_its_anchors_whole(journal: Journal) -> None:
    held = anchors(journal)
    assert erase(journal, "run-1", "asked for by law") == 1
    verified = journal.verify("run-1")
    assert (verified.ok, verified.pruned, broken(journal, held)) == (True, 1, ())
    assert [r.event.why for r in journal.read("run-1") if hasattr(r.event, "count")] == ["asked for by law"]


def test_a_signed_checkpoint_holds_and_shows_what_was_cut(journal: Journal, tmp_path: Path) -> None:
    mine = key(tmp_path)
    signers = tmp_path / "signers"
    signers.write_text(f"ada@example.invalid {mine.with_suffix('.pub').read_text()}")
    path = write(tmp_path / "checkpoints", anchors(journal), mine, "one")
    for known, signer in ((None, ""), (signers, "ada@example.invalid")):
        found = read(path, known)
        assert (found.signer, found.leaves[0].seq) == (signer, 10)
    journal.append("run-1", 0, Notice(what="a run may go on after it"))
    assert broken(journal, read(path).leaves) == ()
    truncate(journal, 6)
    assert len(broken(journal, read(path, signers).leaves)) == 1


def test_a_checkpoint_that_was_changed_or_signed_by_a_stranger_is_refused(journal: Journal, tmp_path: Path) -> None:
    stranger = tmp_path / "signers"
    stranger.write_text(f"eve@example.invalid {key(tmp_path, 'other').with_suffix('.pub').read_text()}")
    path = write(tmp_path / "checkpoints", anchors(journal), key(tmp_path), "one")
    with pytest.raises(CheckpointRefused):
        read(path, stranger)
    leaves = path.with_suffix(".leaves")
    good = leaves.read_bytes()
    leaves.write_bytes(good.replace(b"run-1 10", b"run-1 09"))
    with pytest.raises(CheckpointRefused):
        read(path)
    forged = write(tmp_path / "forged", [Anchor("run-1", 1, "0" * 64)], key(tmp_path, "third"), "one")
    path.write_bytes(forged.read_bytes())  # another statement under the first one's signature
    leaves.write_bytes(forged.with_suffix(".leaves").read_bytes())
    with pytest.raises(CheckpointRefused):
        read(path)


def test_the_command_line_verifies_anchors_and_erases(tmp_path: Path) -> None:
    house = House(tmp_path, tmp_path / "repo")
    git(tmp_path, "init", "-q", str(house.repo))
    mine, signers = key(tmp_path), tmp_path / "signers"
    signers.write_text(f"ada@example.invalid {mine.with_suffix('.pub').read_text()}")
    house.journal.create("run-1", CREATED)
    house.journal.append("run-1", 0, *(Notice(what=f"fact {n}") for n in range(5)))
    [(run, seq, head)] = house.journal.heads()
    trailers = f"Mend it\n\nLoopwright-Run: {run}\nLoopwright-Audit: {seq}:{head}"
    git(house.repo, "commit", "-q", "--allow-empty", "-m", trailers)
    verify = ("audit", "verify", "--all", "--repo", str(house.repo), "--signers", str(signers), "--anchored")

    first = house(*verify, "--json")
    assert (first.code, first.document["anchors"], first.document["unanchored"]) == (0, 1, [])
    assert house("audit", "anchor", "--key", str(mine)).out.endswith(".checkpoint  1 runs\n")
    assert house("audit", "erase", "run-1", "--why", "asked for", "--yes").out == "1 payloads of run-1 erased\n"
    after = house(*verify)
    assert (after.code, "1 payloads erased, 2 anchors" in after.out, "every chain holds" in after.out) == (
        0,
        True,
        True,
    )
    truncate(house.journal, 3)
    cut = house(*verify)
    assert (cut.code, cut.out.count("is gone")) == (1, 2)
    house.journal.create("run-2", CREATED)
    assert "run run-2 is not anchored" in house(*verify).out
    attack(house.journal, "UPDATE events SET hdr = replace(hdr, 'goal', 'gaol') WHERE run = 'run-2'")
    changed = house("audit", "verify", "run-2")  # it is no event any more, and named all the same
    assert (changed.code, "run run-2, event 1: " in changed.out) == (1, True)
    assert house("audit", "anchor", "--key", str(tmp_path / "nowhere")).code not in (0, 70)
    house.journal.close()


def test_the_merkle_root_is_that_of_rfc_6962() -> None:
    # the first roots of the reference tree of certificate transparency (google/certificate-transparency, merkletree)
    leaves = [b"", b"\0", b"\x10", b"\x20\x21"]
    assert root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert root(leaves[:1]).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert root(leaves[:2]).hex() == "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    assert root(leaves[:3]).hex() == "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"
    assert root(leaves).hex() == "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"


def test_the_trailers_of_commits_are_anchors(journal: Journal, tmp_path: Path) -> None:
    [head] = anchors(journal)
    repo = tmp_path / "repo"
    git(tmp_path, "init", "-q", str(repo))
    body = f"Mend it\n\nLoopwright-Run: run-1\nLoopwright-Audit: {head.seq}:{head.hash}"
    git(repo, "commit", "-q", "--allow-empty", "-m", body)
    git(repo, "commit", "-q", "--allow-empty", "-m", "Odd\n\nLoopwright-Run: x\nLoopwright-Audit: nonsense")
    [(commit, run, seq, link)] = audit_trailers(Place(git_dir=repo / ".git"))
    assert (commit, run) == (git(repo, "rev-parse", "HEAD~1"), "run-1")
    assert broken(journal, [Anchor(run, seq, link)]) == ()
    truncate(journal, 4)
    assert len(broken(journal, [Anchor(run, seq, link)])) == 1


def test_a_commit_of_another_machines_run_is_no_cut_run(tmp_path: Path) -> None:
    house = House(tmp_path, tmp_path / "repo")
    git(tmp_path, "init", "-q", str(house.repo))
    house.journal.create("run-1", CREATED)
    trailers = f"Mend it\n\nLoopwright-Run: of-ada\nLoopwright-Audit: 5:{'a' * 64}"
    git(house.repo, "commit", "-q", "--allow-empty", "-m", trailers)
    done = house("audit", "verify", "--all", "--repo", str(house.repo), "--json")
    assert (done.code, done.document["elsewhere"], done.document["anchors"]) == (0, ["of-ada"], 0)
    assert "pursued elsewhere (of-ada)" in house("audit", "verify", "--all", "--repo", str(house.repo)).out
    house.journal.close()


def test_a_checkpoint_that_could_not_be_signed_leaves_nothing_and_none_takes_anothers_place(
    journal: Journal, tmp_path: Path
) -> None:
    where = tmp_path / "checkpoints"
    with pytest.raises(CheckpointRefused):
        write(where, anchors(journal), tmp_path / "nowhere", "one")
    assert list(where.iterdir()) == []
    mine = key(tmp_path)
    first, second = (write(where, anchors(journal), mine, "one") for _ in range(2))
    assert first != second
    assert read(first).leaves[0].hash == read(second).leaves[0].hash


def test_a_checkpoint_that_names_no_events_is_refused_and_no_defect(tmp_path: Path) -> None:
    for n, leaf in enumerate((b"run-1", b"run-1 x y", b"run-1 \xff z", b"run-1 " + b"9" * 40 + b" z")):
        path = tmp_path / f"{n}.checkpoint"
        path.with_suffix(".leaves").write_bytes(leaf + b"\n")
        path.write_text(f"{ORIGIN}\n1\n{base64.b64encode(root([leaf])).decode()}\n")
        with pytest.raises(CheckpointRefused):
            read(path)
