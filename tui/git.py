"""A candidate's change out of the harness's store, as git's own text. Imported when the first diff is looked at."""

from pathlib import Path

from harness.repo import RepoError, Repository, Store


def change(home: Path, repo_id: str, old: str, new: str, context: int) -> tuple[str, str]:
    """The change between two trees, and what to say where there is none to be had.

    A viewer makes no store: what is not under `home` is on the machine of the run.
    """
    if not (home / "store" / f"{repo_id}.git" / "HEAD").is_file():
        return "", "the candidates are not on this machine: the diff is where the run was"
    place = Repository(root=home, git_dir=home, head_dir=home, bare=True, id=repo_id)
    try:
        return Store(home, place).diff(old, new, context), ""
    except (RepoError, OSError) as error:
        return "", str(error)
