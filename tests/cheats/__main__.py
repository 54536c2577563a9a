"""`python -m tests.cheats list`, or `write NAME DIRECTORY`: the base and one candidate as two commits."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.cheats import base, cheats

IDENTITY = ("-c", "user.name=cheats", "-c", "user.email=cheats@example.invalid")


def main(arguments: list[str]) -> int:
    match arguments:
        case ["list"]:
            for name, cheat in cheats().items():
                print(f"{name:24} {cheat.origin:6} {cheat.what}")
        case ["write", name, directory] if name in cheats():
            write(name, Path(directory))
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


def write(name: str, root: Path) -> None:
    """A new git repository at `root`: the first commit is the base, the second the candidate."""
    root.mkdir(parents=True)
    _git(root, "init", "-q", "-b", "main")
    _lay(root, base().files)
    _commit(root, "base")
    cheat = cheats()[name]
    for path in (*cheat.deleted, *cheat.links):
        shutil.rmtree(root / path) if (root / path).is_dir() else (root / path).unlink(missing_ok=True)
    _lay(root, cheat.files)
    for path, target in cheat.links.items():
        (root / path).symlink_to(target)
    _commit(root, name)


def _lay(root: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def _commit(root: Path, message: str) -> None:
    _git(root, "add", "-Af")
    _git(root, *IDENTITY, "commit", "-qm", message)


def _git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(root), *arguments], check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
