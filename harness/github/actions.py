"""The runner's side of a job: inputs, outputs, log commands, the summary. What it writes cannot be closed early,
and what it prints cannot command."""

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from harness.config import ConfigError

SUMMARY = 1_000_000
"""Bytes of the job's summary; the runner drops one above 1 MiB."""
PAYLOAD = 32 << 20


class Runner(msgspec.Struct, frozen=True, kw_only=True):
    """What the runner tells a job, from `GITHUB_*`."""

    event: str
    payload: Path
    repository: str
    token: str
    api: str
    graphql: str
    server: str
    temp: Path
    run: int
    attempt: int
    output: Path | None
    summary: Path | None
    triggering: str = ""

    @property
    def job(self) -> str:
        """The address of this workflow run."""
        return f"{self.server}/{self.repository}/actions/runs/{self.run}"


def runner(environ: Mapping[str, str] = os.environ) -> Runner:
    """The runner's environment. Raises `ConfigError` where there is none."""
    missing = [
        name for name in ("GITHUB_EVENT_NAME", "GITHUB_EVENT_PATH", "GITHUB_REPOSITORY") if not environ.get(name)
    ]
    if missing:
        raise ConfigError(
            f"{', '.join(missing)} not set",
            "this command is for a job of GitHub Actions",
            "use: loopwright run --issue N",
        )
    server = environ.get("GITHUB_SERVER_URL") or "https://github.com"
    output, summary = environ.get("GITHUB_OUTPUT"), environ.get("GITHUB_STEP_SUMMARY")
    return Runner(
        event=environ["GITHUB_EVENT_NAME"],
        payload=Path(environ["GITHUB_EVENT_PATH"]),
        repository=environ["GITHUB_REPOSITORY"],
        token=environ.get("LOOPWRIGHT_TOKEN") or environ.get("GITHUB_TOKEN") or environ.get("GH_TOKEN") or "",
        api=environ.get("GITHUB_API_URL") or "https://api.github.com",
        graphql=environ.get("GITHUB_GRAPHQL_URL") or "",
        server=server.rstrip("/"),
        temp=Path(environ.get("RUNNER_TEMP") or "."),
        run=_int(environ.get("GITHUB_RUN_ID", "")),
        attempt=_int(environ.get("GITHUB_RUN_ATTEMPT", "")) or 1,
        output=Path(output) if output else None,
        summary=Path(summary) if summary else None,
        triggering=environ.get("GITHUB_TRIGGERING_ACTOR") or "",
    )


def payload(run: Runner) -> dict[str, Any]:
    """The webhook's payload. Raises `ConfigError` when it cannot be read."""
    try:
        if run.payload.stat().st_size > PAYLOAD:
            raise ConfigError("the payload is too large", str(run.payload))
        found = msgspec.json.decode(run.payload.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError("the payload cannot be read", str(error), "check GITHUB_EVENT_PATH") from None
    if not isinstance(found, dict):
        raise ConfigError("the payload is no object", str(run.payload))
    return found


def given(name: str, default: str = "", environ: Mapping[str, str] = os.environ) -> str:
    """An input of the action: the steps pass them as `LOOPWRIGHT_INPUT_*`; empty is not given."""
    return environ.get("LOOPWRIGHT_INPUT_" + name.upper().replace("-", "_"), "").strip() or default


def set_outputs(run: Runner, values: Mapping[str, object]) -> None:
    """Write outputs, each under a delimiter that nobody can know and that its value does not hold."""
    if run.output is None:
        return
    with run.output.open("a", encoding="utf-8") as file:
        for name, value in values.items():
            text = _shown(value)
            mark = f"loopwright_{secrets.token_hex(16)}"
            while mark in text:
                mark = f"loopwright_{secrets.token_hex(16)}"
            file.write(f"{name}<<{mark}\n{text}\n{mark}\n")


def summarise(run: Runner, text: str) -> None:
    """Add to the job's summary."""
    if run.summary is not None:
        with run.summary.open("a", encoding="utf-8") as file:
            file.write(text.encode()[:SUMMARY].decode("utf-8", "ignore") + "\n")


def command(name: str, text: str) -> str:
    """A log command whose text is data: `%`, line ends and nothing else can end it."""
    return f"::{name}::{text.replace('%', '%25').replace(chr(13), '%0D').replace(chr(10), '%0A')}"


@contextmanager
def silenced(echo: Callable[[str], None]) -> Iterator[Callable[[str], None]]:
    """Within the block the runner reads no commands; what is written there also loses the marks of one."""
    mark = secrets.token_hex(16)
    echo(f"::stop-commands::{mark}")
    try:
        yield lambda text: echo("\n".join(harmless(line) for line in text.splitlines()))
    finally:
        echo(f"::{mark}::")


def harmless(line: str) -> str:
    """A line that is no log command: `::` counts where a line begins, the older `##[` wherever it stands."""
    line = line.replace("##[", "## [")
    return f"· {line}" if line.lstrip().startswith("::") else line


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _int(text: str) -> int:
    return int(text) if text.isdecimal() else 0
