"""Taking candidates out of a sandbox: what is kept, and everything that must not be."""

import hashlib
import io
import os
import resource
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.repo import Intake, Rejected, Store
from harness.repo.packfile import survey
from tests.repo_support import (
    Object,
    adopted,
    commit_data,
    entries_of,
    git,
    header,
    line,
    oid,
    pack_of,
    packed,
    repository,
    save,
    tree_data,
)

Entry = tuple[str, bytes, str]
ZERO = "0" * 40


class House(msgspec.Struct, frozen=True):
    """A store with one base, and what a sandbox could send to it."""

    store: Store
    base: str
    tree: str
    root: Path

    def objects(self) -> set[bytes]:
        return set(git(self.store.path, "cat-file", "--batch-all-objects", "--batch-check").splitlines())

    def entries(self, *more: Entry) -> bytes:
        """The base's top entries and `more`, in git's order."""
        kept = [each for each in entries_of(self.root, self.tree) if each[1] not in {name for _, name, _ in more}]
        return tree_data(sorted([*kept, *more], key=lambda e: e[1] + (b"/" if e[0] in ("40000", "040000") else b"")))

    def candidate(self, data: bytes, *objects: Object, parent: str | None = None) -> tuple[bytes, str]:
        """A pack with a commit of the tree `data`, and the commit's id."""
        commit = commit_data(oid("tree", data), parent or self.base)
        unique = dict.fromkeys([*objects, ("tree", data), ("commit", commit)])
        return pack_of(unique), oid("commit", commit)

    def send(self, data: bytes, *objects: Object, limits: Intake | None = None) -> str:
        pack, tip = self.candidate(data, *objects)
        return self.store.receive(pack, tip, self.base, limits).tree

    def refusal(self, data: bytes, *objects: Object, limits: Intake | None = None) -> Rejected:
        before = self.objects()
        with pytest.raises(Rejected) as caught:
            self.send(data, *objects, limits=limits)
        assert self.objects() == before
        assert not list((self.store.path / "quarantine").iterdir())
        assert caught.value.why
        return caught.value


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    where = tmp_path_factory.mktemp("intake")
    lib = repository(where / "lib")
    root = repository(where / "r", {"README.md": b"# A sample\n", "src/app.py": b"x = 1\n", "data": b"d" * 50_000})
    git(root, "submodule", "--quiet", "add", str(lib), "module")
    (root / "out").symlink_to("/usr/share")
    save(root)
    _, base, store = adopted(where / "home", root)
    return House(store=store, base=base.commit, tree=base.tree, root=root)


BLOB: Object = ("blob", b"print('new')\n")
NEW = oid(*BLOB)


# What is kept


def test_a_candidate_is_kept_as_its_tree(house: House) -> None:
    tree = house.send(house.entries(("100644", b"new.py", NEW)), BLOB)
    assert house.store.file(tree, "new.py") == BLOB[1]
    assert house.store.file(tree, "src/app.py") == b"x = 1\n"
    assert [each.path for each in house.store.changes(house.tree, tree)] == ["new.py"]


def test_chunks_do_as_well_as_one_piece(house: House) -> None:
    pack, tip = house.candidate(house.entries(("100755", b"chunks.py", NEW)), BLOB)
    chunks = (pack[at : at + 7] for at in range(0, len(pack), 7))
    assert house.store.receive(chunks, tip, house.base).paths == 1


def test_an_unchanged_tree_is_a_candidate_without_changes(house: House) -> None:
    tree = git(house.root, "cat-file", "tree", house.tree)
    pack, tip = house.candidate(tree)
    received = house.store.receive(pack, tip, house.base)
    assert (received.tree, received.paths) == (house.tree, 0)


def test_a_thin_pack_of_git_is_completed(house: House) -> None:
    data = b"d" * 49_990 + b"changed"
    blob = git(house.root, "hash-object", "-w", "--stdin", stdin=data).decode().strip()
    index = {"GIT_INDEX_FILE": str(house.root / ".git" / "thin-index")}
    git(house.root, "read-tree", house.base, **index)
    git(house.root, "update-index", "--cacheinfo", f"100644,{blob},data", **index)
    tree = git(house.root, "write-tree", **index).decode().strip()
    tip = line(house.root, "commit-tree", "-p", house.base, "-m", "thin", tree)
    revs = f"{tip}\n^{house.base}\n".encode()
    pack = git(house.root, "pack-objects", "--thin", "--revs", "--stdout", "-q", stdin=revs)
    assert len(pack) < 1000
    assert house.store.receive(pack, tip, house.base).tree == tree
    assert house.store.file(tree, "data") == data


def test_the_agents_commit_and_stowaways_stay_behind(house: House) -> None:
    stowaway: Object = ("blob", b"hidden in the pack")
    pack, tip = house.candidate(house.entries(("100644", b"stow.py", NEW)), BLOB, stowaway)
    house.store.receive(pack, tip, house.base)
    known = {each.split()[0].decode() for each in house.objects()}
    assert NEW in known
    assert not {tip, oid(*stowaway)} & known


def test_a_dead_harness_leaves_its_quarantine_to_the_next(house: House) -> None:
    left = house.store.path / "quarantine" / "left"
    left.mkdir(parents=True, exist_ok=True)
    (left / "pack").write_text("half")
    house.send(house.entries(("100644", b"after.py", NEW)), BLOB)
    assert not left.exists()


@pytest.mark.parametrize(
    "target", [b"README.md", b"src/app.py", b"../README.md", b"no/where", b"out", b".", b"..", b"a\xff"]
)
def test_links_inside_the_tree_are_fine(house: House, target: bytes) -> None:
    link: Object = ("blob", target)
    inner = tree_data([("120000", b"link", oid(*link))])
    tree = house.send(house.entries(("40000", b"links", oid("tree", inner))), link, ("tree", inner))
    assert house.store.file(tree, "links/link") is None


@pytest.mark.parametrize("name", ["näme".encode(), b"latin1-\xe9", b"sp ace", b"-dash", b"*", b"a" * 200])
def test_unusual_names_are_fine(house: House, name: bytes) -> None:
    tree = house.send(house.entries(("100644", name, NEW)), BLOB)
    assert house.store.file(tree, name.decode("utf-8", "surrogateescape")) == BLOB[1]


# The ten hostile trees, and more of their kind


def _gitmodules(text: bytes) -> Object:
    return ("blob", text)


BAD_URL = _gitmodules(b'[submodule "x"]\n\tpath = x\n\turl = -u./evil\n')
BAD_NAME = _gitmodules(b'[submodule "../../x"]\n\tpath = x\n\turl = https://example.org/x\n')
ABSOLUTE: Object = ("blob", b"/etc/passwd")

HOSTILE: dict[str, tuple[str, Entry, list[Object]]] = {
    "dot git": ("fsck.hasDotgit", ("100644", b".git", NEW), [BLOB]),
    "upper case": ("fsck.hasDotgit", ("100644", b".GiT", NEW), [BLOB]),
    "short name": ("fsck.hasDotgit", ("100644", b"git~1", NEW), [BLOB]),
    "ignorable": ("fsck.hasDotgit", ("100644", ".g\u200cit".encode(), NEW), [BLOB]),
    "dot dot": ("fsck.hasDotdot", ("100644", b"..", NEW), [BLOB]),
    "dot": ("fsck.hasDot", ("100644", b".", NEW), [BLOB]),
    "slash": ("fsck.fullPathname", ("100644", b"a/b", NEW), [BLOB]),
    "submodule url": ("fsck.gitmodulesUrl", ("100644", b".gitmodules", oid(*BAD_URL)), [BAD_URL]),
    "submodule name": ("fsck.gitmodulesName", ("100644", b".gitmodules", oid(*BAD_NAME)), [BAD_NAME]),
    "link of modules": ("fsck.gitmodulesSymlink", ("120000", b".gitmodules", NEW), [BLOB]),
    "absolute link": ("symlink", ("120000", b"link", oid(*ABSOLUTE)), [ABSOLUTE]),
    "new submodule": ("submodule", ("160000", b"nested", "1" * 40), []),
    "moved submodule": ("submodule", ("160000", b"module", "1" * 40), []),
    "submodule to file": ("submodule", ("100644", b"module", NEW), [BLOB]),
    "odd mode": ("fsck.badFilemode", ("100664", b"x", NEW), [BLOB]),
    "device mode": ("fsck.badFilemode", ("60644", b"x", NEW), [BLOB]),
    "padded mode": ("fsck.zeroPaddedFilemode", ("0100644", b"x", NEW), [BLOB]),
    "no object": ("fsck.nullSha1", ("100644", b"x", ZERO), []),
    "no name": ("fsck.badTree", ("100644", b"", NEW), [BLOB]),
    "missing object": ("pack", ("100644", b"x", "2" * 40), []),
    "missing directory": ("pack", ("40000", b"x", "2" * 40), []),
    "escape sequence": ("path", ("100644", b"\x1b]0;x\x07", NEW), [BLOB]),
    "new line": ("path", ("100644", b"a\nb", NEW), [BLOB]),
    "right to left": ("path", ("100644", "x\u202eyp.exe".encode(), NEW), [BLOB]),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_trees_are_rejected_by_name(house: House, what: str) -> None:
    rule, entry, objects = HOSTILE[what]
    found = house.refusal(house.entries(entry), *objects)
    assert found.rule == rule
    if not rule.startswith("fsck") and rule != "pack":
        assert found.path == entry[1].decode("utf-8", "surrogateescape")
        assert found.fix


def test_hostile_trees_below_the_top_are_rejected_as_well(house: House) -> None:
    inner = tree_data([("100644", b".git", NEW)])
    assert house.refusal(house.entries(("40000", b"sub", oid("tree", inner))), BLOB, ("tree", inner)).rule == (
        "fsck.hasDotgit"
    )


def test_a_submodule_may_not_vanish_unseen(house: House) -> None:
    data = tree_data([each for each in entries_of(house.root, house.tree) if each[1] != b"module"])
    assert house.refusal(data).rule == "submodule"


@pytest.mark.parametrize("kind", ["tree", "commit"])
def test_a_file_has_to_be_a_file(house: House, kind: str) -> None:
    other = house.tree if kind == "tree" else house.base
    assert house.refusal(house.entries(("100644", b"x", other))).rule in ("tree", "pack")
    assert house.refusal(house.entries(("40000", b"x", NEW)), BLOB).rule in ("tree", "pack")


def test_unsorted_and_double_entries_are_rejected(house: House) -> None:
    twice = tree_data([("100644", b"a", NEW), ("100644", b"a", NEW)])
    unsorted = tree_data([("100644", b"b", NEW), ("100644", b"a", NEW)])
    assert house.refusal(twice, BLOB).rule == "fsck.duplicateEntries"
    assert house.refusal(unsorted, BLOB).rule == "fsck.treeNotSorted"


@pytest.mark.parametrize(
    "target",
    [
        b"/etc/passwd", b"/", b"../..", b"../../x", b"x/../../y", b"x/..", b"../x/..", b"./..", b".git/config",
        b"../.git/hooks/x", b"../.GIT/x", b"", b"a\0b", b"a\nb", b"x" * 1025, b"../" * 400 + b"etc",
    ],
)  # fmt: skip
def test_links_that_leave_the_tree_are_rejected(house: House, target: bytes) -> None:
    link: Object = ("blob", target)
    inner = tree_data([("120000", b"link", oid(*link))])
    found = house.refusal(house.entries(("40000", b"links", oid("tree", inner))), link, ("tree", inner))
    assert (found.rule, found.path) == ("symlink", "links/link")


def test_links_cannot_leave_by_way_of_each_other(house: House) -> None:
    """a/b/up -> ../.. is fine, and so is a name below it; `up/..` would be outside."""
    up: Object = ("blob", b"../..")
    out: Object = ("blob", b"a/b/up/../etc/passwd")
    b = tree_data([("120000", b"up", oid(*up))])
    a = tree_data([("40000", b"b", oid("tree", b))])
    top = house.entries(("40000", b"a", oid("tree", a)), ("120000", b"out", oid(*out)))
    found = house.refusal(top, up, out, ("tree", b), ("tree", a))
    assert (found.rule, found.path) == ("symlink", "out")


def test_an_old_link_may_stay_but_not_change_for_the_worse(house: House) -> None:
    worse: Object = ("blob", b"/etc")
    assert house.store.file(house.tree, "out") is None
    house.send(house.entries(("100644", b"beside.py", NEW)), BLOB)
    assert house.refusal(house.entries(("120000", b"out", oid(*worse))), worse).path == "out"


# Tips


@pytest.mark.parametrize(
    "tip",
    ["", "HEAD", "--all", "main", "-" + "a" * 39, "a" * 39, "A" * 40, "a" * 40 + "\n", "a" * 40 + "\n--all", "é" * 40],
)
def test_a_tip_is_an_object_id(house: House, tip: str) -> None:
    pack, _ = house.candidate(house.entries(("100644", b"x", NEW)), BLOB)
    with pytest.raises(Rejected) as caught:
        house.store.receive(pack, tip, house.base)
    assert caught.value.rule == "tip"


def test_a_tip_is_a_commit_of_the_pack(house: House) -> None:
    data = house.entries(("100644", b"x", NEW))
    pack, _ = house.candidate(data, BLOB)
    for tip in ("1" * 40, NEW, oid("tree", data)):
        with pytest.raises(Rejected) as caught:
            house.store.receive(pack, tip, house.base)
        assert caught.value.rule == "tip"


def test_a_tip_is_a_child_of_its_base(house: House) -> None:
    data = house.entries(("100644", b"x", NEW))
    grandparent = line(house.root, "rev-parse", f"{house.base}~1")
    between = commit_data(house.tree, house.base)
    for commit, extra in (
        (commit_data(oid("tree", data)), []),  # an orphan
        (commit_data(oid("tree", data), grandparent), []),
        (commit_data(oid("tree", data), house.base, grandparent), []),  # a merge
        (commit_data(oid("tree", data), oid("commit", between)), [("commit", between)]),
    ):
        pack = pack_of([BLOB, ("tree", data), *extra, ("commit", commit)])
        with pytest.raises(Rejected) as caught:
            house.store.receive(pack, oid("commit", commit), house.base)
        assert caught.value.rule == "history"


def test_the_base_itself_is_no_candidate(house: House) -> None:
    with pytest.raises(Rejected) as caught:
        house.store.receive(pack_of([]), house.base, house.base)
    assert caught.value.rule == "history"


def test_a_parent_line_in_the_message_is_no_parent(house: House) -> None:
    data = house.entries(("100644", b"x", NEW))
    commit = commit_data(oid("tree", data), message=f"x\n\nparent {house.base}")
    with pytest.raises(Rejected) as caught:
        house.store.receive(pack_of([BLOB, ("tree", data), ("commit", commit)]), oid("commit", commit), house.base)
    assert caught.value.rule == "history"


# Garbage


def _endless() -> Iterator[bytes]:
    yield b"PACK" + (2).to_bytes(4) + (3).to_bytes(4)
    while True:
        yield os.urandom(1 << 16)


GARBAGE: dict[str, bytes | Callable[[], Iterator[bytes]]] = {
    "nothing": b"",
    "text": b"fatal: not a git repository\n",
    "zeros": bytes(1000),
    "header only": b"PACK" + (2).to_bytes(4) + (1).to_bytes(4),
    "version": b"PACK" + (9).to_bytes(4) + (0).to_bytes(4) + bytes(20),
    "count too high": packed([], 7),
    "cut": pack_of([BLOB])[:-25],
    "flipped": pack_of([BLOB])[:-5] + b"\0\0\0\0\0",
    "kind 0": packed([header(0, 3) + zlib.compress(b"abc")], 1),
    "kind 5": packed([header(5, 3) + zlib.compress(b"abc")], 1),
    "says less": packed([header(3, 2) + zlib.compress(b"abc")], 1),
    "says more": packed([header(3, 4) + zlib.compress(b"abc")], 1),
    "not deflated": packed([header(3, 3) + b"abc"], 1),
    "endless size": packed([b"\xff" * 100], 1),
    "delta to nowhere": packed([header(7, 4) + b"\1" * 20 + zlib.compress(b"\x04\x04\x04abcd"[:4])], 1),
    "delta before the start": packed([header(6, 4) + b"\x7f" + zlib.compress(b"\x04\x04\x04a")], 1),
}


@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_is_rejected(house: House, what: str) -> None:
    before = house.objects()
    data = GARBAGE[what]
    with pytest.raises(Rejected) as caught:
        house.store.receive(data if isinstance(data, bytes) else data(), "1" * 40, house.base)
    assert caught.value.rule == "pack"
    assert house.objects() == before


def test_an_endless_pack_ends_at_the_limit(house: House) -> None:
    with pytest.raises(Rejected) as caught:
        house.store.receive(_endless(), "1" * 40, house.base, Intake(pack=1 << 20))
    assert caught.value.rule == "pack-size"


def test_a_sender_that_fails_leaves_nothing(house: House) -> None:
    def broken() -> Iterator[bytes]:
        yield b"PACK"
        raise ConnectionError("the container died")

    with pytest.raises(ConnectionError):
        house.store.receive(broken(), "1" * 40, house.base)
    assert not list((house.store.path / "quarantine").iterdir())


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_no_damage_to_a_pack_goes_unseen_or_crashes(house: House, data: st.DataObject) -> None:
    pack, tip = house.candidate(house.entries(("100644", b"x", NEW)), BLOB)
    at = data.draw(st.integers(0, len(pack) - 1))
    byte = data.draw(st.integers(1, 255))
    damaged = pack[:at] + bytes([pack[at] ^ byte]) + pack[at + 1 :]
    if data.draw(st.booleans()):  # an attacker signs what they damage
        damaged = damaged[:-20] + hashlib.sha1(damaged[:-20], usedforsecurity=False).digest()
    try:
        received = house.store.receive(damaged, tip, house.base)
    except Rejected:
        return
    assert house.store.file(received.tree, "x") == BLOB[1]


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=400))
def test_the_survey_ends_on_any_bytes(junk: bytes) -> None:
    for content in (junk, b"PACK\0\0\0\2\0\0\0\3" + junk):
        with suppress(Rejected):
            survey(io.BytesIO(content), Intake())


@settings(max_examples=25, deadline=None)
@given(st.lists(st.binary(max_size=3000), max_size=8))
def test_the_survey_accepts_every_real_pack(blobs: list[bytes]) -> None:
    survey(io.BytesIO(pack_of([("blob", each) for each in blobs])), Intake())


# Limits


def test_too_many_objects(house: House) -> None:
    assert house.refusal(house.entries(("100644", b"x", NEW)), BLOB, limits=Intake(objects=2)).rule == "count"


def test_too_large_a_file(house: House) -> None:
    blob: Object = ("blob", os.urandom(5000))
    data = house.entries(("100644", b"big", oid(*blob)))
    assert house.refusal(data, blob, limits=Intake(blob=4000)).rule == "size"
    assert house.refusal(data, blob, limits=Intake(total=4000)).rule == "total"
    house.send(data, blob, limits=Intake(blob=5000))


def test_too_many_paths(house: House) -> None:
    entries = [("100644", b"many%03d" % n, NEW) for n in range(30)]
    assert house.refusal(house.entries(*entries), BLOB, limits=Intake(paths=29)).rule == "paths"
    house.send(house.entries(*entries), BLOB, limits=Intake(paths=30))


def test_one_blob_at_many_paths_counts_as_often_as_it_lies_there(house: House) -> None:
    blob: Object = ("blob", bytes(100_000))
    entries = [("100644", b"copy%03d" % n, oid(*blob)) for n in range(100)]
    assert house.refusal(house.entries(*entries), blob, limits=Intake(total=5_000_000)).rule == "total"
    old = line(house.root, "rev-parse", f"{house.base}:data")
    copies = [("100644", b"copy%03d" % n, old) for n in range(200)]
    assert house.refusal(house.entries(*copies), limits=Intake(total=5_000_000)).rule == "total"


def test_a_long_path_is_rejected(house: House) -> None:
    data, objects = tree_data([("100644", b"f", NEW)]), [BLOB]
    for _ in range(20):
        objects.append(("tree", data))
        data = tree_data([("40000", b"d" * 100, oid("tree", data))])
    assert house.refusal(house.entries(("40000", b"long", oid("tree", data))), *objects, ("tree", data)).rule == "path"


MEGA = 1 << 20


def bomb(size: int) -> bytes:
    """`size` zeros, deflated, without ever holding them: one piece, again and again."""
    machine = zlib.compressobj(9, wbits=-15)
    piece = machine.compress(bytes(MEGA)) + machine.flush(zlib.Z_FULL_FLUSH)
    return b"\x78\xda" + piece * (size // MEGA) + b"\x03\x00" + (size % 65521).to_bytes(2) + b"\0\1"


def delta(base: str, size: int, result: int) -> bytes:
    """An object that copies the `size` bytes of `base` again and again."""

    def varint(value: int) -> bytes:
        out = []
        while value > 0x7F:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        return bytes([*out, value])

    copy = bytes([0x80 | 0x10 | 0x20, size & 0xFF, size >> 8 & 0xFF])
    data = varint(size) + varint(result) + copy * (result // size)
    return header(7, len(data)) + bytes.fromhex(base) + zlib.compress(data)


@pytest.mark.parametrize("kind", ["blob", "tree", "commit", "honest header", "delta", "many deltas"])
def test_bombs_cost_nothing(house: House, kind: str) -> None:
    """A pack of about a megabyte that stands for a gigabyte, in a process whose memory is counted."""
    base = oid("blob", b"d" * 50_000)
    match kind:
        case "honest header":
            raw = [header(3, 1024 * MEGA) + bomb(1024 * MEGA)]
        case "delta":
            raw = [delta(base, 50_000, 50_000 * 20_000)]
        case "many deltas":
            raw = [delta(base, 50_000, 50_000 * 600) for _ in range(40)]
        case _:
            raw = [header({"blob": 3, "tree": 2, "commit": 1}[kind], 1000) + bomb(1024 * MEGA)]
    pack = house.store.path.parent / f"bomb-{kind.replace(' ', '-')}.pack"
    pack.write_bytes(packed(raw, len(raw)))
    code = (
        "import sys; from pathlib import Path; from harness.repo.packfile import *\n"
        "from harness.repo import Rejected\n"
        "try: survey(open(sys.argv[1], 'rb'), Intake()); print('passed')\n"
        "except Rejected as error:\n"  # not ru_maxrss: a forked process inherits its parent's
        "    status = Path('/proc/self/status').read_text()\n"
        "    print(error.rule, status.partition('VmHWM:')[2].split()[0])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(pack)], capture_output=True, text=True, check=True)
    rule, kib = done.stdout.split()
    assert rule in ("pack", "size", "total")
    assert int(kib) < 100 * 1024
    with pytest.raises(Rejected):
        house.store.receive(pack.read_bytes(), "1" * 40, house.base)


def test_git_itself_is_held_when_a_bomb_gets_that_far(house: House) -> None:
    """With every limit of the survey lifted, the limits of the process remain."""
    raw = [header(3, 512 * MEGA) + bomb(512 * MEGA)]
    lifted = Intake(blob=1 << 40, total=1 << 40, seconds=1)
    with pytest.raises(Rejected) as caught:
        house.store.receive(packed(raw, 1), "1" * 40, house.base, lifted)
    assert caught.value.rule == "pack"
    assert "signal" in caught.value.why
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 700 * 1024


@pytest.mark.parametrize("leaf", ["files", "nothing"])
def test_a_tree_that_names_itself_by_the_billion_is_rejected(house: House, leaf: str) -> None:
    """Ten directories that are the same ten directories, ten levels deep: 10^10 paths from a dozen objects."""
    data = tree_data([("100644", b"f", NEW)] if leaf == "files" else [])
    objects: list[Object] = [BLOB]
    for _ in range(10):
        objects.append(("tree", data))
        data = tree_data([("40000", b"%d" % n, oid("tree", data)) for n in range(10)])
    top = house.entries(("40000", b"bomb", oid("tree", data)))
    assert house.refusal(top, *objects, ("tree", data), limits=Intake(seconds=1)).rule == "paths"


def test_a_bottomless_tree_is_rejected(house: House) -> None:
    data, objects = tree_data([("100644", b"f", NEW)]), [BLOB]
    for _ in range(5_000):
        objects.append(("tree", data))
        data = tree_data([("40000", b"d", oid("tree", data))])
    top = house.entries(("40000", b"deep", oid("tree", data)))
    assert house.refusal(top, *objects, ("tree", data)).rule in ("path", "paths", "tree", "pack")
