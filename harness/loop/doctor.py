"""What a run needs of this machine, looked at without starting one."""

import os
import shutil
import subprocess
import time

from harness.config import ConfigError, Places, settle
from harness.events import DRILL
from harness.journal import Journal, JournalError
from harness.models import CatalogError, MessagesModel, UnpricedModel, load
from sandboxes import Check

DISK_GB = 5
"""Free space under which runs are likely to fail: a base image, an environment and a few work trees."""


def examine(places: Places) -> tuple[Check, ...]:
    """Every check, the failing ones too; nothing is changed and no token is spent."""
    from harness.loop.prepare import engine_of

    return (*engine_of(places).probe(), _git(), _disk(places), *_models(places), drilled(places))


def _git() -> Check:
    try:
        asked = subprocess.run(["git", "--version"], capture_output=True, text=True, check=False, timeout=30)
        version = asked.stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        version = "git does not answer"
    numbers = tuple(int(part) for part in version.rsplit(" ", 1)[-1].split(".")[:2] if part.isdigit())
    return Check(
        name="git",
        ok=numbers >= (2, 31),
        what=version,
        why="" if numbers >= (2, 31) else "2.31 or newer is needed",
        fix="install a newer git",
    )


def _disk(places: Places) -> Check:
    try:
        places.home.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(places.home).free / 1e9
        if not os.access(places.home, os.W_OK):
            raise PermissionError(13, "it cannot be written")
    except OSError as error:
        why = error.strerror or str(error)
        fix = "mend its permissions, or set LOOPWRIGHT_HOME"
        return Check(name="state", ok=False, what=str(places.home), why=why, fix=fix)
    return Check(
        name="state",
        ok=free >= DISK_GB,
        what=f"{places.home}: {free:.0f} GB free",
        why=f"less than {DISK_GB} GB is free",
        fix="free some space, or move the state with LOOPWRIGHT_HOME; `loopwright gc --all` removes what is unused",
    )


def _models(places: Places) -> tuple[Check, ...]:
    try:
        catalog = load(places.models)
        config, _ = settle(lambda path: None, places.settings)
    except (CatalogError, ConfigError) as error:
        return (Check(name="prices", ok=False, what=error.what, why=error.why, fix=error.fix),)
    rows = [Check(name="prices", ok=True, what=f"{len(catalog.profiles)} models, as of {catalog.dated}")]
    for role, name in (("maker", config.models.making[0]), ("checker", config.models.checking[0])):
        try:
            profile = catalog.profile(name)
        except UnpricedModel as unpriced:
            rows.append(Check(name=role, ok=False, what=unpriced.what, why=unpriced.why, fix=unpriced.fix))
            continue
        refusal = MessagesModel(profile).probe()
        rows.append(
            Check(
                name=role,
                ok=refusal is None,
                what=f"{profile.name} answers" if refusal is None else f"{profile.name} cannot be asked",
                why=refusal.message if refusal else "",
                fix="set ANTHROPIC_API_KEY, and ANTHROPIC_BASE_URL for a server of your own" if refusal else "",
            )
        )
    return tuple(rows)


def drilled(places: Places) -> Check:
    """When gates were last drilled on this machine, where, and what came of it."""
    path = places.home / "journal.db"
    try:
        runs = Journal(path).runs() if path.exists() else ()
    except JournalError as error:
        return Check(name="journal", ok=False, what=error.what, why=error.why, fix=error.fix)
    last = next((run for run in runs if run.source == DRILL and run.outcome), None)
    if last is None:
        return Check(name="drill", ok=True, what="never: `loopwright drill` shows whether a repository's gates see")
    day = time.strftime("%Y-%m-%d %H:%M", time.localtime(last.ended / 1_000_000))
    return Check(name="drill", ok=True, what=f"{day}: {last.reason} ({last.repo}, run {last.run})")
