"""Trees made of trees, and what lies between two of them."""

import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unidiff import PatchSet

from harness.repo import Change, PathMissing, RepoError, Store, TooLarge
from harness.repo.git import EMPTY_TREE, name, raw
from tests.repo_support import adopted, git, line, repository, save

Tree = Mapping[bytes, tuple[bytes, bool]]
"""Path -> content and whether it is executable."""


class House(msgspec.Struct, frozen=True):
    store: Store
    base: str
    tree: str

    def make(self, files: Tree) -> str:
        """A tree in the store, written by git's own plumbing."""
        index = {"GIT_INDEX_FILE": str(self.store.path / f"test-index-{os.getpid()}")}
        Path(index["GIT_INDEX_FILE"]).unlink(missing_ok=True)
        lines = []
        for path, (content, bit) in files.items():
            blob = git(self.store.path, "hash-object", "-w", "--stdin", stdin=content).decode().strip()
            lines.append(b"%s %s\t%s\0" % (b"100755" if bit else b"100644", blob.encode(), path))
        git(self.store.path, "update-index", "-z", "--index-info", stdin=b"".join(lines), **index)
        return git(self.store.path, "write-tree", **index).decode().strip()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    where = tmp_path_factory.mktemp("trees")
    _, base, store = adopted(where / "home", repository(where / "r"))
    return House(store=store, base=base.commit, tree=base.tree)


def _usable(path: bytes) -> bool:
    return not any(part.lower() in (b"", b".", b"..", b".git", b"git~1") for part in path.split(b"/"))


# Odd bytes on purpose: spaces, quotes, tabs, new lines, control characters, bytes that are no UTF-8.
parts = st.binary(min_size=1, max_size=3).filter(lambda part: not {0, 0x2F} & set(part)) | st.sampled_from(
    [b"a", b"b", b"src", b"\xff", b"\n", b"\t", b'"', b"\\", b" ", b"-x", b":x", b"*", "é".encode(), b"\x1b[1m"]
)
paths = st.lists(parts, min_size=1, max_size=3).map(b"/".join).filter(_usable)


def _without_conflicts(files: dict[bytes, tuple[bytes, bool]]) -> dict[bytes, tuple[bytes, bool]]:
    """No path is a directory of another."""
    return {path: value for path, value in files.items() if not any(o.startswith(path + b"/") for o in files)}


trees = st.dictionaries(paths, st.tuples(st.binary(max_size=5), st.booleans()), max_size=6).map(_without_conflicts)


def test_paths_are_reversible_strings() -> None:
    for each in (b"a", b"\xff\xfe", "é".encode(), b"a\n\t\x01", b"\xed\xb3\xbf", bytes(range(1, 256))):
        assert raw(name(each)) == each


@settings(max_examples=8, deadline=None)
@given(old=trees, new=trees)
def test_taking_every_change_of_a_tree_gives_that_tree(house: House, old: Tree, new: Tree) -> None:
    before, after = house.make(old), house.make(new)
    changes = house.store.changes(before, after)
    take = {each.path: None if each.status == "deleted" else after for each in changes}
    assert house.store.compose(before, take) == after
    assert house.store.compose(before, dict(reversed(take.items()))) == after


@settings(max_examples=8, deadline=None)
@given(old=trees, new=trees)
def test_changes_say_what_happened(house: House, old: Tree, new: Tree) -> None:
    def mode(entry: tuple[bytes, bool] | None) -> str:
        return "" if entry is None else "100755" if entry[1] else "100644"

    expected = {
        Change(
            path=name(path),
            status="added" if path not in old else "deleted" if path not in new else "modified",
            old_mode=mode(old.get(path)),
            new_mode=mode(new.get(path)),
        )
        for path in {*old, *new}
        if old.get(path) != new.get(path)
    }
    before, after = house.make(old), house.make(new)
    assert set(house.store.changes(before, after)) == expected
    assert house.store.stat(before, after).files == len(expected)
    assert (house.store.diff(before, after) == "") == (not expected)


@settings(max_examples=8, deadline=None)
@given(files=trees)
def test_every_file_of_a_tree_can_be_read(house: House, files: Tree) -> None:
    tree = house.make(files)
    assert set(house.store.paths(tree)) == {name(path) for path in files}
    assert {path: house.store.file(tree, name(path)) for path in files} == {p: c for p, (c, _) in files.items()}
    assert house.store.file(tree, "no/such") is None


@settings(max_examples=8, deadline=None)
@given(base=trees, one=trees, two=trees)
def test_compose_takes_exactly_what_is_named(house: House, base: Tree, one: Tree, two: Tree) -> None:
    onto, first, second = house.make(base), house.make(one), house.make(two)
    take: dict[str, str | None] = {name(path): first for path in one} | {name(path): second for path in two}
    made = house.store.compose(onto, take)
    for path in two:
        assert house.store.file(made, name(path)) == two[path][0]
    expected = dict(base)
    for source in (one, two):
        for path, value in source.items():
            for other in list(expected):
                if other.startswith(path + b"/") or path.startswith(other + b"/"):
                    del expected[other]
            expected[path] = value
    # A dict keeps the place of a key that both trees have, so only then may the order differ.
    if not set(one) & set(two):
        assert made == house.make(expected)


# Compose


def test_directories_are_taken_and_removed_whole(house: House) -> None:
    onto = house.make({b"t/a": (b"1", False), b"t/b": (b"2", False), b"tt": (b"3", False), b"x": (b"4", False)})
    source = house.make({b"t/a": (b"new", False), b"t/sub/c": (b"5", True), b"x/y": (b"6", False)})
    assert house.store.paths(house.store.compose(onto, {"t": None})) == ("tt", "x")
    taken = house.store.compose(onto, {"t": source, "x": source})
    assert house.store.paths(taken) == ("t/a", "t/sub/c", "tt", "x/y")
    assert house.store.file(taken, "t/a") == b"new"


def test_a_file_gives_way_to_a_directory_and_the_other_way_round(house: House) -> None:
    file = house.make({b"p": (b"file", False)})
    directory = house.make({b"p/q/r": (b"deep", False)})
    assert house.store.compose(file, {"p/q/r": directory}) == directory
    assert house.store.compose(directory, {"p": file}) == file


def test_nothing_taken_is_nothing_changed(house: House) -> None:
    assert house.store.compose(house.tree, {}) == house.tree
    assert house.store.compose(house.tree, {"src/app.py": house.tree, "missing": None}) == house.tree
    assert house.store.compose(house.tree, dict.fromkeys(house.store.paths(house.tree))) == EMPTY_TREE


def test_what_a_tree_lacks_cannot_be_taken(house: House) -> None:
    for path in ("nope", "src/app.py/x", "", "/", "src/", "../src", "\ud800"):
        with pytest.raises(PathMissing):
            house.store.compose(house.tree, {path: house.tree})


def test_links_and_submodules_are_taken_as_they_are(house: House) -> None:
    blob = git(house.store.path, "hash-object", "-w", "--stdin", stdin=b"/etc").decode().strip()
    listing = f"120000 blob {blob}\tlink\n160000 commit {'1' * 40}\tmodule\n".encode()
    odd = git(house.store.path, "mktree", "--missing", stdin=listing).decode().strip()
    made = house.store.compose(house.tree, {"link": odd, "module": odd})
    assert git(house.store.path, "ls-tree", made, "link", "module") == listing
    assert house.store.file(made, "link") is None
    assert house.store.file(made, "module") is None
    assert {"link", "module"} <= set(house.store.paths(made))


def test_compose_leaves_nothing_behind(house: House) -> None:
    before = set(house.store.path.iterdir())
    house.store.compose(house.tree, {"README.md": None})
    assert set(house.store.path.iterdir()) == before


# Diffs


def test_a_diff_shows_every_text_change_whatever_attributes_say(house: House) -> None:
    """`-diff`, a driver or an encoding of the candidate's own would hide its text."""
    old = house.make({b"a.py": (b"one\n", False), b"b.py": (b"gone\n", False)})
    hidden = b"*.py -diff binary diff=x working-tree-encoding=UTF-16\n* -text export-ignore\n"
    new = house.make({b".gitattributes": (hidden, False), b"a.py": (b"two\n", False), b"c.py": (b"gone\n", False)})
    text = house.store.diff(old, new)
    for wanted in ("-one", "+two", "-gone", "+gone", "+++ b/c.py", "--- a/b.py", "+++ /dev/null"):
        assert f"\n{wanted}\n" in text
    assert house.store.stat(old, new) == (4, 4, 2)
    assert {each.path for each in PatchSet(text)} == {".gitattributes", "a.py", "b.py", "c.py"}


def test_context_is_chosen(house: House) -> None:
    old = house.make({b"f": (b"\n".join(b"%d" % n for n in range(20)), False)})
    new = house.make({b"f": (b"\n".join(b"%d" % n for n in range(20)).replace(b"10", b"x"), False)})
    assert [len(house.store.diff(old, new, context=n).splitlines()) for n in (0, 1, 3)] == [7, 9, 13]


def test_bytes_that_are_no_text_are_replaced(house: House) -> None:
    new = house.make({b"latin\xe9": (b"caf\xe9\n", False), b"bin": (b"\0\1", False)})
    text = house.store.diff(EMPTY_TREE, new)
    assert "+caf\ufffd" in text
    assert "Binary files" in text
    text.encode()


def test_large_answers_are_refused_rather_than_cut(house: House) -> None:
    new = house.make({b"big": (b"line\n" * 20_000, False)})
    with pytest.raises(TooLarge):
        house.store.diff(EMPTY_TREE, new, cap=50_000)
    with pytest.raises(TooLarge):
        house.store.file(new, "big", cap=50_000)
    assert len(house.store.file(new, "big") or b"") == 100_000
    assert house.store.stat(EMPTY_TREE, new) == (1, 20_000, 0)


# Reading


def test_unknown_trees_are_said_to_be_so(house: House) -> None:
    for question in (house.store.paths, house.store.tree):
        with pytest.raises(RepoError):
            question("1" * 40)
    with pytest.raises(RepoError):
        house.store.diff("1" * 40, house.tree)


def test_the_reader_survives_the_death_of_its_process(house: House) -> None:
    assert house.store.file(house.tree, "README.md")
    reader = house.store._objects._git
    assert reader is not None
    for process in (reader.cat_file_all, reader.cat_file_header):
        os.kill(process.proc.pid, signal.SIGKILL)
        process.proc.wait()
    assert house.store.file(house.tree, "README.md") == b"# A sample\n"
    house.store.close()
    house.store.close()
    assert house.store.file(house.tree, "README.md") == b"# A sample\n"


def test_new_objects_of_other_processes_are_seen(house: House, tmp_path: Path) -> None:
    assert house.store.file(house.tree, "README.md")
    tree = house.make({b"later": (b"written after the reader started", False)})
    assert house.store.file(tree, "later") == b"written after the reader started"


def test_threads_get_their_own_answers(house: House) -> None:
    tree = house.make({b"%d" % n: (b"content %d" % n * (n + 1), False) for n in range(40)})
    wrong: list[int] = []

    def read(offset: int) -> None:
        for n in range(40):
            at = (n + offset) % 40
            if house.store.file(tree, str(at)) != b"content %d" % at * (at + 1):
                wrong.append(at)

    threads = [threading.Thread(target=read, args=(n * 5,)) for n in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert wrong == []


def test_a_pack_carries_what_a_clone_of_base_lacks(house: House, tmp_path: Path) -> None:
    root = repository(tmp_path / "r", {"a": os.urandom(20_000), "b": b"1"})
    _, base, store = adopted(tmp_path / "home", root)
    (root / "b").write_text("2")
    tip = save(root)
    git(store.path, "fetch", "-q", str(root), tip)
    git(tmp_path, "clone", "-q", "--no-local", str(root), "c")
    for what in (tip, line(root, "rev-parse", f"{tip}^{{tree}}")):
        assert len(store.pack(what, base.commit)) < 1000
    assert store.pack(base.commit, base.commit)[8:12] == bytes(4)
    assert store.pack(base.tree, base.commit)[8:12] == bytes(4)
