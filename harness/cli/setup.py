"""`init` and `doctor`: getting a repository and a machine ready."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from harness.clean import clean
from harness.config import FILE, ConfigError, parse, places

if TYPE_CHECKING:
    from gates import Gate

_TEMPLATE = """\
# Loopwright's configuration of this repository (read from the commit a run starts from: commit this file).
# Everything here may be left out; what is commented shows the default.

[sandbox]
# image = "auto"            # or an image with git and python3 that the Docker engine has
{setup}
[models]
# light = ["claude-haiku-5-5"]      # explores, refutes, learns
# mid = ["claude-sonnet-5-5"]       # makes; later ones of a list stand in for the first
# frontier = ["claude-opus-5-5", "claude-opus-5"]   # checks; makes after two iterations without progress

[limits]
# iterations = 6
# usd = 5.0
# minutes = 60

[scope]
# paths = ["**"]            # what may change
# may_edit_tests = []       # existing tests that may be edited, as globs
# protected = []            # what may not, besides test and gate configuration

# The gates. What stands here was detected; each runs at base first, and only new failures count.
{gates}"""


@click.command()
@click.option("--repo", type=click.Path(path_type=Path), default=Path(), help="The repository; default: here.")
def init(repo: Path) -> None:
    """Detect tests, lint and Python, and write a short commented loopwright.toml. Nothing else is touched."""
    from gates import explain
    from gates.languages import projects
    from harness.repo import Store, discover, resolve

    repository = discover(repo)
    target = repository.root / FILE
    if repository.bare:
        raise ConfigError(f"{repository.root} is bare", "there is no checkout to write into", "call it in a clone")
    if target.exists() or target.is_symlink():
        raise ConfigError(f"{FILE} is here already", str(target), "edit it, or remove it and call init again")
    base = resolve(repository, None)
    store = Store(places().home, repository)
    store.adopt(base)
    paths = store.paths(base.tree)
    found = [("", *each) for each in explain(paths, lambda path: store.file(base.tree, path))]
    tables = []
    for directory in projects(paths):
        inside = [path.removeprefix(f"{directory}/") for path in paths if path.startswith(f"{directory}/")]
        inner = explain(inside, lambda path, at=directory: store.file(base.tree, f"{at}/{path}"))  # type: ignore[misc]
        found = [each for each in found if each[1].kind in ("integrity", "security")]  # each project has its own
        tables.append((directory, [each for each in inner if each[0].kind not in ("integrity", "security")]))
    lines = [line for _, gate, reason in found for line in _table(f"[gates.{gate.name}]", gate, reason)]
    for directory, gates in tables:
        lines += [
            "[[project]]",
            f"path = {_quoted(directory)}",
            "# needs = []               # other projects' paths",
            "",
        ]
        for gate, reason in gates:
            lines += _table(f"[project.gates.{gate.name}]", gate, reason)
            found.append((directory, gate, reason))
    text = _TEMPLATE.format(setup=_setup(set(paths)), gates="\n".join(lines))
    parse(text.encode(), FILE)
    target.write_text(text)
    click.echo(f"wrote {target}")
    for directory, gate, reason in found:
        name = f"{directory}:{gate.name}" if directory else gate.name
        click.echo(f"  {clean(name):<10} {gate.kind:<10} {clean(reason)}")
    click.echo('next: read and commit it, then: loopwright run "what is wanted"')


def _table(head: str, gate: "Gate", reason: str) -> list[str]:
    """One gate as TOML, the reason for it beside its name."""
    reason = " ".join(clean(reason).split())  # a file's name may hold a newline
    lines = [head + (f"   # {reason}" if reason else ""), f'kind = "{gate.kind}"']
    for key in ("command", "format", "report"):
        if value := getattr(gate, key):
            lines.append(f"{key} = {_quoted(value)}")
    if not gate.required:
        lines.append("required = false")
    return [*lines, f"timeout = {gate.timeout}", ""]


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _setup(paths: set[str]) -> str:
    """How the environment image is made; a suggestion where the tree names dependencies, for a person to confirm."""
    if "requirements.txt" in paths:
        return 'setup = ["pip install -r requirements.txt"]   # once, with network; runs are without\n'
    if paths & {"pyproject.toml", "setup.py"}:
        return '# setup = ["pip install -e ."]   # once, with network; runs are without\n'
    return "# setup = []                # commands run once, with network; runs are without\n"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def doctor(as_json: bool) -> int:
    """Check Docker, git, image, disk, model endpoint and price table: each ok, or why not and the fix."""
    from harness.loop.doctor import examine

    checks = examine(places())
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(checks), indent=2))
    else:
        for check in checks:
            mark = click.style("ok  ", fg="green") if check.ok else click.style("FAIL", fg="red", bold=True)
            click.echo(f"{mark} {check.name:<10} {check.what}")
            if check.why and not check.ok:
                click.echo(f"     why: {check.why}")
            if check.fix and not check.ok:
                click.echo(f"     fix: {check.fix}")
    return 0 if all(check.ok for check in checks) else 3
