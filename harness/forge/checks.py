"""What a forge's own checks say about a commit: red, green or running, and the logs of what failed."""

import hashlib
import re
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from harness.forge.errors import ForgeError
from harness.forge.github import STATUS, GitHub

LOG = 200
"""Lines kept of a failed job's log, around its first error."""
LOG_BYTES = 8 << 20
JOBS = 5
"""Failed jobs whose logs are read."""
_RED = ("failure", "timed_out", "action_required", "startup_failure")


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check of a commit. `red` for what failed; cancelled, skipped and stale ones say nothing."""

    name: str
    state: Literal["red", "green", "running", "mute"]
    url: str = ""


class FailedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A failed job of a workflow run, with the part of its log around the first error."""

    name: str
    step: str
    log: str


def checks(github: GitHub, commit: str) -> tuple[Check, ...]:
    """The check runs and statuses of a commit, our own status left out."""
    found = [
        _check(each) for each in github.wire.pages(github.api(f"/commits/{_quoted(commit)}/check-runs"), "check_runs")
    ]
    combined = github.wire.get(github.api(f"/commits/{_quoted(commit)}/status"))
    for each in combined.get("statuses", []):
        if each.get("context") != STATUS:
            state: Any = {"success": "green", "pending": "running"}.get(each.get("state"), "red")
            found.append(Check(name=str(each.get("context")), state=state, url=str(each.get("target_url") or "")))
    return tuple(found)


def failed_jobs(github: GitHub, run: int) -> tuple[FailedJob, ...]:
    """The failed jobs of a workflow run. A log that cannot be had is empty."""
    jobs = github.wire.pages(github.api(f"/actions/runs/{run}/jobs"), "jobs", filter="latest")
    red = [each for each in jobs if each.get("conclusion") in _RED][:JOBS]
    return tuple(
        FailedJob(
            name=str(job.get("name")),
            step=next((str(s.get("name")) for s in job.get("steps") or () if s.get("conclusion") in _RED), ""),
            log=excerpt(_log(github, int(job["id"]))),
        )
        for job in red
    )


def failed_run(github: GitHub, commit: str) -> int:
    """The newest failed workflow run of a commit; 0 when there is none."""
    found = github.wire.get(github.api("/actions/runs"), head_sha=commit, status="failure", per_page=1)
    runs = found.get("workflow_runs") or []
    return int(runs[0]["id"]) if runs else 0


def fingerprint(jobs: tuple[FailedJob, ...]) -> str:
    """What fails and how, without the numbers that differ from run to run; `` when nothing is known."""
    rows = []
    for job in jobs:
        error = next((row for row in job.log.splitlines() if "error" in row.lower()), "")
        rows.append(f"{job.name}\n{job.step}\n{re.sub(r'[0-9a-f]{6,}|[0-9]+', '#', error)}")
    return hashlib.sha256("\n\n".join(sorted(rows)).encode()).hexdigest()[:16] if rows else ""


def excerpt(log: str, lines: int = LOG) -> str:
    """Up to `lines` lines of a log: most of them before its first error, else its end. Time stamps go."""
    rows = [row[29:] if row[:4].isdigit() and row[27:29] == "Z " else row for row in log.splitlines()]
    words = ("##[error]", "error:", "traceback (most recent", "failed", "fatal:")
    at = next((n for n, row in enumerate(rows) if any(word in row.lower() for word in words)), None)
    if at is None:
        return "\n".join(rows[-lines:])
    start = max(0, at - lines * 3 // 4)
    return "\n".join(rows[start : start + lines])


def _log(github: GitHub, job: int) -> str:
    try:
        answer = github.wire.send("GET", github.api(f"/actions/jobs/{job}/logs"))
        if answer.status == 302:
            return github.wire.download(answer.headers.get("location", ""), LOG_BYTES).decode("utf-8", "replace")
        return answer.body.decode("utf-8", "replace")
    except ForgeError:
        return ""


def _check(found: dict[str, Any]) -> Check:
    state: Any = "running"
    if found.get("status") == "completed":
        conclusion = found.get("conclusion")
        state = "red" if conclusion in _RED else "green" if conclusion in ("success", "neutral") else "mute"
    return Check(name=str(found.get("name")), state=state, url=str(found.get("html_url") or ""))


def _quoted(ref: str) -> str:
    return quote(ref, safe="")
