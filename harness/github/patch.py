"""What a pull request of ours may change, in three tiers: never, only with a person's eye on it, freely."""

from collections.abc import Iterable, Sequence

import msgspec

from gates import matches
from harness.repo import Change

NEVER = (
    *("/.github/workflows", "/.github/actions", "/.github/CODEOWNERS", "CODEOWNERS", "action.yml", "action.yaml"),
    *(".gitattributes", ".gitmodules", ".lfsconfig", "loopwright.toml", "/.loopwright"),
)
"""What decides who may do what in the repository, or runs with its secrets."""

ASK = (
    *("pyproject.toml", "setup.py", "setup.cfg", "requirements*.txt", "*.lock", "Pipfile", "package.json"),
    *("package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock", "bunfig.toml", ".npmrc", ".yarnrc*"),
    *("go.mod", "go.sum", "Cargo.toml", "Gemfile", "*.gemspec", "pom.xml", "build.gradle*", "*.csproj", "mix.exs"),
    *("Dockerfile*", "*.dockerfile", "docker-compose*.yml", "compose*.yaml", "Makefile", "*.mk", "justfile"),
    *("/.github", "/.gitlab-ci.yml", "/.circleci", "/.travis.yml", "/azure-pipelines.yml", "/Jenkinsfile"),
    *("AGENTS.md", "CLAUDE.md", "GEMINI.md", "/.claude", "/.cursor", "/.agents", "/.vscode", "/.devcontainer"),
    *(".pre-commit-config.yaml", "/.husky", "SECURITY.md", ".envrc", ".tool-versions"),
)
"""What is installed, built or believed by machines: it may change, and a person has to see that it did."""


class PatchPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of one patch."""

    allow: tuple[str, ...] = ()
    """Globs, from the root, of paths that are free, whatever the tiers say."""
    protected: tuple[str, ...] = ()
    """Globs of further paths that never change."""
    max_files: int = 100
    max_kb: int = 4096


class Weighed(msgspec.Struct, frozen=True):
    """The paths of a patch by tier, and what forbids it altogether."""

    never: tuple[str, ...]
    ask: tuple[str, ...]
    why: tuple[str, ...]

    @property
    def allowed(self) -> bool:
        return not self.why


def weigh(changes: Sequence[Change], size: int, policy: PatchPolicy) -> Weighed:
    """Judge a patch of `size` bytes of new content by its changed paths, from the raw trees."""
    paths = [each for each in changes if not matches(each.path, policy.allow)]  # lists that permit begin at the root
    never = tuple(e.path for e in paths if matches(e.path, (*NEVER, *policy.protected), anywhere=True))
    ask = tuple(e.path for e in paths if e.path not in never and matches(e.path, ASK, anywhere=True))
    ask += tuple(
        e.path for e in paths if e.new_mode == "100755" and e.status == "added" and e.path not in (*never, *ask)
    )
    why = []
    if never:
        why.append(f"it changes {_some(never)}, which no run may")
    if len(changes) > policy.max_files:
        why.append(f"it changes {len(changes)} files, and {policy.max_files} are allowed")
    if size > policy.max_kb * 1024:
        why.append(f"it brings {size // 1024} KB, and {policy.max_kb} KB are allowed")
    odd = [e.path for e in changes if e.new_mode == "160000" or e.old_mode == "160000"]
    if odd:
        why.append(f"it changes the submodule {_some(odd)}")
    return Weighed(never, ask, tuple(why))


def _some(paths: Iterable[str], most: int = 5) -> str:
    listed = list(paths)
    return ", ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")
