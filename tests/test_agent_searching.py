"""Globs: translated for `find`, and compared with Python's own glob over real trees."""

import glob
import posixpath
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.agent.answer import Mistake
from harness.agent.searching import find_command

FILES = (
    "a.py",
    "b.py",
    ".hidden",
    "src/a.py",
    "src/[x].py",
    "src/deep/er/a.txt",
    "src/deep/a+b.py",
    "t/a.py",
    "t/é.py",
    "t/-n",
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree") / "w (1)"
    for name in (*FILES, ".git/config", "src/.git/a.py"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def found(root: Path, pattern: str) -> set[str]:
    result = subprocess.run(find_command(str(root), pattern), capture_output=True, check=False)
    assert result.returncode == 0 or b"Invalid range end" in result.stderr
    records = result.stdout.split(b"\0")[:-1]
    return {record.split(b"\t", 1)[1].decode() for record in records}


def expected(root: Path, pattern: str) -> set[str]:
    names = glob.glob(pattern, root_dir=root, recursive=True, include_hidden=True)  # noqa: PTH207 - Path.glob differs
    return {posixpath.normpath(name) for name in names if (root / name).is_file() and ".git" not in Path(name).parts}


PIECES = st.sampled_from(
    ["*", "?", "a", ".py", "[ab]", "[!b]", "[a-c]", "[", "]", "+", ".", "(", "b", "é", "[!-a]", "[x]", "[[]x"]
)
PART = st.lists(PIECES, min_size=1, max_size=3).map("".join) | st.sampled_from(["**", "src", "deep", "t"])


@settings(deadline=None, max_examples=60)
@given(st.lists(PART, min_size=1, max_size=4).map("/".join).filter(lambda pattern: ".." not in pattern.split("/")))
def test_a_glob_finds_what_pythons_finds(tree: Path, pattern: str) -> None:
    assert found(tree, pattern) == expected(tree, pattern)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("**/*.{py,txt}", {name for name in FILES if name.endswith((".py", ".txt"))}),
        ("{a,b}.py", {"a.py", "b.py"}),
        ("src/**", {name for name in FILES if name.startswith("src/")}),
        ("s{r}c/{a.py,deep/{er/*,*.py}}", {"src/a.py", "src/deep/er/a.txt", "src/deep/a+b.py"}),
        ("**", set(FILES)),
        ("[^b].py", {"a.py"}),
        ("src/[[]x[]^-].py", {"src/[x].py"}),
        ("src[!x]a.py", set()),
        ("src[+-9]a.py", set()),
        ("{a", set()),
        ("nothing|a.py", set()),
        ("a.py\n", set()),
    ],
)
def test_globs(tree: Path, pattern: str, names: set[str]) -> None:
    assert found(tree, pattern) == names


def test_an_absolute_pattern_below_the_root_is_relative_to_it(tree: Path) -> None:
    assert found(tree, f"{tree}/src/*.py") == {"src/a.py", "src/[x].py"}


@pytest.mark.parametrize("pattern", ["/etc/*", "../*", "src/../../*", "", "a\0b", "x" * 5_000])
def test_a_pattern_stays_below_its_root(pattern: str) -> None:
    with pytest.raises(Mistake):
        find_command("/w", pattern)


def test_no_part_of_a_pattern_becomes_an_option_or_an_expression() -> None:
    command = find_command("/w", "-exec rm {} ;")
    assert command[command.index("-regex") + 1] == r"/w/-exec rm () ;"
    assert command.count("-exec") == 0
